"""The machine's apt sources, in both of the formats that apt reads (sources.list(5))."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

APT = Path("/etc/apt")
ONE_LINE = re.compile(
    r"deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)(?P<rest>.*)"
)


@dataclass(frozen=True, slots=True)
class AptSource:
    """One suite of binary packages at one mirror."""

    uri: str
    suite: str
    components: tuple[str, ...]


def read(folder: Path = APT) -> list[AptSource]:
    """Return the sources of the machine that speak HTTP(S) and have a main component, in order."""
    found = [source for path in _files(folder) for source in _parse(path)]
    return [
        source
        for source in dict.fromkeys(found)
        if source.uri.startswith(("http://", "https://")) and "main" in source.components
    ]


def _files(folder: Path) -> list[Path]:
    parts = folder / "sources.list.d"
    return [
        path
        for path in (folder / "sources.list", *sorted(parts.glob("*")))
        if path.is_file() and path.suffix in {".list", ".sources"}
    ]


def _parse(path: Path) -> Iterator[AptSource]:
    text = path.read_text(errors="replace")
    return parse_stanzas(text) if path.suffix == ".sources" else parse_lines(text)


def parse_lines(text: str) -> Iterator[AptSource]:
    """Yield the sources of a one-line-style file."""
    for line in text.splitlines():
        if match := ONE_LINE.match(line.partition("#")[0].strip()):
            yield AptSource(match["uri"].rstrip("/"), match["suite"], tuple(match["rest"].split()))


def parse_stanzas(text: str) -> Iterator[AptSource]:
    """Yield the sources of a deb822-style file."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for stanza in re.split(r"\n\s*\n", "\n".join(lines)):
        source = fields(stanza)
        if "deb" not in source.get("types", "").split() or source.get("enabled") == "no":
            continue
        for uri in source.get("uris", "").split():
            for suite in source.get("suites", "").split():
                yield AptSource(uri.rstrip("/"), suite, tuple(source.get("components", "").split()))


def fields(stanza: str) -> dict[str, str]:
    """Return the fields of one deb822 stanza, their names in lower case, folded lines joined."""
    joined = re.sub(r"\n[ \t]+", " ", stanza)
    pairs = (line.partition(":") for line in joined.splitlines() if line.strip())
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
