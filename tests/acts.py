"""Every act that changes what runs, under load: none may cost a request."""

import time
from collections.abc import Callable

from tests.load import Load, Report, Traffic
from tests.product import ROOT, Product
from tests.samples import DOCKERFILE

APP = "traffic"
SOURCE = ROOT / "tests" / "fixtures" / "apps" / "traffic" / "app.py"

ACTS: dict[str, Callable[[Product], object]] = {
    "deploy": lambda running: _deploy(running),
    "rollback": lambda running: running.empire("rollback", "-a", APP),
    "config:set": lambda running: running.empire("config:set", f"A={time.time()}", "-a", APP),
    "scale up": lambda running: running.empire("ps:scale", "web=3", "-a", APP),
    "restart": lambda running: running.empire("ps:restart", "-a", APP),
    "restart one": lambda running: running.empire("ps:restart", "web.2", "-a", APP),
    "scale down": lambda running: running.empire("ps:scale", "web=1", "-a", APP),
}


def begin(running: Product) -> None:
    """Push the first version of the app."""
    running.push(running.repository(APP, files("v0")))


def files(version: str) -> dict[str, str]:
    """Return the sources of one version."""
    dockerfile = DOCKERFILE.replace("COPY app.py", "COPY app.py version")
    return {"Dockerfile": dockerfile, "app.py": SOURCE.read_text(), "version": version}


def traffic(running: Product) -> Traffic:
    """Return two hundred requests a second to the app, eight of them of five seconds each."""
    return Traffic("127.0.0.1", running.http_port, f"{APP}.localhost")


def through(running: Product, name: str) -> Report:
    """Do the act in the middle of the load, and return what came of the load."""
    with Load(traffic(running)) as load:
        time.sleep(1)  # so that slow requests are in flight
        ACTS[name](running)
        time.sleep(1)
        return load.stop()


def _deploy(running: Product) -> None:
    repository = running.folder / APP
    running.commit(repository, {"version": f"v{time.time()}"}, "Another version")
    running.push(repository)
