"""Commands in this process, for what a transcript would have to wait for or could not type."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli import main as command
from cli import terminal
from cli.client import Client
from empire.access import Actor
from empire.errors import EmpireError
from empire.manifest import LogLine
from empire.names import AppName
from tests.site import Site, running

Typed = Callable[..., str]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running(tmp_path_factory.mktemp("site")) as running_site:
        yield running_site


@pytest.fixture(scope="module")
def ada(site: Site) -> tuple[Actor, str]:
    actor, token = site.person("ada@example.com")
    with site.client(token) as http:
        http.post("/apps", json={"name": "shop"})
    return actor, token


@pytest.fixture
def typed(
    site: Site,
    ada: tuple[Actor, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Typed:
    """Return a function that runs a command for the app and returns what it printed."""
    monkeypatch.setenv("EMPIRE_URL", site.url)
    monkeypatch.setenv("EMPIRE_API_KEY", ada[1])

    def run(*words: str) -> str:
        with contextlib.suppress(SystemExit):
            command.main([*words, "-a", "shop"])
        return capsys.readouterr().out

    return run


def test_a_crashed_dyno_is_shown_with_its_exit_code_and_last_words(
    site: Site, ada: tuple[Actor, str], typed: Typed
) -> None:
    site.live("shop", ada[0])
    [dyno] = site.scheduler.dynos(AppName("shop"))
    site.logs.write(dyno.app, [LogLine(time.time(), "app", "web.1", "no database")])
    site.scheduler.crash(dyno, exit_code=3)

    said = typed("ps")

    assert "crashed (exit 3)" in said
    assert "no database" in said


def test_with_nothing_under_way_there_is_nothing_to_cancel(typed: Typed) -> None:
    with pytest.raises(EmpireError, match="othing"):
        typed("deploys:cancel")


@pytest.mark.parametrize(
    "editor", ["false", "no-such-editor-anywhere", "sh -c 'printf \"\\377\" > $0'", "rm", "'"]
)
def test_an_editor_that_fails_changes_nothing(
    site: Site,
    ada: tuple[Actor, str],
    typed: Typed,
    monkeypatch: pytest.MonkeyPatch,
    editor: str,
) -> None:
    for name in ("VISUAL", "EDITOR"):
        monkeypatch.setenv(name, editor)

    with pytest.raises(EmpireError):
        typed("config:edit")

    with site.client(ada[1]) as http:
        assert http.get("/apps/shop/config-vars").json() == {}


def test_ctrl_c_ends_with_the_shells_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_arguments: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "main", interrupted)

    with pytest.raises(SystemExit) as end:
        command.run()

    assert end.value.code == 130


def test_without_a_terminal_the_usual_size_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "empty").open("w+") as file:
        monkeypatch.setattr("sys.stdin", file)

        assert terminal.size() == (24, 80)


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(EmpireError):
        Client("http://127.0.0.1:port", "token")
