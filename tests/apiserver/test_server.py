import socket
import threading
from pathlib import Path

import httpx
import pytest

from apiserver import ApiServer
from empire.errors import Unavailable
from empire.manifest import LogLine
from empire.names import AppName
from empire.settings import Settings
from tests.site import running
from tests.waiting import wait_until


def test_a_taken_port_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with running(tmp_path) as site, socket.create_server(("127.0.0.1", 0)) as taken:
        settings = Settings(home=tmp_path, api_port=taken.getsockname()[1])
        with pytest.raises(Unavailable, match="EMPIRE_API_PORT"):
            ApiServer(settings, site.store, site.worker._platform).start()


def test_stop_ends_open_streams_and_is_quick(tmp_path: Path) -> None:
    with running(tmp_path) as site:
        ada, token = site.person("ada@example.com")
        gate = site.builder.hold("build")
        with site.client(token) as http:
            http.post("/apps", json={"name": "open"})
            site.logs.write(AppName("open"), [LogLine(1, "app", "web.1", "x")])
            pushed = site.push("open", ada)
            output = http.get(f"/apps/open/builds/{pushed.id}").json()["output_stream_url"]
            tail = http.post("/apps/open/log-sessions", json={"tail": True}).json()["logplex_url"]
        ends: list[bool] = []
        begun = threading.Semaphore(0)

        def read(url: str) -> None:
            with httpx.stream("GET", url, trust_env=False, timeout=60) as answer:
                for line in answer.iter_lines():
                    if line:
                        begun.release()
            ends.append(True)

        readers = [threading.Thread(target=read, args=(url,)) for url in (output, tail)]
        for reader in readers:
            reader.start()
        for _ in range(3):
            assert begun.acquire(timeout=60)
        site.api.stop()
        for reader in readers:
            reader.join(60)
        gate.set()

    assert ends == [True, True]


def test_stop_answers_a_change_that_still_waits(tmp_path: Path) -> None:
    with running(tmp_path) as site:
        ada, token = site.person("ada@example.com")
        gate = site.builder.hold("build")
        answers: list[int] = []
        with site.client(token) as http:
            http.post("/apps", json={"name": "waiting"})
            site.push("waiting", ada)

            def change() -> None:
                answer = http.patch("/apps/waiting/config-vars", json={"A": "1"})
                answers.append(answer.status_code)

            patient = threading.Thread(target=change)
            patient.start()
            with site.client(token) as other:
                wait_until(lambda: len(other.get("/apps/waiting/deployments").json()) > 1)
            site.api.stop()
            patient.join(60)
        gate.set()

    assert answers == [200]
