"""Requests through the real router become lines of the app's log."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from deployer.local.access import AccessLog, Addresses, told
from deployer.local.logs import LocalLogs
from deployer.local.router import CaddyRouter
from deployer.local.routes import Route, RoutesFile
from empire.logs import LogFilter
from empire.names import AppName, Hostname
from empire.settings import Settings
from tests.backend import Backend, ask
from tests.deployer.local.conftest import HELLO, HOST
from tests.waiting import wait_until

ROUTE = Route((HOST,), (("172.17.0.2", 8080),))
ENTRY: dict[str, Any] = {
    "ts": 1_700_000_000.25,
    "request": {"method": "GET", "host": HOST, "uri": "/a?b=1", "client_ip": "10.1.2.3"},
    "duration": 0.0123,
    "size": 13,
    "status": 200,
    "uuid": "some-id",
    "upstream": "ip-172-17-0-2.internal.:8080",
    "service_ms": 10.4,
    "scheme": "http",
}
ROW: dict[str, Any] = {
    "Id": "c" * 64,
    "State": "running",
    "Created": 1_699_999_999,
    "Command": "",
    "Ports": [],
    "NetworkSettings": {"Networks": {"bridge": {"IPAddress": "172.17.0.2"}}},
    "Labels": {
        "empire.app": "hello",
        "empire.process": "web",
        "empire.index": "1",
        "empire.version": "1",
        "empire.deployment": "1",
        "empire.command": "",
        "empire.size": "1X",
        "empire.port": "8080",
    },
}


class Requests:
    """A router's log that tests write, and its reader."""

    def __init__(self, home: Path) -> None:
        self.settings = Settings(home=home)
        self.logs = LocalLogs(self.settings)
        self.path = self.settings.logs / "router.log"
        RoutesFile(home / "router" / "routes.json").write({"hello": ROUTE})
        self.settings.logs.mkdir()
        self.count = 0
        self.restart()

    def restart(self) -> None:
        """Let another server read on."""
        addresses = Addresses()
        addresses.note(ROW)
        self.access = AccessLog(self.settings, self.logs, addresses)

    def ask(self, times: int = 1, end: str = "\n") -> None:
        with self.path.open("a") as file:
            for _ in range(times):
                entry = ENTRY | {"request": ENTRY["request"] | {"uri": f"/{self.count}"}}
                file.write(json.dumps(entry) + end)
                self.count += 1

    def rotate(self) -> None:
        self.path.rename(self.path.with_name(f"router-{self.count:04}.log"))

    def taken(self) -> list[int]:
        """Return the numbers of the requests that the app's log holds."""
        self.access._looked_at = 0
        self.access.collect()
        lines, _ = self.logs.recent(HELLO, 10_000)
        return [int(found[1]) for line in lines if (found := re.search(r'"/(\d+)"', line.text))]


@pytest.fixture
def asked(tmp_path: Path) -> Requests:
    return Requests(tmp_path)


def test_nothing_to_read(asked: Requests) -> None:
    assert asked.taken() == []
    asked.access.close()


def test_each_request_is_a_line(asked: Requests) -> None:
    asked.ask(3)
    assert asked.taken() == [0, 1, 2]
    asked.ask(2)
    assert asked.taken() == [0, 1, 2, 3, 4]

    (line, *_), _ = asked.logs.recent(HELLO, 1)
    assert (line.source, line.dyno, line.at) == ("router", "", 1_700_000_000.25)
    assert line.text == (
        'at=info method=GET path="/4" host=hello.localhost request_id=some-id fwd="10.1.2.3" '
        "dyno=web.1 connect=2ms service=10ms status=200 bytes=13 protocol=http"
    )


def test_half_a_line_waits_for_its_end_and_nonsense_is_left_out(asked: Requests) -> None:
    asked.ask(1, end="")
    assert asked.taken() == []
    with asked.path.open("a") as file:
        file.write('\n{"nonsense": 1}\nmore\n[]\n')
    asked.ask(1)
    assert asked.taken() == [0, 1]


def test_a_rotated_log_is_read_to_its_end(asked: Requests) -> None:
    asked.ask(2)
    asked.taken()
    asked.ask(2)
    asked.rotate()
    asked.ask(2)
    asked.rotate()
    asked.ask(2)

    assert asked.taken() == list(range(8))


def test_another_server_goes_on_through_rotations(asked: Requests) -> None:
    asked.ask(3)
    asked.taken()
    asked.access.close()
    asked.ask(2)
    asked.rotate()
    asked.ask(2)
    asked.restart()

    assert asked.taken() == list(range(7))


@pytest.mark.parametrize("state", [None, b"", b'{"inode": 1, "offset": 7}'])
def test_a_server_that_was_killed_takes_no_line_twice(asked: Requests, state: bytes | None) -> None:
    asked.ask(3)
    asked.taken()
    asked.ask(2)
    kept = asked.settings.logs / "apps" / ".router.json"
    kept.unlink(missing_ok=True)
    if state is not None:
        kept.write_bytes(state)
    asked.restart()

    assert asked.taken() == list(range(5))


def test_a_disk_that_refuses_for_a_while(asked: Requests) -> None:
    asked.ask(2)
    asked.taken()
    folder, other = (asked.settings.logs / "apps" / name for name in ("hello", "aside"))
    asked.ask(2)
    folder.rename(other)
    folder.write_bytes(b"no folder")
    asked.access._looked_at = 0
    with pytest.raises(FileExistsError):
        asked.access.collect()
    folder.unlink()
    other.rename(folder)

    assert asked.taken() == [0, 1, 2, 3]


def test_a_request_for_nobody_is_left_out(asked: Requests) -> None:
    entry = ENTRY | {"request": ENTRY["request"] | {"host": "other.localhost"}}
    asked.path.write_text(json.dumps(entry) + "\n")

    assert asked.taken() == []


@pytest.mark.parametrize(
    ("status", "route", "dyno", "head"),
    [
        (200, ROUTE, "web.1", "at=info "),
        (503, ROUTE, "web.1", "at=info "),
        (499, ROUTE, "web.1", 'at=error code=H27 desc="Client Request Interrupted" '),
        (502, ROUTE, "", 'at=error code=H13 desc="Connection closed without response" '),
        (503, ROUTE, "", 'at=error code=H10 desc="App crashed" '),
        (503, Route((HOST,), ()), "", 'at=error code=H14 desc="No web processes running" '),
        (503, Route((HOST,), (), True), "", 'at=error code=H80 desc="Maintenance mode" '),
        (504, ROUTE, "", 'at=error code=H12 desc="Request timeout" '),
    ],
)
def test_what_went_wrong(status: int, route: Route, dyno: str, head: str) -> None:
    assert told(ENTRY | {"status": status}, dyno, route).startswith(f"{head}method=GET ")


def test_an_address_belongs_to_the_dyno_of_that_app_and_time() -> None:
    addresses = Addresses()
    addresses.note(ROW)
    addresses.note(ROW | {"State": "exited"})
    upstream = "ip-172-17-0-2.internal.:8080"

    assert addresses.dyno(upstream, "hello", 1_700_000_000) == "web.1"
    assert addresses.dyno(upstream, "other", 1_700_000_000) == ""
    assert addresses.dyno(upstream, "hello", 1_600_000_000) == ""
    assert addresses.dyno("127.0.0.1:1", "hello", 1_700_000_000) == ""


def test_requests_through_caddy(router: CaddyRouter, settings: Settings) -> None:
    logs, addresses = LocalLogs(settings), Addresses()
    access = AccessLog(settings, logs, addresses)
    with Backend("1") as backend:
        ports = [{"PrivatePort": 8080, "PublicPort": backend.target.port}]
        addresses.note(ROW | {"Ports": ports})
        router.switch(HELLO, (HOST, Hostname("alias.localhost")), (backend.target,))
        assert ask(settings.http_port, HOST, "/hello?a=1")[0] == 200
        router.switch(HELLO, (HOST,), ())
        assert ask(settings.http_port, HOST, "/gone", method="POST")[0] == 503

    def texts() -> list[str]:
        access.collect()
        lines, _ = logs.recent(AppName(HELLO), 10, LogFilter(source="router"))
        return [re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", line.text) for line in lines]

    wait_until(lambda: len(texts()) == 2)
    served, gone = (re.sub(r"\d+ms", "Nms", text) for text in texts())
    assert served == (
        'at=info method=GET path="/hello?a=1" host=hello.localhost request_id=ID fwd="127.0.0.1" '
        "dyno=web.1 connect=Nms service=Nms status=200 bytes=1 protocol=http"
    )
    assert gone.startswith(
        'at=error code=H14 desc="No web processes running" method=POST path="/gone" '
    )
    access.close()
