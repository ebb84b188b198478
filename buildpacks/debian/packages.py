"""A package index, and the set of packages that some wanted ones need."""

import re
from dataclasses import dataclass, field

from buildpacks.debian import errors, versions
from buildpacks.debian.sources import fields


@dataclass(frozen=True, slots=True)
class Package:
    """One package as the index describes it; `mirror` and `filename` make its address."""

    name: str
    version: str
    mirror: str
    filename: str
    size: int
    sha256: str
    depends: tuple[tuple[str, ...], ...]

    @property
    def address(self) -> str:
        """Where the package file is."""
        return f"{self.mirror}/{self.filename}"


@dataclass(slots=True)
class Index:
    """The packages of one or more suites by name; of two versions it keeps the newer one.

    Stanzas are parsed when asked for: an index has 70,000 of them, an image needs 100.
    """

    stanzas: dict[str, tuple[str, str]] = field(default_factory=dict)
    providers: dict[str, list[str]] = field(default_factory=dict)
    essential: list[str] = field(default_factory=list)

    def add(self, mirror: str, text: str) -> None:
        """Take in the text of a Packages file of this mirror."""
        for stanza in text.split("\n\n"):
            if not stanza.startswith("Package: "):
                continue
            name = stanza[len("Package: ") : stanza.index("\n")]
            if self._is_newer(name, stanza):
                self._put(name, mirror, stanza)

    def package(self, name: str) -> Package:
        """Return the package of this name."""
        if name not in self.stanzas:
            raise errors.no_package(name)
        mirror, stanza = self.stanzas[name]
        row = fields(stanza)
        return Package(
            name=name,
            version=row["version"],
            mirror=mirror,
            filename=row["filename"],
            size=int(row["size"]),
            sha256=row["sha256"],
            depends=_dependencies(f"{row.get('pre-depends', '')},{row.get('depends', '')}"),
        )

    def _is_newer(self, name: str, stanza: str) -> bool:
        if name not in self.stanzas:
            return True
        return versions.key(_version(stanza)) > versions.key(_version(self.stanzas[name][1]))

    def _put(self, name: str, mirror: str, stanza: str) -> None:
        if name not in self.stanzas and "\nEssential: yes" in stanza:
            self.essential.append(name)
        self.stanzas[name] = (mirror, stanza)
        if "\nProvides:" in stanza:
            for virtual in _dependencies(fields(stanza)["provides"]):
                self.providers.setdefault(virtual[0], []).append(name)


def resolve(index: Index, wanted: list[str]) -> list[Package]:
    """Return the wanted packages and all that they depend on.

    Versions of dependencies are not compared: within one suite they always fit. Of alternatives the
    one already chosen is taken, else the first that exists, else its first provider.
    """
    chosen: dict[str, Package] = {}
    queue = [index.package(name) for name in wanted]
    chosen.update({package.name: package for package in queue})
    while queue:
        for alternatives in queue.pop(0).depends:
            if _is_met(index, chosen, alternatives):
                continue
            package = index.package(_pick(index, alternatives))
            chosen[package.name] = package
            queue.append(package)
    return list(chosen.values())


def _is_met(index: Index, chosen: dict[str, Package], alternatives: tuple[str, ...]) -> bool:
    return any(
        name in chosen or any(provider in chosen for provider in index.providers.get(name, ()))
        for name in alternatives
    )


def _pick(index: Index, alternatives: tuple[str, ...]) -> str:
    for name in alternatives:
        if name in index.stanzas:
            return name
        if name in index.providers:
            return index.providers[name][0]
    return alternatives[0]


def _dependencies(text: str) -> tuple[tuple[str, ...], ...]:
    groups = (group for group in text.split(",") if group.strip())
    return tuple(tuple(_bare(name) for name in group.split("|")) for group in groups)


def _bare(dependency: str) -> str:
    """Return the name alone, of `name:any (>= version)`."""
    return re.split(r"[\s:(\[]", dependency.strip(), maxsplit=1)[0]


def _version(stanza: str) -> str:
    match = re.search(r"^Version: (\S+)", stanza, re.MULTILINE)
    return match[1] if match else "0"
