"""Names are checked on construction, whatever comes."""

import pickle
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from empire.errors import InvalidInput
from empire.names import (
    AppName,
    ConfigName,
    Hostname,
    ImageName,
    ImageRef,
    Name,
    ProcessType,
    Sha,
    shown,
    whole_number,
)

KINDS: list[type[Name]] = [AppName, ConfigName, Hostname, ImageRef, ProcessType, Sha]


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (AppName, ["abc", "a-1", "a" * 30], ["ab", "a" * 31, "1ab", "ab-", "aBc", "a_b", "abc\n"]),
        (Sha, ["0" * 40], ["0" * 39, "0" * 41, "A" * 40, "0" * 40 + "\n"]),
        (Hostname, ["a.b", "x-1.localhost"], ["localhost", "a..b", "-a.b", "A.b", "a.b.", "a." * 130]),
        (ProcessType, ["web", "Web_2-x"], ["", "-web", "w" * 64, "web server"]),
        (ConfigName, ["A", "_a1"], ["1A", "A-B", "", "Ä", "A" * 256]),
        (ImageRef, ["sha256:" + "0" * 64, "h:5/a@sha256:" + "f" * 64], ["a:latest", "sha256:0"]),
    ],
)  # fmt: skip
def test_names_take_the_good_and_explain_the_bad(
    kind: type[Name], good: list[str], bad: list[str]
) -> None:
    assert [kind(text) for text in good] == good
    for text in bad:
        with pytest.raises(InvalidInput) as caught:
            kind(text)
        assert caught.value.why == kind.rule


@pytest.mark.parametrize("kind", KINDS)
@given(text=st.text())
def test_any_text_is_a_name_or_refused(kind: type[Name], text: str) -> None:
    with suppress(InvalidInput):
        assert pickle.loads(pickle.dumps(kind(text))) == text


@given(st.from_regex(AppName.pattern, fullmatch=True))
def test_every_app_name_makes_a_host_name(text: str) -> None:
    assert Hostname(f"{AppName(text)}.localhost").startswith(text)


class _Body(BaseModel):
    name: AppName


def test_a_name_is_checked_in_a_json_body() -> None:
    body = _Body.model_validate_json('{"name": "hello"}')
    assert isinstance(body.name, AppName)
    with pytest.raises(InvalidInput):
        _Body.model_validate_json('{"name": "x"}')


def test_a_commit_id_has_a_short_form() -> None:
    assert Sha("0123456789" * 4).short == "01234567"


@given(st.text())
def test_what_is_shown_is_printable_and_short(text: str) -> None:
    assert shown(text).isprintable()
    assert len(shown("x" * 500)) == 65


@given(st.one_of(st.text(), st.integers().map(str)))
def test_a_whole_number_fits_every_column(text: str) -> None:
    number = whole_number(text)
    assert number is None or 0 <= number < 10**9


@pytest.mark.parametrize(
    ("name", "registry", "parts", "is_pinned"),
    [
        ("web", "", ("web", "latest"), False),
        ("team/web:1", "", ("team/web", "1"), False),
        ("localhost/web", "localhost", ("localhost/web", "latest"), False),
        ("127.0.0.1:5000/web", "127.0.0.1:5000", ("127.0.0.1:5000/web", "latest"), False),
        ("example.com/a/b:v1.2", "example.com", ("example.com/a/b", "v1.2"), False),
        (
            f"example.com/a:v1@sha256:{'0' * 64}",
            "example.com",
            ("example.com/a", f"sha256:{'0' * 64}"),
            True,
        ),
    ],
)
def test_names_of_images_are_taken_apart(
    name: str, registry: str, parts: tuple[str, str], is_pinned: bool
) -> None:
    image = ImageName(name)

    assert (image.registry, image.parts, image.is_pinned) == (registry, parts, is_pinned)
