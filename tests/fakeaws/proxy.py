"""The load balancers' data plane: one asyncio loop, a port per listener, and one for each scheme."""

import asyncio
import threading
from contextlib import suppress
from typing import Any

import structlog

from tests.fakeaws import pages, routes
from tests.fakeaws.http_messages import Broken, Head, copy_body, read_head
from tests.fakeaws.targets import Target, Targets

log = structlog.get_logger()
IDLE_SECONDS = 60
CONNECT_SECONDS = 5
LIMIT = 256 * 1024

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Proxy:
    """Answers on loopback for every load balancer of the account."""

    def __init__(self, targets: Targets) -> None:
        self._targets = targets
        self._loop = asyncio.new_event_loop()
        self._ports: dict[str, int] = {}
        threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True).start()
        self.public = self._listen("", "internet-facing")
        self.internal = self._listen("", "internal")

    def ports(self) -> dict[str, int]:
        """Return the port of every listener, by its ARN."""
        for listener in routes.listeners():
            if listener.arn not in self._ports:
                self._ports[listener.arn] = self._listen(listener.arn, "")
        return dict(self._ports)

    def close(self) -> None:
        """Answer no more."""
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _listen(self, listener: str, scheme: str) -> int:
        async def start() -> int:
            async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await _Client(self._targets, listener, scheme, (reader, writer)).serve()

            server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=LIMIT, backlog=1000)
            return int(server.sockets[0].getsockname()[1])

        return asyncio.run_coroutine_threadsafe(start(), self._loop).result(5)


class _Client:
    """One connection of a client, which may ask many times."""

    def __init__(self, targets: Targets, listener: str, scheme: str, streams: Streams) -> None:
        self._targets = targets
        self._listener, self._scheme = listener, scheme
        self._reader, self._writer = streams

    async def serve(self) -> None:
        """Answer requests until one side closes."""
        try:
            while await self._answer_one():
                await self._writer.drain()
        except (Broken, OSError, asyncio.IncompleteReadError, TimeoutError):
            pass
        except Exception:
            log.exception("proxy")
        finally:
            self._writer.close()

    async def _answer_one(self) -> bool:
        """Answer the next request; return whether another may follow."""
        head = await asyncio.wait_for(read_head(self._reader), IDLE_SECONDS)
        if head is None:
            return False
        action = self._action(head)
        if action.get("Type") == "forward":
            return await self._forward(head, routes.target_group_of(action))
        return await self._say(head, pages.answer(action, head.host, head.path))

    def _action(self, head: Head) -> dict[str, Any]:
        request = routes.Request(head.host, head.path, head.method, head.headers())
        candidates = [
            listener
            for listener in routes.listeners(self._scheme)
            if self._listener in ("", listener.arn)
        ]
        return (routes.actions_for(candidates, request) or [{}])[-1]

    async def _say(self, head: Head, answer: bytes) -> bool:
        """Answer without a target, after the request's body was read."""
        await copy_body(self._reader, None, head.framing())
        if head.method == "HEAD":
            answer = answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        self._writer.write(answer)
        return head.keeps_alive

    async def _forward(self, head: Head, group: str) -> bool:
        with self._targets.chosen(group) as target:
            if target is None:
                return await self._say(head, pages.error(503))
            try:
                upstream = await asyncio.wait_for(
                    asyncio.open_connection(target.host, target.port, limit=LIMIT), CONNECT_SECONDS
                )
            except (OSError, TimeoutError):
                return await self._say(head, pages.error(502))
            try:
                return await self._relay(head, upstream, target)
            finally:
                upstream[1].close()

    async def _relay(self, head: Head, upstream: Streams, target: Target) -> bool:
        reader, writer = upstream
        peer = self._writer.get_extra_info("peername")[0]
        writer.write(head.forwarded(peer, _scheme_of(self._listener)))
        sending = asyncio.create_task(copy_body(self._reader, writer, head.framing()))
        try:
            answer = await asyncio.wait_for(self._first_answer(reader), IDLE_SECONDS)
            if answer is None:
                return self._give_up(502)
            if answer.status == 101:
                await self._tunnel(answer, upstream)
                return False
            return await self._pass_on(head, answer, reader, sending)
        except TimeoutError:
            return self._give_up(504)
        except Broken:
            return self._give_up(502)
        except OSError:
            return self._give_up(502)
        finally:
            await _finish(sending)

    async def _first_answer(self, reader: asyncio.StreamReader) -> Head | None:
        """Return the first answer that is final, passing on the ones before it."""
        while (answer := await read_head(reader)) is not None:
            if answer.status != 100:
                return answer
            self._writer.write(answer.raw)
        return None

    async def _pass_on(
        self, head: Head, answer: Head, reader: asyncio.StreamReader, sending: asyncio.Task[None]
    ) -> bool:
        framing = answer.framing(asked=head.method)
        keeps = head.keeps_alive and framing.is_known
        self._writer.write(answer.returned(keeps_alive=keeps))
        try:
            await copy_body(reader, self._writer, framing)
        except (OSError, asyncio.IncompleteReadError, Broken):
            return False
        return keeps and sending.done()

    def _give_up(self, status: int) -> bool:
        self._writer.write(pages.error(status, closes=True))
        return False

    async def _tunnel(self, answer: Head, upstream: Streams) -> None:
        """Let bytes flow both ways, as a websocket needs, until one side ends."""
        self._writer.write(answer.raw)
        flows = [
            asyncio.create_task(_flow(upstream[0], self._writer)),
            asyncio.create_task(_flow(self._reader, upstream[1])),
        ]
        _, left = await asyncio.wait(flows, return_when=asyncio.FIRST_COMPLETED)
        for flow in left:
            await _finish(flow)


async def _flow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(64 * 1024):
            writer.write(chunk)
            await writer.drain()


async def _finish(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError, OSError, Broken, asyncio.IncompleteReadError):
        await task


def _scheme_of(listener: str) -> str:
    found = [each for each in routes.listeners() if each.arn == listener]
    return "https" if found and found[0].protocol == "HTTPS" else "http"
