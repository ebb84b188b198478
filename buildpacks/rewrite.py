"""An app's own Dockerfile as it is sent: caches of its own, and the operator's files where wanted.

Only flags of RUN and lines after FROM are added; what the author wrote stays as it is.
"""

import re
from collections.abc import Callable, Iterator, Sequence

from buildpacks.wishes import HEREDOC

START = re.compile(r"[ \t]*([A-Za-z]+)[ \t]")
FLAGS = re.compile(
    r"([ \t]*RUN[ \t]+(?:\\[ \t]*\n[ \t]*)?)((?:--[a-z]+(?:=\S+)?(?:[ \t]|\\[ \t]*\n)+)*)",
    re.IGNORECASE,
)
CACHE = re.compile(r"--mount=(\S*\btype=cache\b\S*)")


def rewritten(
    dockerfile: str,
    cache_id: Callable[[str], str],
    mounts: Sequence[str] = (),
    arguments: Sequence[str] = (),
) -> str:
    """Return the Dockerfile with other cache ids, these flags on each RUN, these ARGs in each stage.

    A cache is named by its id, or by where it is mounted; `cache_id` makes the name the app's own.
    """
    added = "".join(f"{mount} " for mount in mounts)
    after = "".join(f"ARG {argument}\n" for argument in arguments)
    text = ""
    for instruction in _chunks(dockerfile):
        found = START.match(instruction)
        word = found[1].upper() if found else ""
        if word == "RUN":
            instruction = FLAGS.sub(
                lambda flags: flags[1] + added + _with_ids(flags[2], cache_id), instruction, count=1
            )
        text += instruction
        if word == "FROM" and after:
            text += after if instruction.endswith("\n") else f"\n{after}"
    return text


def _chunks(dockerfile: str) -> Iterator[str]:
    """Yield each instruction with its continued lines and heredocs, and what is between them."""
    lines = iter(dockerfile.splitlines(keepends=True))
    for line in lines:
        chunk = line
        if not START.match(line):
            yield chunk
            continue
        while line.rstrip().endswith("\\") or _is_between(line, chunk):
            line = next(lines, "")
            chunk += line
        for _, _, end in HEREDOC.findall(chunk):
            for line in lines:
                chunk += line
                if line.strip() == end:
                    break
        yield chunk


def _is_between(line: str, chunk: str) -> bool:
    """Tell whether the line is a comment inside a continued instruction."""
    return line is not chunk and line.lstrip().startswith("#")


def _with_ids(flags: str, cache_id: Callable[[str], str]) -> str:
    return CACHE.sub(lambda mount: f"--mount={_with_id(mount[1], cache_id)}", flags)


def _with_id(options: str, cache_id: Callable[[str], str]) -> str:
    found = dict(part.partition("=")[::2] for part in options.split(","))
    target = found.get("target") or found.get("dst") or found.get("destination", "")
    kept = [part for part in options.split(",") if not part.startswith("id=")]
    return ",".join([*kept, f"id={cache_id(found.get('id') or target)}"])
