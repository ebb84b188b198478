from pathlib import Path

import pytest

from tests.transcripts import runner
from tests.transcripts.runner import Stage


def test_commands_comments_continuations_and_exit_codes_are_told_apart() -> None:
    commands = runner.parse("# about\n\n$ one\nout\n\n# more\n$ cat <<E\n> text\n> E\n[exit 3]\n")

    assert [(c.line, c.text, c.expected, c.exit_code) for c in commands] == [
        (3, "one", ("out",), 0),
        (7, "cat <<E\ntext\nE", (), 3),
    ]


@pytest.mark.parametrize(
    ("expected", "output", "is_match"),
    [
        (["a"], ["a"], True),
        (["a"], ["a", "b"], False),
        (["a", "..."], ["a"], True),
        (["a", "...", "z"], ["a", "b", "c", "z"], True),
        (["took ... s"], ["took 1.5 s"], True),
        (["(a|b)"], ["a"], False),
    ],
)
def test_dots_stand_for_any_text(expected: list[str], output: list[str], is_match: bool) -> None:
    assert runner.matches(expected, output) is is_match


def test_a_transcript_plays_in_its_folder(tmp_path: Path) -> None:
    file = tmp_path / "good.txt"
    file.write_text(
        "$ mkdir inner\n$ cd inner\n$ pwd\n.../inner\n$ echo $WORD\n${WORD}\n$ (exit 4)\n[exit 4]\n"
    )
    runner.play(file, Stage.make(tmp_path / "stage", WORD="hello"))


def test_a_difference_names_the_line_and_shows_both(tmp_path: Path) -> None:
    file = tmp_path / "bad.txt"
    file.write_text("$ true\n$ echo b\na\n")
    with pytest.raises(AssertionError, match=r"(?s)bad.txt:2: \$ echo b.*    a\n.*    b\n"):
        runner.play(file, Stage.make(tmp_path / "stage"))
