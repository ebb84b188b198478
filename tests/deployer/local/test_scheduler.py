"""What only the scheduler on a Docker Engine does."""

import threading
import time
from pathlib import Path

import httpx
import pytest
from docker.errors import APIError
from requests import Response

from deployer.local.engine import Engine
from deployer.local.places import creation, places
from deployer.local.scheduler import DockerScheduler, enumerated
from empire.errors import EmpireError, StartFailed, Unavailable
from empire.manifest import Manifest, Size
from empire.names import AppName
from empire.settings import Settings
from tests.conftest import build
from tests.contracts.labs import LocalLab, kept, manifest
from tests.deployer.local.starts import failure, inspected, start
from tests.fakes import image_ref, never
from tests.streams import result
from tests.waiting import wait_until

pytestmark = pytest.mark.docker

APP = AppName("sample")
SERVE = "python3 -u /app/app.py"


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

    def test_name_and_labels(self, local: LocalLab) -> None:
        start(local, manifest(local, 3, SECRET="hidden-value"))

        found, instance = inspected(local), local.settings.instance
        assert found["Name"] == f"/empire-{instance}-sample-d3-web-1"
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

        local.scheduler.retire(manifest(local, 2, web=0))

        reader.join(60)
        assert b"goodbye" in b"".join(written)

    def test_a_dyno_that_ignores_sigterm_is_killed_after_its_grace(self, local: LocalLab) -> None:
        start(local, manifest(local, BEHAVE="stubborn"))
        hasty = DockerScheduler(local.settings.model_copy(update={"stop_grace_seconds": 1}))

        began = time.monotonic()
        hasty.retire(manifest(local, 2, web=0))

        assert time.monotonic() - began >= 1  # it had its time
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

        assert kept(local, manifest(local))
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

        failure(local, manifest(local, BEHAVE="silent"), seconds=2)

    def test_a_failure_spares_what_was_kept_before(self, local: LocalLab) -> None:
        kept(local, manifest(local))
        patient = DockerScheduler(local.settings.model_copy(update={"worker_uptime_seconds": 10}))
        with pytest.raises(StartFailed):
            result(patient.start(manifest(local, worker=1, command="false"), never))
        patient.close()

        assert [dyno.name for dyno in local.scheduler.dynos(APP)] == ["web.1"]


class TestKeep:
    def test_one_that_ended_meanwhile_is_told_as_such(self, local: LocalLab) -> None:
        (target,) = result(local.scheduler.start(manifest(local, worker=1), never))
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(f"http://{target}/exit?code=7")
        wait_until(lambda: {d.state for d in local.scheduler.dynos(APP)} == {"crashed", "starting"})

        with pytest.raises(StartFailed, match=r"web\.1 exited with code 7"):
            local.scheduler.keep(manifest(local, worker=1))
        assert [d.state for d in local.scheduler.dynos(APP)] == ["crashed", "up"]

    @pytest.mark.parametrize(
        ("does_end", "told"),
        [(True, r"web\.1 exited with code 137"), (False, "keep web.1 up")],
        ids=["it ends", "it runs on"],
    )
    def test_the_engine_refuses_to_keep_one(
        self, local: LocalLab, monkeypatch: pytest.MonkeyPatch, does_end: bool, told: str
    ) -> None:
        def refuse(engine: Engine, container: str) -> None:
            if does_end:
                engine.api.kill(container)
            raise APIError("cannot update", Response())

        result(local.scheduler.start(manifest(local), never))
        monkeypatch.setattr(Engine, "keep_up", refuse)

        with pytest.raises(EmpireError, match=told):
            local.scheduler.keep(manifest(local))

    def test_one_that_was_removed_meanwhile(self, local: LocalLab) -> None:
        result(local.scheduler.start(manifest(local), never))
        local.scheduler.stop(APP)

        with pytest.raises(StartFailed, match=r"web\.1 is gone"):
            local.scheduler.keep(manifest(local))

    def test_a_dyno_that_is_not_kept_does_not_come_again(self, local: LocalLab) -> None:
        kept(local, manifest(local, 1))
        result(local.scheduler.start(manifest(local, 2), never))

        found = [local.engine.inspect_container(d.id) for d in local.scheduler.dynos(APP)]
        hosts = [one["HostConfig"] for one in found]
        assert [h["RestartPolicy"]["Name"] for h in hosts] == ["unless-stopped", "no"]
        assert [h["CpuShares"] for h in hosts] == [1024, 256]


class TestWhatRuns:
    def test_a_crashed_dyno_comes_back(self, local: LocalLab) -> None:
        (target,) = kept(local, manifest(local))
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(f"http://{target}/exit?code=7")

        wait_until(lambda: [d.restarts for d in local.scheduler.dynos(APP)] == [1])
        wait_until(lambda: local.scheduler.dynos(APP)[0].state == "up")

    def test_one_that_keeps_crashing_is_told_as_crashed(self, local: LocalLab) -> None:
        (target,) = kept(local, manifest(local, BEHAVE="relapse:5"))
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(f"http://{target}/exit?code=7")

        wait_until(lambda: local.scheduler.dynos(APP)[0].state == "crashed")
        wait_until(lambda: local.scheduler.dynos(APP)[0].exit_code == 5)

    def test_one_stopped_by_hand_is_down_and_started_anew(self, local: LocalLab) -> None:
        kept(local, manifest(local))
        (dyno,) = local.scheduler.dynos(APP)
        local.engine.stop(dyno.id)
        assert local.scheduler.dynos(APP)[0].state == "down"
        assert local.scheduler.dynos(APP)[0].target is None

        assert kept(local, manifest(local))
        assert local.scheduler.dynos(APP)[0].state == "up"

    def test_what_another_call_will_stop_is_spared(self, local: LocalLab) -> None:
        for deployment in (1, 2, 3):
            result(local.scheduler.start(manifest(local, deployment), never))
        first = local.scheduler.dynos(APP)[0]

        local.scheduler.retire(manifest(local, 3), frozenset({first.id}))

        assert [dyno.deployment for dyno in local.scheduler.dynos(APP)] == [1, 3]

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
