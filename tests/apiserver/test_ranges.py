import httpx
import pytest

from apiserver import ranges
from apiserver.errors import WrongRange
from apiserver.ranges import Range


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("", Range("version")),
        ("version ..; order=desc,max=1", Range("version", max=1, is_descending=True)),
        ("version ..; max=15, order=desc", Range("version", max=15, is_descending=True)),
        ("version ..; order=desc", Range("version", is_descending=True)),
        ("id ..; max=1000;", Range("id", max=1000)),
        ("id ]..; max=1000", Range("id", is_after=True, max=1000)),
        ("version ]12..; max=50", Range("version", "12", is_after=True, max=50)),
        ("version 2..9", Range("version", "2", "9")),
        ("version [2..9]; order=asc", Range("version", "2", "9")),
        ("id", Range("id")),
        ("id ..; max=0", Range("id", max=1)),
        ("id ..; max=5000", Range("id", max=1000)),
    ],
)
def test_every_form_that_clients_send_is_understood(header: str, wanted: Range) -> None:
    assert ranges.parse(header, ("version", "id")) == wanted


@pytest.mark.parametrize("header", ["bytes=0-9", "name ..", "version ..; page=2", "version 1-9"])
def test_what_is_no_range_of_the_list_is_refused(header: str) -> None:
    with pytest.raises(WrongRange, match="cannot be served"):
        ranges.parse(header, ("version", "id"))


@pytest.fixture(scope="module")
def versions(app_with_releases: str) -> str:
    return f"/apps/{app_with_releases}/releases"


def test_a_short_list_comes_whole(http: httpx.Client, versions: str) -> None:
    answer = http.get(versions)

    assert answer.status_code == 200
    assert [release["version"] for release in answer.json()] == [1, 2, 3, 4, 5]
    assert answer.headers["accept-ranges"] == "version, id"
    assert answer.headers["content-range"] == "version 1..5"
    assert "next-range" not in answer.headers


def test_the_newest_is_the_first_of_the_descending_order(http: httpx.Client, versions: str) -> None:
    answer = http.get(versions, headers={"Range": "version ..; order=desc,max=1"})

    assert answer.status_code == 206
    assert [release["version"] for release in answer.json()] == [5]
    assert answer.headers["next-range"] == "version ]5..; max=1, order=desc"


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("attribute", ["version", "id"])
def test_the_pages_together_are_the_list(
    http: httpx.Client, versions: str, attribute: str, order: str
) -> None:
    found, range_ = [], f"{attribute} ..; max=2, order={order}"
    while range_:
        answer = http.get(versions, headers={"Range": range_})
        found += [release[attribute] for release in answer.json()]
        range_ = answer.headers.get("next-range", "")

    assert found == sorted(found, reverse=order == "desc")
    assert len(set(found)) == 5


def test_both_ends_belong_to_a_range(http: httpx.Client, versions: str) -> None:
    for header, wanted in (
        ("version 2..4", [2, 3, 4]),
        ("version ]2..4", [3, 4]),
        ("version 4..2; order=desc", [4, 3, 2]),
    ):
        answer = http.get(versions, headers={"Range": header})
        assert [release["version"] for release in answer.json()] == wanted


@pytest.mark.parametrize("header", ["nonsense ..", "version a.."])
def test_a_wrong_range_is_416_and_says_what_works(
    http: httpx.Client, versions: str, header: str
) -> None:
    answer = http.get(versions, headers={"Range": header})

    assert (answer.status_code, answer.json()["id"]) == (416, "requested_range_not_satisfiable")
    assert "version" in answer.json()["message"]


def test_items_of_one_time_are_not_parted(http: httpx.Client) -> None:
    for number in range(3):
        http.post("/apps", json={"name": f"at-once-{number}"})
    seen, range_ = [], "updated_at ..; max=1"
    while range_:
        answer = http.get("/apps", headers={"Range": range_})
        seen += [app["name"] for app in answer.json()]
        range_ = answer.headers.get("next-range", "")

    assert sorted(seen) == [app["name"] for app in http.get("/apps").json()]
