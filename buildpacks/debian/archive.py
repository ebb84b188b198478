"""Finding a Debian release on the machine's mirrors, with its updates and security fixes."""

import lzma
import re
from dataclasses import dataclass

from buildpacks.debian import errors
from buildpacks.debian.mirror import Reader
from buildpacks.debian.packages import Index
from buildpacks.debian.sources import AptSource
from empire import events
from empire.errors import EmpireError
from empire.events import Line, Stream


@dataclass(frozen=True, slots=True)
class Archive:
    """A suite that was found: its mirror, the mirror of its security fixes, and all its packages."""

    mirror: str
    suite: str
    security: str
    index: Index


def find(
    reader: Reader,
    sources: list[AptSource],
    suite: str,
    architecture: str,
    *,
    is_strict: bool = False,
) -> Stream[Archive]:
    """Return the suite from the first mirror that has it, else the one that the machine itself runs.

    Strict is this suite or none. Raises Unavailable with the reason of each mirror.
    """
    if not sources:
        raise errors.no_sources()
    security = next((s.uri for s in sources if s.suite.endswith("-security")), "")
    main = [source for source in sources if "-" not in source.suite]
    refusals: list[str] = []
    others = [] if is_strict else [source.suite for source in main]
    for name in dict.fromkeys([suite, *others]):
        for mirror in dict.fromkeys(source.uri for source in main):
            try:
                index = Index()
                index.add(mirror, _packages(reader, mirror, name, name, architecture))
            except EmpireError as error:
                refusals.append(str(error))
                continue
            if name != suite:
                yield events.Warning(f"Debian {name} instead of {suite}: {refusals[0]}")
            archive = Archive(mirror, name, security, index)
            yield from _add_fixes(reader, archive, architecture)
            return archive
    raise errors.no_suite(refusals)


def _add_fixes(reader: Reader, archive: Archive, architecture: str) -> Stream[None]:
    suite, index = archive.suite, archive.index
    yield Line(f"Debian {suite} from {archive.mirror}: {len(index.stanzas)} packages")
    for uri, name in (
        (archive.mirror, f"{suite}-updates"),
        (archive.security, f"{suite}-security"),
    ):
        if not uri:
            continue
        try:
            index.add(uri, _packages(reader, uri, name, suite, architecture))
        except EmpireError as error:
            yield events.Warning(f"Going on without {name}: {error.what}")


def _packages(reader: Reader, mirror: str, name: str, suite: str, architecture: str) -> str:
    """Return the text of the suite's package index, which its signed release file vouches for."""
    folder = f"{mirror}/dists/{name}"
    release = reader.release(folder, {suite, name})
    path = f"main/binary-{architecture}/Packages.xz"
    digests = re.findall(rf"^ ([0-9a-f]{{64}}) +\d+ {re.escape(path)}$", release, re.MULTILINE)
    if not digests:
        raise errors.unreachable(f"{folder}/{path}", "The release file does not list it.")
    return lzma.decompress(reader.fetch(f"{folder}/{path}", digests[0])).decode()
