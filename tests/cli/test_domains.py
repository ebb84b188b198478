"""Waiting for certificates, which a transcript cannot show: somebody else ends the waiting."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from empire.certificates import Certificate, Status
from empire.names import AppName, DomainName
from tests.site import Site, running
from tests.transcripts.runner import SOURCE, Stage

WWW = DomainName("www.example.com")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with running(tmp_path / "site") as running_site:
        yield running_site


@pytest.fixture
def stage(site: Site, tmp_path: Path) -> Stage:
    _, token = site.person("ada@example.com")
    with site.client(token) as http:
        http.post("/apps", json={"name": "shop"})
        http.post("/apps/shop/domains", json={"hostname": WWW, "sni_endpoint": None})
    note(site, Status.PENDING, "Make a record.")
    return Stage.make(tmp_path / "stage", EMPIRE_URL=site.url, EMPIRE_API_KEY=token)


def note(site: Site, status: Status, reason: str = "") -> None:
    with site.store.writing() as session:
        row = Certificate(hostname=WWW, app=AppName("shop"), status=status, reason=reason)
        session.merge(row)


@pytest.mark.parametrize(
    ("status", "reason", "code", "ending"),
    [
        (Status.OK, "", 0, "www.example.com is ready."),
        (
            Status.FAILED,
            "CAA forbids it.",
            1,
            "www.example.com gets no certificate: CAA forbids it.",
        ),
    ],
)
def test_waiting_tells_the_reason_and_the_end(
    site: Site, stage: Stage, status: Status, reason: str, code: int, ending: str
) -> None:
    waiting = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "domains:wait", "-a", "shop", WWW],
        cwd=SOURCE, env=stage.env, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    guard = threading.Timer(60, waiting.kill)
    guard.start()
    assert waiting.stderr
    assert waiting.stderr.readline() == "www.example.com waits: Make a record.\n"
    note(site, status, reason)
    _, told = waiting.communicate()
    guard.cancel()
    assert (told, waiting.returncode) == (f"{ending}\n", code)


def test_a_domain_that_waits_says_so_in_the_list_and_when_it_is_added(
    site: Site, stage: Stage
) -> None:
    listed, _ = stage.run("empire domains -a shop")
    assert listed[-1].endswith("pending: Make a record.")
    stage.run(f"empire domains:remove -a shop {WWW}")
    added, _ = stage.run(f"empire domains:add -a shop {WWW}")
    assert added[-1].endswith("empire domains:wait www.example.com")
