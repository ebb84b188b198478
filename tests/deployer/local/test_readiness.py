"""When a dyno on a Docker Engine counts as up, and what is said when it does not come up."""

import threading
from dataclasses import replace

import pytest

from deployer.local import scheduler as module
from empire.errors import Cancelled
from empire.names import AppName
from tests.contracts.labs import LocalLab, manifest
from tests.deployer.local.starts import failure
from tests.fakes import never
from tests.streams import played, result
from tests.waiting import wait_until

pytestmark = pytest.mark.docker

APP = AppName("sample")
SERVE = "python3 -u /app/app.py"


class TestReadiness:
    def test_a_slow_one_is_waited_for(
        self, local: LocalLab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.2)

        events, _ = played(local.scheduler.start(manifest(local, BEHAVE="slow:0.8"), never))

        said = [str(event).strip() for event in events]
        assert said[0] == "Starting web.1"
        assert any(line.startswith("Still waiting for web.1 (") for line in said)
        assert said[-1].startswith("web.1 is up (")

    def test_an_app_may_take_longer_than_others(self, local: LocalLab) -> None:
        wanted = manifest(local, BEHAVE="silent")
        patient = replace(wanted.processes[0], start_seconds=2.5)
        error = failure(local, replace(wanted, processes=(patient,)), seconds=0.5)
        assert error.what == "web.1 did not become healthy within 2.5 seconds."

    @pytest.mark.parametrize(
        ("behaviour", "path", "probes", "fix"),
        [
            ("silent", None, "connection refused", "It listens on no port."),
            ("hang", None, "no answer in time", "It listens on port 8080; look for"),
            ("close", None, "closed without an answer", "It listens on port 8080"),
            ("babble", None, "an answer that is not HTTP", "It listens on port 8080"),
            ("unwell", "/health", "status 503", "It listens on port 8080"),
            ("port:5000", None, "connection refused", "It listens on port 5000, not on 8080."),
            ("loopback", None, "connection refused", "on 127.0.0.1 port 8080 only. Let it listen"),
        ],
    )
    def test_what_never_answers_is_explained(
        self, local: LocalLab, behaviour: str, path: str | None, probes: str, fix: str
    ) -> None:
        error = failure(local, manifest(local, BEHAVE=behaviour, health_path=path), seconds=4)

        assert error.what == "web.1 did not become healthy within 4 seconds."
        assert " of http://" in error.why
        assert probes in error.why
        assert f"  obedient {behaviour.partition(':')[0]} starts" in error.why
        assert fix in error.fix

    def test_a_health_path_needs_success(self, local: LocalLab) -> None:
        assert (
            "status 404" in failure(local, manifest(local, health_path="/missing"), seconds=4).why
        )

    def test_without_one_any_answer_will_do(self, local: LocalLab) -> None:
        wanted = manifest(local, BEHAVE="unwell")

        assert result(local.scheduler.start(wanted, never))

    def test_probes_name_the_app_s_host(self, local: LocalLab) -> None:
        wanted = manifest(local, BEHAVE="picky:sample.localhost", health_path="/")

        assert result(local.scheduler.start(wanted, never))

    def test_an_exit_ends_it_at_once(self, local: LocalLab) -> None:
        error = failure(local, manifest(local, BEHAVE="exit:3"))

        assert error.what == "web.1 exited with code 3 while it started."
        assert error.why.splitlines()[-1] == "  going down"

    def test_memory_is_named_as_the_reason(self, local: LocalLab) -> None:
        error = failure(local, manifest(local, BEHAVE="memory"))

        assert error.what == "web.1 was killed because it used more than 128 MiB of memory."

    def test_a_worker_that_falls_early(self, local: LocalLab) -> None:
        wanted = manifest(local, web=0, worker=1, BEHAVE="fall:0.1")

        patient = local.settings.model_copy(update={"worker_uptime_seconds": 10})
        error = failure(LocalLab(patient, local.engine, local.image), wanted)

        assert error.what == "worker.1 exited with code 5 while it started."

    def test_secrets_in_the_last_lines_are_hidden(self, local: LocalLab) -> None:
        wanted = manifest(local, BEHAVE="leak", SECRET_URL="postgres://me:pw@db.example.com")

        assert "cannot connect to [redacted]" in failure(local, wanted).why

    @pytest.mark.parametrize("behaviour", ["silent", "hang"])
    def test_cancelled_while_it_starts(self, local: LocalLab, behaviour: str) -> None:
        is_cancelled = threading.Event()
        stream = local.scheduler.start(
            manifest(local, web=2, worker=1, BEHAVE=behaviour), is_cancelled.is_set
        )
        next(stream)
        wait_until(lambda: any(d.state == "starting" for d in local.scheduler.dynos(APP)))
        is_cancelled.set()

        with pytest.raises(Cancelled):
            result(stream)

        assert local.container_names() == []
