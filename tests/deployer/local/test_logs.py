"""What only logs from a Docker Engine do."""

import subprocess
import sys
import threading
from itertools import pairwise

import httpx
import pytest

from deployer.local.collector import Collector
from deployer.local.logs import LocalLogs
from empire.logs import LogFilter
from empire.manifest import LogLine
from empire.names import AppName
from tests.contracts.labs import LocalLab, kept, manifest
from tests.fakes import never
from tests.streams import result
from tests.waiting import wait_until

pytestmark = pytest.mark.docker

APP = AppName("sample")
DYNOS = LogFilter(source="app")
COUNTING = """
import sys, time
began = time.monotonic()
for n in range(int(sys.argv[1])):
    sys.stdout.write(f"line {n}\\n")
    sys.stdout.flush()
    time.sleep(max(0, began + n / 2000 - time.monotonic()))
time.sleep(1000)
"""


def lines(local: LocalLab, most: int = 100_000) -> list[LogLine]:
    return local.logs.recent(APP, most, DYNOS)[0]


def texts(local: LocalLab) -> list[str]:
    return [line.text for line in lines(local)]


def start(local: LocalLab, command: str, deployment: int = 1) -> None:
    made = manifest(local, deployment, web=0, worker=1, command=command)
    kept(local, made)


def counting(count: int) -> str:
    return f"python3 -c '{COUNTING}' {count}"


def numbered(count: int) -> list[str]:
    return [f"line {n}" for n in range(count)]


class Servers:
    """One server after the other on the same home."""

    def __init__(self, local: LocalLab) -> None:
        self.local = local

    def end(self) -> None:
        self.local.collector.close()

    def begin(self) -> None:
        self.local.logs = LocalLogs(self.local.settings)
        self.local.collector = Collector(self.local.settings, self.local.logs)
        self.local.scheduler._engine.before_remove = self.local.collector.drain
        self.local.collector.start()

    def restart(self) -> None:
        self.end()
        self.begin()


def test_bytes_that_are_no_text_and_lines_that_are_long(local: LocalLab) -> None:
    (target,) = result(local.scheduler.start(manifest(local), never))
    httpx.get(f"http://{target}/say?text=caf%C3%A9")  # the app writes it as latin-1
    httpx.get(f"http://{target}/say?text={'x' * 40_000}")

    wait_until(lambda: len(texts(local)) == 3)

    assert texts(local)[1:] == ["caf\N{REPLACEMENT CHARACTER}", "x" * 40_000]


def test_lines_of_a_megabyte(local: LocalLab) -> None:
    write = "import time; [print(c * 1048576, flush=True) for c in 'abc']; time.sleep(1000)"
    start(local, f'python3 -c "{write}"')

    wait_until(lambda: len(texts(local)) == 3)

    assert texts(local) == [letter * 1048576 for letter in "abc"]


def test_a_dyno_that_comes_again_is_followed_on(local: LocalLab) -> None:
    (target,) = kept(local, manifest(local))
    wait_until(lambda: len(texts(local)) == 1)
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"http://{target}/exit?code=1")

    wait_until(lambda: len(texts(local)) == 2)

    assert texts(local) == ["obedient app starts"] * 2
    first, again = lines(local)
    assert again.at > first.at


def test_two_thousand_lines_a_second_through_restarts_of_the_server(local: LocalLab) -> None:
    servers = Servers(local)
    start(local, counting(8000))
    for reached in (1000, 3000, 5000):
        wait_until(lambda least=reached: len(texts(local)) >= least)  # type: ignore[misc]
        servers.restart()
    wait_until(lambda: texts(local)[-1:] == ["line 7999"])

    assert texts(local) == numbered(8000)
    assert all(one.position < after.position for one, after in pairwise(lines(local)))


def test_a_server_that_is_killed_again_and_again(local: LocalLab) -> None:
    local.collector.close()
    collect = (
        "import sys, time, pathlib; from tests.conftest import quick; "
        "from deployer.local.logs import LocalLogs; from deployer.local.collector import Collector; "
        "settings = quick(pathlib.Path(sys.argv[1])); "
        "Collector(settings, LocalLogs(settings)).start(); time.sleep(1000)"
    )
    start(local, counting(6000))
    for reached in (500, 2000, 3500, 5000):
        arguments = [sys.executable, "-c", collect, str(local.settings.home)]
        with subprocess.Popen(arguments) as server:
            wait_until(lambda least=reached: len(texts(local)) >= least)  # type: ignore[misc]
            server.kill()
    Servers(local).begin()
    wait_until(lambda: texts(local)[-1:] == ["line 5999"])

    assert texts(local) == numbered(6000)


def test_a_disk_that_refuses_for_a_while(local: LocalLab) -> None:
    folder = local.settings.logs / "apps"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / APP).write_bytes(b"no folder")
    start(local, "seq 300; sleep 0.5; seq 301 600; sleep 1000")
    (folder / APP).unlink()

    wait_until(lambda: len(texts(local)) >= 600)

    assert texts(local) == [str(n) for n in range(1, 601)]


def test_the_log_of_a_loud_app_is_bounded(local: LocalLab) -> None:
    settings = local.settings.model_copy(update={"logs_max_mib_per_app": 8})
    local.collector.close()
    local.logs = LocalLogs(settings)
    local.collector = Collector(settings, local.logs)
    local.collector.start()
    write = "import sys; [sys.stdout.write('x' * 65536 + chr(10)) for _ in range(320)]"
    start(local, f'python3 -c "{write}"; echo done; sleep 1000')

    wait_until(lambda: texts(local)[-1:] == ["done"])

    kept = [path.stat().st_size for path in (settings.logs / "apps" / APP).iterdir()]
    assert len(kept) <= 2
    assert sum(kept) <= 9 * 1024 * 1024
    assert len(texts(local)) > 60


def test_what_is_written_while_no_server_runs(local: LocalLab) -> None:
    servers = Servers(local)
    start(local, counting(500))
    wait_until(lambda: len(texts(local)) >= 100)
    servers.end()
    (dyno,) = local.scheduler.dynos(APP)
    wait_until(lambda: b"line 499" in local.engine.logs(dyno.id, tail=1))
    local.engine.kill(dyno.id)
    servers.begin()
    wait_until(lambda: len(texts(local)) >= 500)
    local.scheduler.stop(APP)
    servers.restart()

    assert texts(local) == numbered(500)


def test_the_last_words_of_a_retired_dyno(local: LocalLab) -> None:
    farewell = 'trap "seq 2000; printf no-line-end; exit 0" TERM; echo up; sleep 1000 & wait'
    start(local, farewell)
    wait_until(lambda: texts(local) == ["up"])

    local.scheduler.retire(manifest(local, 2, web=0))

    assert texts(local) == ["up", *map(str, range(1, 2001)), "no-line-end"]
    assert local.scheduler.dynos(APP) == []


def test_a_line_without_end_before_a_dyno_comes_again(local: LocalLab) -> None:
    start(local, "printf begun; [ -e /tmp/again ] || { touch /tmp/again; sleep 5; }; exit 1")

    wait_until(lambda: len(texts(local)) >= 3)

    assert set(texts(local)) == {"begun"}


def test_what_happens_to_a_dyno_is_told(local: LocalLab) -> None:
    kept(local, manifest(local))
    local.scheduler.retire(manifest(local, 2, web=0))

    told = LogFilter(source="platform", dyno="web.1")
    wait_until(lambda: len(local.logs.recent(APP, 100, told)[0]) == 5)

    assert [line.text for line in local.logs.recent(APP, 100, told)[0]] == [
        "Starting process",
        "State changed from starting to up",
        "Stopping with SIGTERM",
        "Process exited with status 0",
        "State changed from up to down",
    ]


def test_many_dynos_take_no_thread_each(local: LocalLab) -> None:
    before = threading.active_count()
    start = manifest(local, web=0, worker=8, command="echo here; sleep 1000")
    result(local.scheduler.start(start, never))

    wait_until(lambda: len(texts(local)) == 8)

    assert {line.dyno for line in lines(local)} == {f"worker.{n}" for n in range(1, 9)}
    assert threading.active_count() <= before + 1  # that of the scheduler's watch


def test_a_removed_log_stays_removed(local: LocalLab) -> None:
    start(local, "yes")
    wait_until(lambda: len(texts(local)) > 10)

    local.scheduler.stop(APP)
    local.logs.remove(APP)
    start(local, "echo again; sleep 1000", deployment=2)

    wait_until(lambda: len(texts(local)) > 0)
    assert texts(local) == ["again"]
