"""HTTP/1.1 as a proxy needs it: heads as they came, bodies copied without being kept."""

import asyncio
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

HOP = {b"connection", b"keep-alive", b"proxy-connection"}
PIECE = 64 * 1024
TLS = b"\x16"
"""How a TLS handshake begins: Docker tries that first."""


class Broken(Exception):
    """The other side does not speak HTTP."""


@dataclass(frozen=True)
class Framing:
    """How a body ends: after `length` bytes, with the last chunk, or when the connection does."""

    length: int = 0
    is_chunked: bool = False
    is_known: bool = True


@dataclass(frozen=True)
class Head:
    """The start line and the headers of a request or an answer."""

    raw: bytes
    start: bytes
    pairs: tuple[tuple[bytes, bytes], ...]

    @property
    def method(self) -> str:
        """The request's method."""
        return self.start.split(b" ")[0].decode("latin-1")

    @property
    def path(self) -> str:
        """The request's path with its query."""
        return self.start.split(b" ")[1].decode("latin-1")

    @property
    def status(self) -> int:
        """The answer's status."""
        try:
            return int(self.start.split(b" ")[1])
        except ValueError:
            raise Broken(self.start) from None

    @property
    def host(self) -> str:
        """The host that was asked for."""
        return self.get(b"host").decode("latin-1")

    @property
    def keeps_alive(self) -> bool:
        """Tell whether the client may ask again on the same connection."""
        is_new = self.start.endswith(b"HTTP/1.1")
        wish = self.get(b"connection").lower()
        return wish != b"close" if is_new else wish == b"keep-alive"

    def get(self, name: bytes) -> bytes:
        """Return a header's value, empty without one."""
        return next((value for key, value in self.pairs if key.lower() == name), b"")

    def headers(self) -> dict[str, str]:
        """Return the headers by their names in small letters."""
        return {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in self.pairs}

    def framing(self, asked: str = "") -> Framing:
        """Return how the body ends; `asked` is the method that an answer belongs to."""
        if asked and (asked == "HEAD" or self.status in (204, 304)):
            return Framing()
        if b"chunked" in self.get(b"transfer-encoding").lower():
            return Framing(is_chunked=True)
        if length := self.get(b"content-length"):
            if not length.isdigit():
                raise Broken(length)
            return Framing(length=int(length))
        return Framing(is_known=not asked)

    def forwarded(self, peer: str, scheme: str) -> bytes:
        """Return the head as a target gets it."""
        earlier = self.get(b"x-forwarded-for")
        chain = earlier + b", " + peer.encode() if earlier else peer.encode()
        dropped = {*HOP, b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-port"}
        is_upgrade = bool(self.get(b"upgrade"))
        more = [
            (b"X-Forwarded-For", chain),
            (b"X-Forwarded-Proto", scheme.encode()),
            (b"X-Forwarded-Port", b"443" if scheme == "https" else b"80"),
            (b"X-Amzn-Trace-Id", f"Root=1-{uuid.uuid4().hex}".encode()),
            (b"Connection", b"upgrade" if is_upgrade else b"close"),
        ]
        return self._with(dropped, more)

    def passed(self) -> bytes:
        """Return the head for a place that is not the target of a load balancer."""
        return self._with(HOP, [(b"Connection", b"close")])

    def returned(self, *, keeps_alive: bool) -> bytes:
        """Return the answer's head as the client gets it."""
        return self._with(HOP, [(b"Connection", b"keep-alive" if keeps_alive else b"close")])

    def _with(self, dropped: set[bytes], more: Iterable[tuple[bytes, bytes]]) -> bytes:
        kept = [pair for pair in self.pairs if pair[0].lower() not in dropped]
        lines = [self.start, *(name + b": " + value for name, value in (*kept, *more))]
        return b"\r\n".join(lines) + b"\r\n\r\n"


async def read_head(reader: asyncio.StreamReader) -> Head | None:
    """Return the next head, or None when the connection ends before it."""
    first = await reader.read(1)
    if not first:
        return None
    if first == TLS:
        raise Broken("this is TLS")  # it would wait for an answer before it says more
    try:
        raw = first + await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        raise Broken("half a head") from None
    except asyncio.LimitOverrunError:
        raise Broken("a head too long") from None
    start, *lines = raw.strip(b"\r\n").split(b"\r\n")
    if b"HTTP/1." not in start or start.count(b" ") < 1:
        raise Broken(start)
    return Head(raw, start, tuple(_pair(line) for line in lines))


async def copy_body(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter | None, framing: Framing
) -> None:
    """Copy a body piece by piece; without a writer, read it and forget it."""
    if framing.is_chunked:
        await _copy_chunks(reader, writer)
    elif not framing.is_known:
        while piece := await reader.read(PIECE):
            await _write(writer, piece)
    else:
        await _copy_exactly(reader, writer, framing.length)


async def _copy_chunks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter | None) -> None:
    while True:
        line = await reader.readuntil(b"\r\n")
        await _write(writer, line)
        size = _size(line)
        if size == 0:
            break
        await _copy_exactly(reader, writer, size + 2)
    while (line := await reader.readuntil(b"\r\n")) != b"\r\n":
        await _write(writer, line)
    await _write(writer, line)


async def _copy_exactly(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter | None, length: int
) -> None:
    while length:
        piece = await reader.read(min(PIECE, length))
        if not piece:
            raise Broken("half a body")
        length -= len(piece)
        await _write(writer, piece)


async def _write(writer: asyncio.StreamWriter | None, piece: bytes) -> None:
    if writer is not None:
        writer.write(piece)
        await writer.drain()


def _size(line: bytes) -> int:
    try:
        return int(line.partition(b";")[0], 16)
    except ValueError:
        raise Broken(line) from None


def _pair(line: bytes) -> tuple[bytes, bytes]:
    name, colon, value = line.partition(b":")
    if not colon:
        raise Broken(line)
    return name, value.strip()
