"""Git's pkt-lines over an SSH channel, and what git asks for in a push."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from dulwich.protocol import Protocol
from paramiko.channel import Channel

from empire.errors import InvalidInput
from empire.names import Sha
from gitserver import errors

ZERO = "0" * 40
COMMANDS_MAX = 10_000
OPTIONS_MAX = 100
CAPABILITIES = (
    "report-status delete-refs side-band-64k quiet atomic ofs-delta push-options "
    "object-format=sha1 agent=empire"
)


@dataclass(frozen=True, slots=True)
class Update:
    """One ref from old to new; None means that there is no such ref."""

    ref: str
    old: Sha | None
    new: Sha | None

    @property
    def is_tag(self) -> bool:
        """Tell whether the ref is a tag."""
        return self.ref.startswith("refs/tags/")

    @property
    def branch(self) -> str:
        """The branch's name, or empty."""
        return self.ref.removeprefix("refs/heads/") if self.ref.startswith("refs/heads/") else ""


@dataclass(frozen=True, slots=True)
class Request:
    """What the client of a push asks for."""

    updates: tuple[Update, ...]
    capabilities: frozenset[str]
    shallow: frozenset[Sha]
    options: tuple[str, ...] = ()

    @property
    def has_pack(self) -> bool:
        """Tell whether a pack follows: git sends none when it only deletes."""
        return any(update.new for update in self.updates)


def over(channel: Channel) -> Protocol:
    """Return git's protocol over the channel."""

    def read(count: int) -> bytes:
        got = bytearray()
        while len(got) < count:
            piece = channel.recv(count - len(got))
            if not piece:
                break
            got += piece
        return bytes(got)

    return Protocol(read, channel.sendall)


def advertise(protocol: Protocol, refs: dict[str, Sha], shallow: set[Sha]) -> None:
    """Tell the client of a push what is here."""
    rows = [f"{sha} {ref}" for ref, sha in refs.items()] or [f"{ZERO} capabilities^{{}}"]
    rows[0] += f"\0{CAPABILITIES}"
    rows += [f"shallow {sha}" for sha in sorted(shallow)]
    lines = [f"{row}\n".encode("utf-8", "surrogateescape") for row in rows]
    protocol.write(b"".join(b"%04x%s" % (len(line) + 4, line) for line in lines) + b"0000")


def read_request(protocol: Protocol) -> Request:
    """Read what the client asks for; raises InvalidInput when it is not git's protocol."""
    updates: list[Update] = []
    shallow: set[Sha] = set()
    capabilities: frozenset[str] = frozenset()
    while line := protocol.read_pkt_line():
        text, _, tail = line.decode("utf-8", "surrogateescape").rstrip("\n").partition("\0")
        if tail:
            capabilities = frozenset(tail.split())
        if text.startswith("shallow "):
            shallow.add(_sha(text[8:]))
        else:
            updates.append(_update(text))
        if len(updates) > COMMANDS_MAX or len(shallow) > COMMANDS_MAX:
            raise errors.protocol_error("Too many refs for one push.")
    options = tuple(_options(protocol)) if "push-options" in capabilities else ()
    return Request(tuple(updates), capabilities, frozenset(shallow), options)


def _options(protocol: Protocol) -> Iterator[str]:
    for number in itertools.count():
        line = protocol.read_pkt_line()
        if line is None:  # an empty option is no end
            return
        if number >= OPTIONS_MAX:
            raise errors.protocol_error("Too many push options.")
        yield line.decode("utf-8", "replace").rstrip("\n")


def _update(text: str) -> Update:
    parts = text.split(" ", 2)
    if len(parts) != 3:
        raise errors.protocol_error("A command has an old id, a new id and a ref.")
    old, new, ref = parts
    return Update(ref, None if old == ZERO else _sha(old), None if new == ZERO else _sha(new))


def _sha(text: str) -> Sha:
    try:
        return Sha(text)
    except InvalidInput as error:
        raise errors.protocol_error(str(error)) from None


def refuse(channel: Channel, text: str) -> None:
    """Say why nothing is served, before a conversation began; git shows it as a fatal error."""
    line = f"ERR {text}\n".encode("utf-8", "replace")[:65000]
    channel.sendall(b"%04x%s" % (len(line) + 4, line))
