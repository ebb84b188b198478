"""Which wishes for a version the base image's line of Python meets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildpacks.versions import Version, satisfies


@pytest.mark.parametrize(
    ("wanted", "is_met"),
    [
        ("3.13", True),
        ("3.13.5", True),
        ("==3.13.*", True),
        ("3", True),
        ("3.12", False),
        ("2.7", False),
        (">=3.11", True),
        (">=3.11,<4", True),
        (">= 3.11, < 3.13", False),
        (">=3.10 <3.14", True),
        ("<3.13.1", True),
        ("<=3.12", False),
        ("<=3.13", True),
        (">3.13", False),
        (">3.13.0", True),
        ("!=3.13", False),
        ("!=3.13.2", True),
        ("!=3.12.*", True),
        ("~=3.11", True),
        ("~=3.11.2", False),
        ("~=3.13.2", True),
        ("^3.9", True),
        ("^4.0", False),
        ("~3.12", False),
        ("~3.13", True),
        ("3.12 || 3.13", True),
        ("*", True),
        ("", True),
    ],
)
def test_python_3_13_meets(wanted: str, is_met: bool) -> None:
    assert satisfies(Version.of("3.13"), wanted) is is_met


@pytest.mark.parametrize("wanted", ["latest", ">=x", "three.eleven"])
def test_what_is_no_version_is_refused(wanted: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        satisfies(Version.of("3.13"), wanted)


@given(st.lists(st.integers(0, 99), min_size=2, max_size=2), st.integers(0, 99))
def test_a_line_meets_each_of_its_releases(numbers: list[int], patch: int) -> None:
    line = Version(tuple(numbers))
    assert satisfies(line, f"{line}.{patch}")
    assert satisfies(line, f">={line}")
    assert not satisfies(line, f"<{line}")
