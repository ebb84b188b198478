"""Which images a Dockerfile builds from. Those of other apps are refused: they hold others' code.

All doubt goes against the Dockerfile: a line that only some engines take for an instruction (in a
heredoc, after a continued line) counts as one, and a variable has every value that an ARG gives it.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from buildpacks import refusals
from buildpacks.expansion import UndecidedError, expanded
from empire.names import AppName

Look = Callable[[str], Mapping[str, Any] | None]
"""Returns what the engine knows of an image; None when it has none."""

LINES_MAX, CONTINUED_MAX, NAMES_MAX = 10_000, 1_000, 64
# Python and Go differ in where a line ends and what a blank is; no sane Dockerfile has these.
ODD = re.compile(r"[\0\v\f\x1c-\x1e\x85\u2028\u2029]|\r(?!\n|\Z)")
CONTINUED = re.compile(r"(?:[^\\]|^)\\[ \t]*$")
CONTINUED_END = re.compile(r"\\[ \t]*$")
WORD = re.compile(r"(?:ONBUILD\s+)*(FROM|ARG|COPY|ADD|RUN)\s+(.*)", re.IGNORECASE | re.DOTALL)
FLAG = re.compile(r"--[a-z]\S*\s+")
FLAG_FROM = re.compile(r"--from=(\S+)", re.IGNORECASE)
MOUNT_FROM = re.compile(r"[=,]\s*from=([^\s,]+)", re.IGNORECASE)
DIRECTIVE = re.compile(r"(?:#|//)\s*([a-z]+)\s*=\s*(\S*)", re.IGNORECASE)
STAGE = re.compile(r"FROM\s.*\sAS\s+([a-z][a-z0-9._-]*)\s*$", re.IGNORECASE)
REFERENCE = re.compile(r"[A-Za-z0-9\[][A-Za-z0-9._:/@\[\]-]*")
FRONTEND = "BUILDKIT_SYNTAX"
PLATFORM = {
    f"{whose}{what}": values
    for whose in ("TARGET", "BUILD")
    for what, values in {
        "OS": ["linux"], "ARCH": ["amd64", "arm64"], "VARIANT": ["v8"],
        "PLATFORM": ["linux/amd64", "linux/arm64"],
    }.items()
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Policy:
    """Whose images an app may build from: its own, and those that are no app's.

    `syntaxes` are the names of the images that may read a Dockerfile, `registry` is where this
    server keeps apps' images, each app's under its name; empty for nowhere.
    """

    app: AppName
    instance: str
    look: Look
    syntaxes: frozenset[str]
    registry: str = ""

    def check(self, dockerfile: str, arguments: Mapping[str, str]) -> None:
        """Raise BuildFailed for a Dockerfile that names, or may name, another app's image."""
        text = dockerfile.removeprefix("\ufeff")
        if ODD.search(text) or text.count("\n") > LINES_MAX:
            raise refusals.unclear_dockerfile(
                "It has characters that end no line, or too many lines."
            )
        self._check_head(text)
        if FRONTEND in arguments:
            self._check_syntax(arguments[FRONTEND])
        self._check_names(text, arguments, set())

    def _check_names(self, text: str, arguments: Mapping[str, str], seen: set[str]) -> None:
        for name in _Named.of(text, arguments).images():
            if name not in seen:
                seen.add(name)
                self._check_image(name, seen)

    def _check_head(self, text: str) -> None:
        if re.match(r"\s*\{", text):
            raise refusals.unclear_dockerfile("It begins like a JSON document.")
        for line in map(str.strip, text.split("\n")):
            if line and not line.startswith(("#", "//")):
                return
            found = DIRECTIVE.match(line)
            if found and found[1].lower() == "syntax":
                self._check_syntax(found[2])
            if found and found[1].lower() == "escape" and found[2] != "\\":
                raise refusals.unclear_dockerfile("It has an escape character of its own.")

    def _check_syntax(self, image: str) -> None:
        name = re.sub(r"^(index\.)?docker\.io/", "", image.partition("@")[0])
        if re.sub(r":[^/]*$", "", name) not in self.syntaxes:
            raise refusals.foreign_syntax(image)

    def _check_image(self, name: str, seen: set[str]) -> None:
        if not REFERENCE.fullmatch(name) or ".." in name:
            return  # no engine takes it for a name
        if self._is_anothers_name(name):
            raise refusals.others_image(name)
        found = self.look(name)
        config = (found or {}).get("Config") or {}
        labels = config.get("Labels") or {}
        owner = (labels.get("empire.instance"), labels.get("empire.app"))
        if labels.get("empire.app") and owner != (self.instance, self.app):
            raise refusals.others_image(name)
        self._check_names("\n".join(config.get("OnBuild") or ()), {}, seen)

    def _is_anothers_name(self, name: str) -> bool:
        """Tell whether the name is of the form that builds and releases of apps get."""
        short = re.sub(r"^(index\.)?docker\.io/", "", name)
        kept = f"{re.escape(self.registry)}/([^:@/]+)" if self.registry else r"(?!)()"
        found = re.match(rf"empire/([^:@/]+):b-|empire\.local/[^/]+/([^:@/]+)|{kept}", short)
        return bool(found and self.app not in found.groups())


@dataclass(slots=True)
class _Named:
    """The images that a Dockerfile names, and the values that its variables may have."""

    wanted: list[tuple[int, str, bool]] = field(default_factory=list)
    values: dict[str, list[str]] = field(default_factory=dict)
    stages: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, text: str, arguments: Mapping[str, str]) -> "_Named":
        found = cls(values={name: [value] for name, value in arguments.items()} | PLATFORM)
        lines = [line.rstrip("\r") for line in text.split("\n")]
        at = 0
        for start in range(len(lines)):
            if not (WORD.match(lines[start].lstrip()) or CONTINUED.search(lines[start])):
                continue
            found._take(_instruction(lines, start)[0], start)
        while at < len(lines):
            instruction, after = _instruction(lines, at)
            if name := STAGE.match(instruction):
                found.stages.setdefault(name[1].lower(), at)
            at = after
        return found

    def images(self) -> Iterator[str]:
        """Yield every name that the Dockerfile may mean; raises BuildFailed where that is open."""
        for at, text, is_needed in self.wanted:
            if self.stages.get(text.lower(), at) < at:
                continue
            try:
                names = list(islice(expanded(text, self._all), NAMES_MAX + 1))
            except UndecidedError:
                names = [""] * (NAMES_MAX + 1) if is_needed else []
            if len(names) > NAMES_MAX:
                raise refusals.undecided_image(text)
            yield from names

    def _all(self, name: str) -> Sequence[str]:
        return ["", *self.values.get(name, ())]

    def _take(self, instruction: str, at: int) -> None:
        found = WORD.match(instruction)
        if not found:
            return
        word, rest = found[1].upper(), found[2]
        # Engines drop quotes and escapes from names and flags.
        plain = re.sub(r"[\"'\\]", "", rest)
        if word == "ARG":
            self._declare(plain)
        elif word == "FROM":
            self.wanted += [(at, word, True) for word in _before_as(plain)]
        elif rest.lstrip().startswith("--"):
            pattern = MOUNT_FROM if word == "RUN" else FLAG_FROM
            names = pattern.findall(plain)
            self.wanted += [(at, name, False) for name in names if not name.isdecimal()]

    def _declare(self, text: str) -> None:
        for name, value in re.findall(r"([A-Za-z_]\w*)=(\S*)", text):
            self.values.setdefault(name, []).append(value)


def _before_as(text: str) -> list[str]:
    """Return the image of a FROM; more than one word where a flag's value had quotes."""
    while flag := FLAG.match(text):
        text = text[flag.end() :]
    return re.split(r"\sAS\s", text, maxsplit=1, flags=re.IGNORECASE)[0].split()


def _instruction(lines: Sequence[str], at: int) -> tuple[str, int]:
    """Return the line with those that continue it, and where the next one begins."""
    start, text = at, lines[at].lstrip()
    while CONTINUED.search(text) and at + 1 < len(lines):
        at += 1
        if at - start > CONTINUED_MAX:
            raise refusals.unclear_dockerfile("An instruction goes on over too many lines.")
        if (line := lines[at]).strip() and not line.lstrip().startswith("#"):
            text = CONTINUED_END.sub("", text) + line
    return text, at + 1
