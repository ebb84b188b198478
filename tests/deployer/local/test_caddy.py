import socket
import sys
import threading
from pathlib import Path

import pytest

from deployer.local import caddy
from deployer.local.keeper import Keeper
from empire.settings import Settings


def test_caddy_is_found_beside_python_or_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert caddy.binary() == str(Path(sys.executable).parent / "caddy")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert caddy.binary() is None
    (tmp_path / "caddy").write_text("")
    (tmp_path / "caddy").chmod(0o700)
    assert caddy.binary() == str(tmp_path / "caddy")


def test_an_answer_that_is_not_200_is_an_error(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as admin:
        admin.bind(str(tmp_path / "admin.sock"))
        admin.listen()
        threading.Thread(target=answer_once, args=(admin, b"HTTP/1.0 500 No\r\n\r\n")).start()
        with pytest.raises(ConnectionError, match="500"):
            caddy.ask(tmp_path / "admin.sock", "GET", "/")


def test_without_caddy_nothing_is_in_flight(settings: Settings) -> None:
    assert Keeper(settings).in_flight({"ip-127-0-0-1.internal:80"}) == 0


def answer_once(listener: socket.socket, answer: bytes) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(1000)
        connection.sendall(answer)
