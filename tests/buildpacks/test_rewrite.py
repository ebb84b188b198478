"""What is added to an app's own Dockerfile."""

import pytest

from buildpacks.rewrite import rewritten


def own(name: str) -> str:
    return f"own{name}"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("RUN make", "RUN make"),
        ("RUN --mount=type=cache,target=/c make", "RUN --mount=type=cache,target=/c,id=own/c make"),
        ("RUN --mount=id=x,type=cache,dst=/c make", "RUN --mount=type=cache,dst=/c,id=ownx make"),
        (
            "run --network=none \\\n --mount=type=cache,target=/c \\\n make --mount=x",
            "run --network=none \\\n --mount=type=cache,target=/c,id=own/c \\\n make --mount=x",
        ),
        ("# RUN --mount=type=cache,target=/c x", "# RUN --mount=type=cache,target=/c x"),
        ("COPY <<EOF /x\nRUN --mount=type=cache,target=/c x\nEOF\n",) * 2,
        ("CMD x \\\nRUN --mount=type=cache,target=/c x\n",) * 2,
    ],
)
def test_caches_get_names_of_their_own(before: str, after: str) -> None:
    assert rewritten(before, own) == after


def test_files_and_arguments_of_the_operator() -> None:
    before = "# syntax=x\nARG V=1\nFROM a:$V AS one\nRUN x && \\\n # why\n  y\nFROM one"
    mount = "--mount=type=secret,id=ca,target=/ca"
    assert rewritten(before, own, [mount], ["PIP_CERT=/ca", "SSL_CERT_FILE=/ca"]) == (
        "# syntax=x\nARG V=1\nFROM a:$V AS one\nARG PIP_CERT=/ca\nARG SSL_CERT_FILE=/ca\n"
        f"RUN {mount} x && \\\n # why\n  y\nFROM one\nARG PIP_CERT=/ca\nARG SSL_CERT_FILE=/ca\n"
    )
