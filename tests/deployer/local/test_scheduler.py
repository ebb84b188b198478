"""What only the scheduler on a Docker Engine does."""

import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from deployer.local import scheduler as module
from deployer.local.engine import Engine
from deployer.local.places import creation, places
from deployer.local.scheduler import DockerScheduler, enumerated
from empire.errors import Cancelled, StartFailed, Unavailable
from empire.manifest import Manifest, Size
from empire.names import AppName
from empire.settings import Settings
from tests.conftest import build
from tests.contracts.labs import LocalLab, manifest
from tests.fakes import image_ref, never
from tests.streams import played, result, wait_until

pytestmark = pytest.mark.docker

APP = AppName("sample")
SERVE = "python3 -u /app/app.py"


def start(local: LocalLab, wanted: Manifest) -> dict[str, str]:
    """Start it and return the environment that its first web dyno shows."""
    target = result(local.scheduler.start(wanted, never))[0]
    shown: dict[str, str] = httpx.get(f"http://{target}/").json()
    return shown


def failure(local: LocalLab, wanted: Manifest, seconds: float = 2.5) -> StartFailed:
    """Return why it does not start within so long, and see that nothing is left."""
    hasty = DockerScheduler(local.settings.model_copy(update={"start_seconds": seconds}))
    try:
        with pytest.raises(StartFailed) as caught:
            result(hasty.start(wanted, never))
    finally:
        hasty.close()
    assert local.container_names() == []
    return caught.value


def inspected(local: LocalLab) -> dict[str, Any]:
    """Return all of the only container."""
    (name,) = local.container_names()
    found: dict[str, Any] = local.engine.inspect_container(name)
    return found


class TestContainer:
    def test_environment(self, local: LocalLab) -> None:
        shown = start(local, manifest(local, 5, COLOUR="blue green", PATHS="a=b"))

        assert shown["COLOUR"] == "blue green"
        assert shown["PATHS"] == "a=b"
        assert shown["PORT"] == "8080"
        assert shown["EMPIRE_APP"] == "sample"
        assert shown["EMPIRE_RELEASE"] == "v105"
        assert shown["EMPIRE_PROCESS"] == "web"
        assert shown["EMPIRE_DYNO"] == "web.1"

    def test_port_of_the_app_s_own_choice(self, local: LocalLab) -> None:
        assert start(local, manifest(local, PORT="3000"))["PORT"] == "3000"

    @pytest.mark.parametrize("port", ["", "http", "0", "65536", "-1"])
    def test_a_port_that_is_none_is_passed_over(self, local: LocalLab, port: str) -> None:
        assert places(manifest(local, PORT=port))[0].port == 8080

    def test_limits_and_safety(self, local: LocalLab) -> None:
        start(local, manifest(local, size=Size("huge", 1000, 96)))

        host = inspected(local)["HostConfig"]
        assert host["Memory"] == host["MemorySwap"] == 96 * 1024 * 1024
        assert host["NanoCpus"] == local.engine.info()["NCPU"] * 1e9
        assert host["PidsLimit"] == 1024
        assert host["Init"]
        assert host["SecurityOpt"] == ["no-new-privileges"]
        assert host["CapDrop"] == ["NET_RAW", "MKNOD"]
        assert host["LogConfig"]["Config"] == {"max-size": "10m", "max-file": "2"}
        assert not host["Binds"]
        assert not host["Privileged"]

    def test_name_labels_and_policy(self, local: LocalLab) -> None:
        start(local, manifest(local, 3, SECRET="hidden-value"))

        found, instance = inspected(local), local.settings.instance
        assert found["Name"] == f"/empire-{instance}-sample-d3-web-1"
        assert found["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
        assert (
            found["Config"]["Labels"]
            | {
                "empire.instance": instance,
                "empire.app": "sample",
                "empire.version": "103",
                "empire.deployment": "3",
                "empire.process": "web",
                "empire.index": "1",
                "empire.size": "1X",
                "empire.port": "8080",
            }
            == found["Config"]["Labels"]
        )
        assert "hidden-value" not in str(found["Config"]["Labels"])

    def test_published_where_addresses_cannot_be_reached(self, local: LocalLab) -> None:
        published = DockerScheduler(local.settings, is_published=True)
        (target,) = result(published.start(manifest(local), never))

        assert target.host == "127.0.0.1"
        assert target.port != 8080
        assert local.answers(target)
        assert [dyno.target for dyno in published.dynos(APP)] == [target]
        published.close()


class TestCommand:
    @pytest.mark.parametrize(
        "command",
        [SERVE, "cd /app && python3 -u app.py", f"COLOUR=red {SERVE}", f"{SERVE}; echo end"],
    )
    def test_runs_in_a_shell_and_gets_sigterm(self, local: LocalLab, command: str) -> None:
        start(local, manifest(local, command=command))
        dyno = local.scheduler.dynos(APP)[0]
        assert dyno.command == command
        written: list[bytes] = []
        reader = threading.Thread(
            target=lambda: written.extend(local.engine.logs(dyno.id, stream=True, follow=True))
        )
        reader.start()

        began = time.monotonic()
        local.scheduler.retire(manifest(local, 2, web=0))

        reader.join(5)
        assert b"goodbye" in b"".join(written)
        assert time.monotonic() - began < local.settings.stop_grace_seconds

    def test_a_dyno_that_ignores_sigterm_is_killed_after_its_grace(self, local: LocalLab) -> None:
        start(local, manifest(local, BEHAVE="stubborn"))
        hasty = DockerScheduler(local.settings.model_copy(update={"stop_grace_seconds": 1}))

        began = time.monotonic()
        hasty.retire(manifest(local, 2, web=0))

        assert 1 <= time.monotonic() - began < 4
        assert local.container_names() == []
        hasty.close()

    def test_a_command_that_is_not_there(self, local: LocalLab) -> None:
        error = failure(local, manifest(local, command="nonesuch --now"))

        assert error.what == "web.1 exited with code 127 while it started."
        assert "nonesuch" in error.why
        assert "not found in the image" in error.fix

    def test_an_image_without_a_shell(self, local: LocalLab) -> None:
        dockerfile = f"FROM {local.settings.base_image}\nRUN rm /bin/sh\n".encode()
        bare = build(local.engine, {"Dockerfile": dockerfile})

        error = failure(local, manifest(local, image=bare, command="true"))

        assert error.what == "web.1 cannot be started: its image has no /bin/sh."
        local.engine.remove_image(bare)

    def test_an_image_that_cannot_run_at_all(self, local: LocalLab) -> None:
        empty = build(local.engine, {"Dockerfile": b'FROM scratch\nCMD ["/nothing"]\n'})

        assert "web.1" in failure(local, manifest(local, image=empty)).what
        local.engine.remove_image(empty)

    def test_an_image_that_is_gone(self, local: LocalLab) -> None:
        error = failure(local, manifest(local, image=image_ref("deleted")))

        assert error.what == "The image of sample is not on this machine any more."


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
        error = failure(local, manifest(local, BEHAVE=behaviour, health_path=path))

        assert error.what == "web.1 did not become healthy within 2.5 seconds."
        assert " of http://" in error.why
        assert probes in error.why
        assert f"  obedient {behaviour.partition(':')[0]} starts" in error.why
        assert fix in error.fix

    def test_a_health_path_needs_success(self, local: LocalLab) -> None:
        assert "status 404" in failure(local, manifest(local, health_path="/missing")).why

    def test_without_one_any_answer_will_do(self, local: LocalLab) -> None:
        wanted = manifest(local, BEHAVE="unwell")

        assert result(local.scheduler.start(wanted, never))

    def test_probes_name_the_app_s_host(self, local: LocalLab) -> None:
        wanted = manifest(local, BEHAVE="picky:sample.localhost", health_path="/")

        assert result(local.scheduler.start(wanted, never))

    def test_an_exit_ends_it_at_once(self, local: LocalLab) -> None:
        began = time.monotonic()
        error = failure(local, manifest(local, BEHAVE="exit:3"), seconds=60)

        assert error.what == "web.1 exited with code 3 while it started."
        assert error.why.splitlines()[-1] == "  going down"
        assert time.monotonic() - began < 5

    def test_memory_is_named_as_the_reason(self, local: LocalLab) -> None:
        error = failure(local, manifest(local, BEHAVE="memory"), seconds=60)

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
    def test_cancelled_within_two_seconds(self, local: LocalLab, behaviour: str) -> None:
        is_cancelled = threading.Event()
        stream = local.scheduler.start(
            manifest(local, web=2, worker=1, BEHAVE=behaviour), is_cancelled.is_set
        )
        next(stream)
        wait_until(lambda: any(d.state == "starting" for d in local.scheduler.dynos(APP)))
        is_cancelled.set()

        began = time.monotonic()
        with pytest.raises(Cancelled):
            result(stream)

        assert time.monotonic() - began < 2
        assert local.container_names() == []


class TestLookFirst:
    """What an earlier attempt of the same start left behind."""

    def leave(self, local: LocalLab, wanted: Manifest) -> str:
        """Return the container that a server made before it was killed."""
        (place,) = places(wanted)
        instance = local.settings.instance
        body = creation(place, instance, cores=1, is_published=False, grace_seconds=1)
        engine = Engine(local.settings)
        left = engine.create(body, place.name(instance))
        engine.close()
        return left

    def test_created_is_started(self, local: LocalLab) -> None:
        left = self.leave(local, manifest(local))

        assert result(local.scheduler.start(manifest(local), never))
        assert [dyno.id for dyno in local.scheduler.dynos(APP)] == [left]

    def test_running_is_taken_up(self, local: LocalLab) -> None:
        left = self.leave(local, manifest(local))
        local.engine.start(left)
        assert local.scheduler.dynos(APP)[0].state == "starting"

        assert result(local.scheduler.start(manifest(local), never))
        (dyno,) = local.scheduler.dynos(APP)
        assert (dyno.id, dyno.state) == (left, "up")

    def test_ended_is_made_anew(self, local: LocalLab) -> None:
        left = self.leave(local, manifest(local, BEHAVE="exit:3"))
        local.engine.start(left)
        wait_until(lambda: local.scheduler.dynos(APP)[0].exit_code == 3)
        assert local.scheduler.dynos(APP)[0].state == "crashed"

        assert result(local.scheduler.start(manifest(local), never))
        assert [dyno.id for dyno in local.scheduler.dynos(APP)] != [left]

    def test_a_failure_removes_it_too(self, local: LocalLab) -> None:
        left = self.leave(local, manifest(local, BEHAVE="silent"))
        local.engine.start(left)

        failure(local, manifest(local, BEHAVE="silent"))

    def test_a_failure_spares_what_was_healthy_before(self, local: LocalLab) -> None:
        result(local.scheduler.start(manifest(local), never))
        with pytest.raises(StartFailed):
            result(local.scheduler.start(manifest(local, worker=1, command="false"), never))

        assert [dyno.name for dyno in local.scheduler.dynos(APP)] == ["web.1"]


class TestWhatRuns:
    def test_a_crashed_dyno_comes_back(self, local: LocalLab) -> None:
        (target,) = result(local.scheduler.start(manifest(local), never))
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(f"http://{target}/exit?code=7")

        wait_until(lambda: [d.restarts for d in local.scheduler.dynos(APP)] == [1])
        wait_until(lambda: local.scheduler.dynos(APP)[0].state == "up")

    def test_one_that_keeps_crashing_is_told_as_crashed(self, local: LocalLab) -> None:
        result(local.scheduler.start(manifest(local, web=0, worker=1, BEHAVE="fall:0.4"), never))

        wait_until(lambda: local.scheduler.dynos(APP)[0].state == "crashed")
        wait_until(lambda: local.scheduler.dynos(APP)[0].exit_code == 5)

    def test_one_stopped_by_hand_is_down_and_started_anew(self, local: LocalLab) -> None:
        result(local.scheduler.start(manifest(local), never))
        (dyno,) = local.scheduler.dynos(APP)
        local.engine.stop(dyno.id)
        assert local.scheduler.dynos(APP)[0].state == "down"
        assert local.scheduler.dynos(APP)[0].target is None

        assert result(local.scheduler.start(manifest(local), never))
        assert local.scheduler.dynos(APP)[0].state == "up"

    def test_two_may_stop_the_same_at_once(self, local: LocalLab) -> None:
        result(local.scheduler.start(manifest(local, web=3), never))
        stops = [threading.Thread(target=local.scheduler.stop, args=(APP,)) for _ in range(3)]
        for stop in stops:
            stop.start()
        for stop in stops:
            stop.join()

        assert local.container_names() == []

    def test_other_servers_are_not_seen(self, local: LocalLab, tmp_path: Path) -> None:
        result(local.scheduler.start(manifest(local), never))
        other = DockerScheduler(Settings(home=tmp_path / "other"))

        assert other.dynos() == []
        other.stop(APP)

        assert len(local.scheduler.dynos()) == 1
        other.close()

    def test_an_engine_that_does_not_answer(self, settings: Settings, tmp_path: Path) -> None:
        nowhere = settings.model_copy(update={"docker_host": f"unix://{tmp_path}/none.sock"})
        with pytest.raises(Unavailable, match="The Docker Engine does not answer"):
            DockerScheduler(nowhere).dynos()

    def test_an_engine_that_refuses(self, local: LocalLab) -> None:
        with pytest.raises(Unavailable, match="refused to start"):
            result(local.scheduler.start(manifest(local, size=Size("tiny", 1, 1)), never))


def test_names_are_enumerated() -> None:
    assert enumerated(["web.1"]) == "web.1"
    assert enumerated(["web.1", "web.2"]) == "web.1 and web.2"
    assert enumerated(["a", "b", "c"]) == "a, b and c"
    assert enumerated(["a", "b", "c"], limit=2) == "a, b and 1 more"
