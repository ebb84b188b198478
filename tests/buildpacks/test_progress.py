"""What a person reads of a build and of its end."""

import base64
from typing import Any

import pytest

from buildpacks import progress
from buildpacks.buildkit import Trace
from buildpacks.classic import Steps
from buildpacks.flood import Flood
from buildpacks.progress import Meter, Step
from buildpacks.protobuf import bytes_field, varint_field
from empire.errors import BuildFailed
from empire.events import Stream


def test_output_is_cut_into_lines_as_a_terminal_shows_them() -> None:
    step = Step("[1/1] RUN x")
    chunks = [b"on", b"e\ntw", b"o\r\n 10%\r 100%\nbad \xff\x1b[31mred\n", b"rest"]
    lines = [str(line).strip() for chunk in chunks for line in step.wrote(chunk)]
    lines += [str(line).strip() for line in step.ended()]
    assert lines == ["one", "two", "100%", "bad \ufffdred", "rest"]
    assert list(step.ended()) == []


def test_a_trace_of_the_engine() -> None:
    def vertex(digest: str, name: str, *more: bytes) -> bytes:
        own = bytes_field(1, digest.encode()) + bytes_field(3, name.encode())
        return bytes_field(1, own + b"".join(more))

    started, completed, cached = bytes_field(5, b"x"), bytes_field(6, b"x"), varint_field(4, 1)
    log = bytes_field(3, bytes_field(1, b"b") + bytes_field(4, b"hello\nunfinished"))
    stray = bytes_field(3, bytes_field(1, b"nobody") + bytes_field(4, b"?\n"))
    rows = [
        vertex("i", "[internal] load metadata", started),
        vertex("f", "[1/3] FROM base", started),
        vertex("a", "[2/3] COPY --chown=1:1 a b", started, completed, cached),
        vertex("b", "[3/3] RUN --mount=type=cache,id=x,target=/x make", started),
        log + stray,
        vertex("b", "[3/3] RUN --mount=type=cache,id=x,target=/x make", started, completed),
    ]
    answer: list[dict[str, Any]] = [
        {"id": "moby.buildkit.trace", "aux": base64.b64encode(row).decode()} for row in rows
    ]
    trace = Trace(Meter(1), 512, Flood(1))
    stream = trace.follow([*answer, {"id": "moby.image.id", "aux": {"ID": "sha256:1"}}, {}])
    image, lines = _followed(stream)
    assert image == "sha256:1"
    assert lines == ["[3/3] RUN make", "hello", "unfinished"]
    assert trace.summary() == "1 of 2 steps cached"


def test_what_was_cancelled_along_is_not_the_failure() -> None:
    def failed(name: str, error: str) -> dict[str, str]:
        own = b"".join(bytes_field(n, t.encode()) for n, t in ((1, name), (3, name), (7, error)))
        return {"id": "moby.buildkit.trace", "aux": base64.b64encode(bytes_field(1, own)).decode()}

    rows = [failed("[1/2] RUN slow", "context canceled"), failed("[2/2] RUN bad", "exit code: 2")]
    with pytest.raises(BuildFailed, match=r"\[2/2\] RUN bad: exit code 2"):
        list(
            Trace(Meter(1), 512, Flood(1)).follow(
                [*rows, {"error": "executor failed: exit code: 2"}]
            )
        )


def test_the_classic_builders_words() -> None:
    steps = Steps(Meter(1), 512)
    texts = [
        "Step 1/4 : FROM base\n",
        " ---> 123\n",
        "Step 2/4 : RUN a\n",
        " ---> Using cache\n",
        "Step 3/4 : RUN b\n",
        " ---> Running in 456\n",
        "from b\n",
        "Step 4/4 : LABEL empire.app=x\n",
        " ---> Using cache\n",
        "Successfully built 789\n",
    ]
    rows: list[dict[str, Any]] = [{"stream": text} for text in texts]
    lines = [str(e).strip() for e in steps.follow([*rows, {"aux": {}}, {"status": "Pulling"}])]
    assert lines == ["[2/4] RUN a", "[3/4] RUN b", "from b"]
    assert steps.summary() == "1 of 2 steps cached"


@pytest.mark.parametrize(
    ("reason", "image"),
    [
        (
            "python:9: failed to resolve source metadata for docker.io/library/python:9: no",
            "python:9",
        ),
        ("failed to create LLB definition: docker.io/me/it:1: not found", "me/it:1"),
        (
            'failed to do request: Head "https://r.example.com/v2/library/x/manifests/1": lost',
            "x:1",
        ),
        ("/v2/me/x/manifests/sha256:12 denied", "me/x@sha256:12"),
        ("pull access denied for me/it, repository does not exist", "me/it"),
        ("manifest for me/it:2 not found: manifest unknown", "me/it:2"),
        ("No such image: me/it:3", "me/it:3"),
    ],
)
def test_an_image_that_was_not_had_is_named(reason: str, image: str) -> None:
    assert progress.failure(None, reason, 1).what == f"The image {image} could not be had."


@pytest.mark.parametrize(
    ("output", "reason", "advice"),
    [
        ("error: command 'gcc' failed", "exit code: 1", "no compiler"),
        ("The lockfile at `uv.lock` needs to be updated", "exit code: 1", "uv lock"),
        ("", "process did not complete successfully: exit code: 137", "512 MiB"),
        ("", "exit code: 1", ""),
    ],
)
def test_known_failures_come_with_advice(output: str, reason: str, advice: str) -> None:
    step = Step("[1/1] RUN x")
    list(step.wrote(f"{output}\n".encode()))
    failure = progress.failure(step, reason, 512)
    assert advice in failure.fix
    assert bool(advice) == bool(failure.fix)


def test_a_failure_without_a_step() -> None:
    failure = progress.failure(None, "failed to solve: dockerfile parse error line 3", 1)
    assert failure.what == "The build failed: dockerfile parse error line 3"


def _followed(stream: Stream[str]) -> tuple[str, list[str]]:
    lines: list[str] = []
    while True:
        try:
            lines.append(str(next(stream)).strip())
        except StopIteration as end:
            return end.value, lines
