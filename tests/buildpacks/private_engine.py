"""An engine of the test's own, whose builds may be given tight limits: on the machine's they would
hold for everybody's."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fcntl import LOCK_EX, flock
from pathlib import Path
from subprocess import CalledProcessError
from tempfile import gettempdir

from buildpacks.engine import Engine
from empire.errors import Unavailable
from tests.waiting import wait_until

BRIDGE = "emptest0"
GROUP = "empire-test"
PATH = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


@contextmanager
def private_engine(folder: Path, *images: str) -> Iterator[str]:
    """Yield the address of an engine that has these images and no way out; remove all of it."""
    address = f"unix://{folder}/sock"
    with _alone(), _bridge():
        _run("ip", "address", "add", "172.31.251.1/24", "dev", BRIDGE)
        process = subprocess.Popen(
            [
                "dockerd", f"--host={address}", f"--data-root={folder}/data",
                f"--exec-root={folder}/exec", f"--pidfile={folder}/pid", f"--bridge={BRIDGE}",
                "--iptables=false", "--ip-masq=false", "--ip-forward=false",
                f"--cgroup-parent=/{GROUP}",
            ],
            env=PATH, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            wait_until(lambda: _answers(address))
            for image in images:
                _give(address, image)
            yield address
        finally:
            process.terminate()
            process.wait(60)
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _alone() -> Iterator[None]:
    """Wait for who else has the bridge, in whatever process."""
    with (Path(gettempdir()) / f"{BRIDGE}.lock").open("w") as lock:
        flock(lock, LOCK_EX)
        yield


@contextmanager
def _bridge() -> Iterator[None]:
    with suppress(CalledProcessError):  # a run that was killed may have left it
        _run("ip", "link", "delete", BRIDGE)
    _run("ip", "link", "add", BRIDGE, "type", "bridge")
    try:
        yield
    finally:
        _run("ip", "link", "delete", BRIDGE)


def _answers(address: str) -> bool:
    with suppress(Unavailable):
        return Engine(address).get("/version") is not None
    return False


def _give(address: str, image: str) -> None:
    with subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE) as saved:
        subprocess.run(
            ["docker", "-H", address, "load"], stdin=saved.stdout, capture_output=True, check=True
        )


def _run(*command: str) -> None:
    subprocess.run(command, env=PATH, capture_output=True, check=True)
