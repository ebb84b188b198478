"""The engine's messages of a push, as people see them."""

from typing import Any

from deployer.aws.layers import Layers


class Clock:
    """Time that goes on when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def heard(layers: Layers, *rows: dict[str, Any]) -> list[str]:
    return [line.text for row in rows for line in layers.hear(row)]


def pushing(layer: str, current: int, total: int = 0) -> dict[str, Any]:
    detail = {"current": current, **({"total": total} if total else {})}
    return {"id": layer, "status": "Pushing", "progressDetail": detail}


def test_each_layer_that_is_sent_is_told_with_its_size() -> None:
    layers = Layers(Clock())

    lines = heard(
        layers,
        {"status": "The push refers to repository [example.com/empire/sample]"},
        {"id": "aaa", "status": "Preparing", "progressDetail": {}},
        pushing("aaa", 1_000_000, 12_340_000),
        {"id": "bbb", "status": "Layer already exists"},
        {"id": "ccc", "status": "Mounted from empire/other"},
        pushing("aaa", 12_340_000, 12_340_000),
        {"id": "aaa", "status": "Pushed"},
        pushing("ddd", 512),
        {"id": "ddd", "status": "Pushed"},
        {"aux": {"Tag": "d1", "Digest": "sha256:abc", "Size": 1}},
    )

    assert lines == ["Layer aaa: 12.3 MB", "Layer ddd: 0.5 kB"]
    assert layers.digest == "sha256:abc"
    assert (
        layers.summary().text == "Pushed in 0.0 s: 2 layers sent (12.3 MB), 2 layers there already"
    )


def test_a_layer_that_takes_long_tells_how_far_it_is() -> None:
    clock = Clock()
    layers = Layers(clock)
    lines = []
    for second in range(12):
        clock.now = second
        lines += heard(layers, pushing("aaa", second * 10_000_000, 120_000_000))

    assert lines == ["Layer aaa: 50.0 MB of 120.0 MB", "Layer aaa: 100.0 MB of 120.0 MB"]


def test_a_layer_that_breaks_off_is_told_once() -> None:
    rows = [{"id": "aaa", "status": f"Retrying in {n} seconds"} for n in (5, 4, 3, 2)]
    rows.append({"id": "aaa", "status": "Retrying in 1 second"})

    assert heard(Layers(), *rows) == ["Layer aaa broke off; it is tried again."]


def test_what_the_registry_refuses_is_kept() -> None:
    layers = Layers()

    assert heard(layers, {"errorDetail": {"message": "denied: no"}, "error": "denied: no"}) == []

    assert layers.error == "denied: no"
    assert layers.summary().text.endswith("nothing to send")
