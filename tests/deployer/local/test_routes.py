from pathlib import Path

from deployer.local.routes import Route, Routes, RoutesFile

HELLO = Route(("hello.localhost", "www.example.com"), (("172.17.0.2", 8080),))


def test_routes_read_back_as_written(tmp_path: Path) -> None:
    RoutesFile(tmp_path / "routes.json").write({"hello": HELLO})
    assert RoutesFile(tmp_path / "routes.json").read() == Routes(1, {"hello": HELLO})


def test_without_a_file_there_are_no_routes(tmp_path: Path) -> None:
    assert RoutesFile(tmp_path / "routes.json").read() == Routes()


def test_a_reader_sees_a_change_at_once(tmp_path: Path) -> None:
    reader, writer = RoutesFile(tmp_path / "routes.json"), RoutesFile(tmp_path / "routes.json")
    for serial in range(1, 20):
        writer.write({"hello": HELLO} if serial % 2 else {})
        assert reader.read().serial == serial
    assert reader.read().hostnames["www.example.com"] == ("hello", HELLO)


def test_a_wildcard_stands_for_the_names_below_it() -> None:
    wide, near = Route(("*.example.com",), ()), Route(("*.a.example.com",), ())
    routes = Routes(1, {"hello": HELLO, "wide": wide, "near": near})
    assert routes.find("www.example.com") == ("hello", HELLO)
    assert routes.find("other.example.com") == ("wide", wide)
    assert routes.find("x.y.example.com") == ("wide", wide)
    assert routes.find("x.a.example.com") == ("near", near)
    assert routes.find("example.com") is None
    assert routes.find("*") is None


def test_an_announcement_names_the_present_serial(tmp_path: Path) -> None:
    routes = RoutesFile(tmp_path / "routes.json")
    with routes.locked():
        routes.write({})
        routes.announce()
    assert (tmp_path / "generation").read_text() == "1"
