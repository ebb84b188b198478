"""One connection of a client that may ask many times, and answers brought from somewhere else."""

import asyncio
from abc import ABC, abstractmethod
from contextlib import suppress

import structlog

from tests.fakeaws import pages
from tests.fakeaws.http_messages import Broken, Head, copy_body, read_head

log = structlog.get_logger()
IDLE_SECONDS = 60
CONNECT_SECONDS = 5
LIMIT = 256 * 1024

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
LOST = (OSError, Broken, asyncio.IncompleteReadError)


class Relay(ABC):
    """Answers a client's requests one after another."""

    def __init__(self, streams: Streams) -> None:
        self._reader, self._writer = streams

    async def serve(self) -> None:
        """Answer requests until one side closes."""
        try:
            while await self._answer_next():
                await self._writer.drain()
        except (*LOST, TimeoutError):
            pass
        except Exception:
            log.exception("relay")
        finally:
            self._writer.close()

    @property
    def peer(self) -> str:
        """The client's address."""
        return str(self._writer.get_extra_info("peername")[0])

    @abstractmethod
    async def answer(self, head: Head) -> bool:
        """Answer a request; return whether another may follow."""

    async def say(self, head: Head, answer: bytes) -> bool:
        """Answer from here, after the request's body was read."""
        await copy_body(self._reader, None, head.framing())
        if head.method == "HEAD":
            answer = answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        self._writer.write(answer)
        return head.keeps_alive

    async def bring(self, head: Head, forwarded: bytes, place: tuple[str, int]) -> bool:
        """Ask another place with the head `forwarded` and the request's body; pass its answer on."""
        try:
            upstream = await asyncio.wait_for(
                asyncio.open_connection(*place, limit=LIMIT), CONNECT_SECONDS
            )
        except (OSError, TimeoutError):
            return await self.say(head, pages.error(502))
        upstream[1].write(forwarded)
        sending = asyncio.create_task(copy_body(self._reader, upstream[1], head.framing()))
        try:
            return await self._exchange(head, upstream, sending)
        except TimeoutError:
            return self._give_up(504)
        except LOST:
            return self._give_up(502)
        finally:
            await _finish(sending)
            upstream[1].close()

    async def _answer_next(self) -> bool:
        head = await asyncio.wait_for(read_head(self._reader), IDLE_SECONDS)
        return head is not None and await self.answer(head)

    async def _exchange(self, head: Head, upstream: Streams, sending: asyncio.Task[None]) -> bool:
        answer = await asyncio.wait_for(self._first_answer(upstream[0]), IDLE_SECONDS)
        if answer.status == 101:
            await self._tunnel(answer, upstream)
            return False
        framing = answer.framing(asked=head.method)
        keeps = head.keeps_alive and framing.is_known
        self._writer.write(answer.returned(keeps_alive=keeps))
        try:
            await copy_body(upstream[0], self._writer, framing)
        except LOST:
            return False
        return keeps and sending.done()

    async def _first_answer(self, reader: asyncio.StreamReader) -> Head:
        """Return the first answer that is final, passing on the ones before it."""
        while (answer := await read_head(reader)) is not None:
            if answer.status != 100:
                return answer
            self._writer.write(answer.raw)
        raise Broken("no answer")

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
    with suppress(asyncio.CancelledError, *LOST):
        await task
