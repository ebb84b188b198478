import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli import dotenv
from empire.errors import InvalidInput

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@given(st.dictionaries(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True), TEXT))
def test_every_text_comes_back_exactly(config: dict[str, str]) -> None:
    assert dotenv.parse(dotenv.written(config), "It") == config


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A=b", "b"),
        ("\ufeffA=b\r\n", "b"),
        ("export A = b c  # d", "b c"),
        ("A=b#c", "b#c"),
        ("A= # nothing", ""),
        ("A=#nothing", ""),
        ("A='$b # \"c\"' # d", '$b # "c"'),
        ('A="b\\nc\\td\\"\\$e\\\\"', 'b\nc\td"$e\\'),
        ('A="b\\\nc"', "bc"),
        ("A=1\nA=b", "b"),
    ],
)
def test_the_usual_forms_are_read(text: str, value: str) -> None:
    assert dotenv.parse(text, "It") == {"A": value}


@pytest.mark.parametrize(
    ("text", "line"),
    [("words", 1), ("A=1\n\nA='b", 3), ('A="b" c', 1), ("=b", 1), ("A='b\nc'\nwords=\nno", 4)],
)
def test_what_cannot_be_read_is_named_by_its_line(text: str, line: int) -> None:
    with pytest.raises(InvalidInput, match=f"It, line {line}, cannot be read"):
        dotenv.parse(text, "It")


def test_a_bad_name_is_refused() -> None:
    with pytest.raises(InvalidInput, match="'1A' is not a config var name"):
        dotenv.parse("1A=b", "It")
