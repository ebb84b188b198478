"""A build's output as lines for people: what each step is called, what it wrote, what failed."""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from buildpacks import errors
from empire.errors import BuildFailed
from empire.events import Event, Line, masked

TAIL_LINES = 20
FLAGS = re.compile(r"(?<= )--(mount|chown|chmod|network|security)=\S+ ")
KILLED = 137
# How engines from 20.10 to 28, BuildKit and classic, say that a registry did not give an image.
IMAGE_NOT_HAD = (
    r"failed to resolve source metadata for (\S+?): ",
    r"failed to create LLB definition: (\S+?:\S+?): (?!failed to solve)",
    r"pull access denied for ([^\s,]+)",
    r"manifest for (\S+) not found",
    r"No such image: (\S+)",
)
NEWER_SYNTAX = (
    "Docker Engine 23 and later know it; an older one does with the first line "
    "`# syntax=docker/dockerfile:1`, where it can have that image."
)


@dataclass(slots=True)
class Step:
    """One step of the build: its name, its unfinished line, and the end of its output."""

    name: str
    is_shown: bool = False
    is_cached: bool = False
    partial: bytes = b""
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=TAIL_LINES))

    @property
    def is_ours(self) -> bool:
        """Tell whether it is work of the Dockerfile, not the engine's own or a mere starting point."""
        return self.name.startswith("[") and not re.match(
            r"\[internal\]|\[[^]]*\] FROM ", self.name
        )

    def wrote(self, chunk: bytes) -> Iterator[Event]:
        """Yield the lines that the chunk completes."""
        *lines, self.partial = (self.partial + chunk).split(b"\n")
        for line in lines:
            yield self._line(line)

    def ended(self) -> Iterator[Event]:
        """Yield what was left without a newline."""
        if self.partial:
            yield self._line(self.partial)
            self.partial = b""

    def _line(self, line: bytes) -> Line:
        """Return the line as a terminal would show it in the end: after its last carriage return."""
        text = masked(line.rstrip(b"\r").rpartition(b"\r")[2].decode("utf-8", "replace"))
        self.tail.append(text)
        return Line(text)


class Meter:
    """Counts the output of a build and ends one that floods."""

    def __init__(self, limit_mib: int) -> None:
        self._limit_mib = limit_mib
        self._size = 0

    def add(self, size: int) -> None:
        """Count; raises BuildFailed over the limit."""
        self._size += size
        if self._size > self._limit_mib << 20:
            raise errors.too_much_output(self._limit_mib)


def short(name: str) -> str:
    """Return a step's name without the flags that nobody reads."""
    return masked(FLAGS.sub("", name))


def failure(step: Step | None, reason: str, memory_mib: int) -> BuildFailed:
    """Return the error for a build that the engine ended with this text."""
    reason = masked(reason)
    if image := _image_not_had(reason):
        return errors.image_unavailable(image, reason)
    code = re.search(r"exit code:? (\d+)|returned a non-zero code: (\d+)", reason)
    tail = list(step.tail) if step else []
    number = int(code[1] or code[2]) if code else 0
    text = f"exit code {number}" if code else reason.removeprefix("failed to solve: ")
    advice = _syntax_advice(reason) or _advice(number, tail, memory_mib)
    return errors.step_failed(short(step.name) if step else "", text, tail, advice)


def _syntax_advice(reason: str) -> str:
    """Return what to do about an instruction that is newer than the engine."""
    if found := re.search(r"unknown flag: (?:--)?(\w+)", reason, re.IGNORECASE):
        return f"This engine's own Dockerfile syntax has no --{found[1]}. {NEWER_SYNTAX}"
    if re.search(r"unknown instruction: ", reason, re.IGNORECASE):
        return (
            "If the line is part of a heredoc (<<EOF): Heredocs are newer than this engine's own "
            f"Dockerfile syntax. {NEWER_SYNTAX}"
        )
    return ""


def _advice(code: int, tail: list[str], memory_mib: int) -> str:
    text = "\n".join(tail)
    if code == KILLED:
        return f"It was killed, most likely for using more memory than the limit, {memory_mib} MiB."
    if re.search(r"Cannot fork|fork: |can't start new thread|Resource temporarily unavail", text):
        return (
            "It started more processes than builds may have together: let it run fewer at a time, "
            "or have the operator raise EMPIRE_BUILD_PROCESSES."
        )
    if re.search(r"gcc|cc1|C compiler|Python\.h|pg_config|cargo|rustc", text):
        return (
            "A package has to be compiled, and the base image has no compiler: "
            "pin a version that has a wheel for this Python, or bring a Dockerfile."
        )
    if "uv.lock" in text and "needs to be updated" in text:
        return "Run `uv lock`, commit uv.lock and push again."
    return ""


def _image_not_had(reason: str) -> str:
    """Return the image whose absence the engine complains about, empty when it is something else."""
    if found := re.search(r"/v2/(\S+?)/manifests/([^\s\"]+)", reason):
        separator = "@" if found[2].startswith("sha256:") else ":"
        return f"{found[1].removeprefix('library/')}{separator}{found[2]}"
    for pattern in IMAGE_NOT_HAD:
        if found := re.search(pattern, reason):
            return re.sub(r"^docker\.\w+/(library/)?", "", found[1])
    return ""
