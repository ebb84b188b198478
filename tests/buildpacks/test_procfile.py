"""What a Procfile may say."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildpacks import procfile
from empire.errors import InvalidInput

TYPES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}", fullmatch=True)
COMMANDS = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1).filter(
    lambda text: text.strip() == text and text
)


@pytest.mark.parametrize(
    "content",
    [
        b"web: gunicorn app:app --bind 0.0.0.0:$PORT\nworker: python w.py\n",
        b"web: gunicorn app:app --bind 0.0.0.0:$PORT\r\nworker:python w.py\r\n",
        b"\xef\xbb\xbfweb : gunicorn app:app --bind 0.0.0.0:$PORT\n\n# web: old\nworker:\tpython w.py",
    ],
)
def test_types_and_commands_are_read(content: bytes) -> None:
    assert procfile.parse(content) == {
        "web": "gunicorn app:app --bind 0.0.0.0:$PORT",
        "worker": "python w.py",
    }


@pytest.mark.parametrize(
    ("content", "line", "why"),
    [
        (b"web: a\nnonsense\n", 2, "a colon"),
        (b"web: a\n\nweb: b\n", 3, "twice"),
        (b"web: a\n<<<<<<< HEAD\nweb: b\n", 2, "merge conflict"),
        (b"web: a\n=======\nweb: b\n", 2, "merge conflict"),
        (b"# note\nweb:\n", 2, "missing"),
        (b"we!b: a\n", 1, "63 letters"),
        (b"web: a\nworker: \xff\n", 2, "UTF-8"),
        (b"web: a\0b\n", 1, "NUL"),
    ],
)
def test_bad_lines_are_refused_by_number(content: bytes, line: int, why: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        procfile.parse(content)
    assert f"line {line}" in refusal.value.what
    assert why in refusal.value.why


@given(st.dictionaries(TYPES, COMMANDS))
def test_what_is_written_is_read_back(processes: dict[str, str]) -> None:
    content = "".join(f"{name}: {command}\n" for name, command in processes.items())
    assert procfile.parse(content.encode()) == processes


@given(st.binary())
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    with suppress(InvalidInput):
        procfile.parse(content)
