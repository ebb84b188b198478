import pytest

from buildpacks.debian.packages import Index, resolve
from empire.errors import Unavailable

MIRROR = "http://mirror.example.com"


def stanza(name: str, version: str = "1", **fields: str) -> str:
    more = "".join(f"{key.replace('_', '-')}: {value}\n" for key, value in fields.items())
    return (
        f"Package: {name}\nVersion: {version}\n{more}"
        f"Filename: pool/{name}_{version}.deb\nSize: 7\nSHA256: {'0' * 64}\n"
    )


def index(*stanzas: str) -> Index:
    made = Index()
    made.add(MIRROR, "\n".join(stanzas))
    return made


def names(made: Index, *wanted: str) -> list[str]:
    return [package.name for package in resolve(made, list(wanted))]


def test_a_package_knows_its_address_and_needs() -> None:
    package = index(
        stanza("curl", Pre_Depends="libc6 (>= 2)", Depends="libcurl4:any (= 1), ssl [amd64] | tls")
    ).package("curl")
    assert package.address == f"{MIRROR}/pool/curl_1.deb"
    assert package.size == 7
    assert package.depends == (("libc6",), ("libcurl4",), ("ssl", "tls"))


def test_needs_are_followed_to_the_end_and_through_circles() -> None:
    made = index(
        stanza("a", Depends="b"), stanza("b", Depends="c"), stanza("c", Depends="a"), stanza("d")
    )
    assert names(made, "a") == ["a", "b", "c"]


def test_of_alternatives_the_chosen_one_is_taken_wherever_it_was_chosen() -> None:
    made = index(stanza("app", Depends="mawk | gawk"), stanza("mawk"), stanza("gawk"))
    assert names(made, "app") == ["app", "mawk"]
    assert names(made, "app", "gawk") == ["app", "gawk"]


def test_a_virtual_package_is_met_by_its_provider() -> None:
    made = index(
        stanza("app", Depends="missing | awk"),
        stanza("mawk", Provides="awk (= 1)"),
        stanza("gawk", Provides="awk"),
    )
    assert names(made, "app") == ["app", "mawk"]
    assert names(made, "gawk", "app") == ["gawk", "app"]


def test_the_newer_of_two_suites_wins() -> None:
    made = index(stanza("bash", "5.2-1", Essential="yes"))
    made.add("http://security.example.com", stanza("bash", "5.2-1+deb13u1", Essential="yes"))
    made.add("http://old.example.com", stanza("bash", "5.1"))
    assert made.package("bash").address == (
        "http://security.example.com/pool/bash_5.2-1+deb13u1.deb"
    )
    assert made.essential == ["bash"]


def test_a_missing_package_is_named() -> None:
    with pytest.raises(Unavailable, match="no package libfoo"):
        resolve(index(stanza("app", Depends="libfoo | libbar")), ["app"])
