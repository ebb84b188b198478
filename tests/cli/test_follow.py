"""What a transcript cannot show: lost connections, tails, terminals."""

import os
import pty
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from apiserver import ApiServer
from cli.client import Client
from empire.access import Actor
from empire.errors import Unavailable
from empire.events import Live
from empire.manifest import LogLine
from empire.names import AppName
from tests.site import Site, running
from tests.transcripts.runner import Stage


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with running(tmp_path / "site") as running_site:
        yield running_site


@pytest.fixture
def ada(site: Site) -> tuple[Actor, str]:
    actor, token = site.person("ada@example.com")
    with site.client(token) as http:
        http.post("/apps", json={"name": "shop"})
    return actor, token


@pytest.fixture
def stage(site: Site, ada: tuple[Actor, str], tmp_path: Path) -> Stage:
    return Stage.make(tmp_path / "stage", EMPIRE_URL=site.url, EMPIRE_API_KEY=ada[1])


def test_following_goes_on_over_a_restart_of_the_server(site: Site, ada: tuple[Actor, str]) -> None:
    gate = site.builder.hold("build")
    pushed = site.push("shop", ada[0])
    client = Client(site.url, ada[1])
    told = []
    for event in client.follow("shop", str(pushed.number)):
        told.append(str(event))
        if "Step 1" in str(event):
            site.api = _restarted(site)
            gate.set()
    client.close()

    assert told[0] == "-----> Building with Fake"
    assert len(told) == len(set(told))
    assert isinstance(event, Live)


def test_following_gives_up_when_the_server_stays_away(
    site: Site, ada: tuple[Actor, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.client.RETRY_SECONDS", 0.2)
    site.builder.hold("build")
    pushed = site.push("shop", ada[0])
    client = Client(site.url, ada[1])
    followed = client.follow("shop", str(pushed.number))
    next(followed)
    site.api.stop()
    with pytest.raises(Unavailable, match=f"deploys:output {pushed.number}"):
        list(followed)
    client.close()
    site.builder.hold("build").set()


def test_a_list_comes_whole_over_its_pages(site: Site, ada: tuple[Actor, str]) -> None:
    with site.client(ada[1]) as http:
        for number in range(205):
            assert http.post("/apps", json={"name": f"app-{number}"}).status_code == 201
    client = Client(site.url, ada[1])
    names = [app["name"] for app in client.list("/apps")]
    client.close()

    assert len(names) == len(set(names)) == 206


def test_a_tail_ends_quietly_on_ctrl_c(site: Site, stage: Stage) -> None:
    site.logs.write(AppName("shop"), [LogLine(1, "app", "web.1", "old")])
    tail = _started(stage, "logs", "--tail", "-a", "shop")
    assert tail.stdout
    assert tail.stdout.readline().endswith("old\n")
    site.logs.write(AppName("shop"), [LogLine(2, "app", "web.1", "new")])
    assert tail.stdout.readline().endswith("new\n")
    tail.send_signal(signal.SIGINT)
    rest = tail.communicate(timeout=60)

    assert (tail.returncode, [part.strip() for part in rest]) == (130, ["", ""])


def test_a_tail_goes_on_after_a_restart_of_the_server(site: Site, stage: Stage) -> None:
    site.logs.write(AppName("shop"), [LogLine(1, "app", "web.1", "old")])
    tail = _started(stage, "logs", "--tail", "-a", "shop")
    assert tail.stdout
    assert tail.stdout.readline().endswith("old\n")
    site.api = _restarted(site)
    site.logs.write(AppName("shop"), [LogLine(2, "app", "web.1", "new")])
    assert tail.stdout.readline().endswith("new\n")
    tail.send_signal(signal.SIGINT)
    tail.communicate(timeout=60)


def test_a_terminal_is_asked_for_what_was_left_out(site: Site, stage: Stage) -> None:
    output = _typed(stage, ["apps:destroy", "-a", "shop"], b"shop\n")

    assert "Type its name to confirm" in output
    assert "Destroyed shop." in output


def test_a_terminal_does_not_show_the_token_that_is_typed(
    site: Site, ada: tuple[Actor, str], stage: Stage
) -> None:
    output = _typed(replace(stage), ["login"], ada[1].encode() + b"\n")

    assert "Logged in" in output
    assert ada[1] not in output


def test_what_is_not_empire_is_told_apart(tmp_path: Path) -> None:
    other = subprocess.Popen(
        [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert other.stdout
        port = other.stdout.readline().split(" port ")[1].split()[0]
        client = Client(f"http://127.0.0.1:{port}", "x")
        with pytest.raises(Unavailable, match="not as Empire does"):
            client.get("/apps")
        client.close()
    finally:
        other.kill()
        other.communicate()


def test_a_server_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as mute:
        client = Client(f"http://127.0.0.1:{mute.getsockname()[1]}", "x")
        client._http.timeout = httpx.Timeout(0.2)
        with pytest.raises(Unavailable, match="did not answer in time"):
            client.get("/apps")
        client.close()


def _restarted(site: Site) -> ApiServer:
    """Return a new API on the port of the old one, which is stopped."""
    port = site.api.port
    site.api.stop()
    settings = site.store.settings.model_copy(update={"api_port": port})
    fresh = ApiServer(settings, site.store, site.worker._platform)
    fresh.start()
    return fresh


def _started(stage: Stage, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "cli.main", *arguments], cwd=stage.folder, env=stage.env,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def _typed(stage: Stage, arguments: list[str], answer: bytes) -> str:
    """Run the command in a terminal, type the answer when it asks, and return what was seen."""
    master, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.main", *arguments], cwd=stage.folder, env=stage.env,
        stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True,
    )  # fmt: skip
    os.close(terminal)
    seen, is_answered = b"", False
    timer = threading.Timer(60, process.kill)
    timer.start()
    while select.select([master], [], [], 60)[0]:
        try:
            seen += os.read(master, 4096)
        except OSError:
            break
        if not is_answered and seen.endswith(b": "):  # the space comes when echo is off
            os.write(master, answer)
            is_answered = True
    process.wait(60)
    timer.cancel()
    os.close(master)
    return seen.decode("utf-8", "replace")
