import pytest

from buildpacks.debian.versions import key

RISING = [
    "0~alpha",
    "0",
    "1.0~rc1",
    "1.0~rc2-1",
    "1.0",
    "1.0-1~deb13u1",
    "1.0-1",
    "1.0-1+b1",
    "1.0-2",
    "1.0-10",
    "1.0a",
    "1.0+dfsg-1",
    "1.0.1",
    "1.9",
    "1.10",
    "2.0-1",
    "1:0.1",
]


def test_versions_sort_as_dpkg_sorts_them() -> None:
    assert sorted(sorted(RISING), key=key) == RISING


@pytest.mark.parametrize(("one", "other"), [("1.0", "1.0-0"), ("1.0", "0:1.0"), ("1.01", "1.1")])
def test_some_versions_are_the_same(one: str, other: str) -> None:
    assert key(one) == key(other)
