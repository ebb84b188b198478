"""A data channel of AWS Systems Manager: bytes both ways over a websocket, in order, none lost."""

import json
import queue
import threading
import time
from collections import OrderedDict
from contextlib import suppress

import structlog
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, connect

from deployer.aws import errors, messages
from deployer.aws.messages import Message, Payload

CONNECT_SECONDS = 10.0
LARGEST_PAYLOAD = 1024
"""Bytes of input in a message: as many as AWS's own client puts there."""
MOST_UNANSWERED = 64
"""How many messages may be under way before writing waits."""
LOOK_SECONDS = 0.5
AGAIN_SECONDS = 2.0
"""After how long a message without an answer is sent again."""
CHUNKS_AHEAD = 64

log = structlog.get_logger()


class Channel:
    """One session. Reading and writing may be in different threads. Raises Unavailable to connect."""

    def __init__(self, url: str, token: str) -> None:
        self._socket = _connected(url)
        self._sending = threading.Lock()
        self._room = threading.Condition()
        self._unanswered: OrderedDict[int, tuple[float, bytes]] = OrderedDict()
        self._sequence = self._expected = 0
        self._early: dict[int, Message] = {}
        self._is_paused = False
        self._chunks: queue.Queue[bytes | None] = queue.Queue(CHUNKS_AHEAD)
        self._over = threading.Event()
        self._is_dropped = False
        """Whether nobody reads any more."""
        self._thread = threading.Thread(target=self._listen, name="exec", daemon=True)
        with suppress(WebSocketException, OSError):  # then reading tells that it is over
            self._socket.send(messages.opening(token))
        self._thread.start()

    def read(self, seconds: float | None = None) -> bytes | None:
        """Return what came next; None at the end. Raises TimeoutError after so many seconds."""
        try:
            chunk = self._chunks.get(timeout=seconds)
        except queue.Empty:
            raise TimeoutError from None
        if chunk is None:
            self._chunks.put(None)  # also for who asks again
        return chunk

    def write(self, content: bytes) -> None:
        """Send input; waits while too much is under way. Raises BrokenPipeError when it is over."""
        for begin in range(0, len(content), LARGEST_PAYLOAD):
            self._send(Payload.DATA, content[begin : begin + LARGEST_PAYLOAD])

    def resize(self, rows: int, columns: int) -> None:
        """Tell the size of the terminal."""
        self._send(Payload.SIZE, json.dumps({"cols": columns, "rows": rows}).encode())

    def close(self) -> None:
        """End the session, and what runs in it."""
        self._is_dropped = True
        if not self._over.is_set():
            self._over.set()
            with suppress(WebSocketException, OSError):
                flag = Message(
                    messages.INPUT, messages.TERMINATE, Payload.FLAG, self._sequence, flags=0
                )
                self._socket.send(flag.encoded())
        with self._room:
            self._room.notify_all()
        self._socket.close()

    def _send(self, kind: Payload, content: bytes) -> None:
        with self._sending:
            with self._room:
                self._room.wait_for(self._has_room)
                if self._over.is_set():
                    raise BrokenPipeError("The session is over.")
                flags = messages.FIRST if self._sequence == 0 else 0
                made = Message(messages.INPUT, content, kind, self._sequence, flags).encoded()
                self._unanswered[self._sequence] = time.monotonic(), made
                self._sequence += 1
            try:
                self._socket.send(made)
            except (WebSocketException, OSError):
                raise BrokenPipeError("The session is over.") from None

    def _has_room(self) -> bool:
        is_free = len(self._unanswered) < MOST_UNANSWERED and not self._is_paused
        return is_free or self._over.is_set()

    def _listen(self) -> None:
        try:
            while not self._over.is_set():
                self._send_again()
                try:
                    content = self._socket.recv(timeout=LOOK_SECONDS)
                except TimeoutError:
                    continue
                if isinstance(content, bytes):
                    self._take(messages.decoded(content))
        except ConnectionClosed as error:
            log.debug("exec session ended without goodbye", reason=str(error))
        except (ValueError, KeyError, TypeError, OSError, WebSocketException) as error:
            log.warning("exec session broken", error=str(error))
        finally:
            self._over.set()
            with self._room:
                self._room.notify_all()
            self._put(None)
            self._socket.close()

    def _send_again(self) -> None:
        """Send the oldest message again when nothing was heard of it for long."""
        now = time.monotonic()
        with self._room:
            number, (at, made) = next(iter(self._unanswered.items()), (0, (now, b"")))
            if now - at < AGAIN_SECONDS:
                return
            self._unanswered[number] = now, made
        self._socket.send(made)

    def _take(self, message: Message) -> None:
        if message.type == messages.OUTPUT:
            self._socket.send(messages.acknowledgement(message).encoded())
            if message.sequence >= self._expected:
                self._early[message.sequence] = message
            while found := self._early.pop(self._expected, None):
                self._expected += 1
                self._understand(found)
        elif message.type == messages.ACKNOWLEDGE:
            number = messages.parsed(message.payload)["AcknowledgedMessageSequenceNumber"]
            with self._room:
                self._unanswered.pop(number, None)
                self._room.notify_all()
        elif message.type in (messages.PAUSE, messages.GO_ON):
            with self._room:
                self._is_paused = message.type == messages.PAUSE
                self._room.notify_all()
        elif message.type == messages.CLOSED:
            self._over.set()

    def _understand(self, message: Message) -> None:
        if message.payload_type == Payload.DATA:
            self._put(message.payload)
        elif message.payload_type == Payload.HANDSHAKE_REQUEST:
            self._send(Payload.HANDSHAKE_RESPONSE, messages.handshake(message.payload))

    def _put(self, chunk: bytes | None) -> None:
        """Hand a chunk to who reads; wait for who is slow, but not for who has gone."""
        while True:
            try:
                self._chunks.put(chunk, timeout=LOOK_SECONDS)
            except queue.Full:
                if self._is_dropped:
                    with suppress(queue.Empty):
                        self._chunks.get_nowait()
                continue
            return


def _connected(url: str) -> ClientConnection:
    try:
        made = connect(
            url,
            open_timeout=CONNECT_SECONDS,
            close_timeout=1,
            # Who reads slowly holds up the answers to pings, too: that is no broken connection.
            ping_timeout=None,
            max_size=1 << 20,
            compression=None,
        )
        return made.__enter__()  # it is left by its close
    except (WebSocketException, OSError, TimeoutError) as error:
        raise errors.no_answer("open a session in a task", str(error)) from error
