"""Kills the server within single acts: afterwards the old state is there, or the new one."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.crash import is_settled
from tests.product import Product
from tests.samples import with_worker
from tests.talking import Talking
from tests.waiting import wait_until

APP = "fragile"


@dataclass(frozen=True)
class Act:
    """One act: its command, the state it leads to, and what brings the old state back."""

    command: tuple[str, ...]
    undo: tuple[str, ...]
    state: Callable[[Product], object]


def config_of(running: Product) -> object:
    """Return what is set, and what the app sees of it."""
    config = running.api(f"/apps/{APP}/config-vars")
    return [(config.get(name, "(none)"), running.ask(APP, f"/env/{name}")[1]) for name in "AB"]


def formation_of(running: Product) -> object:
    """Return what is wished, and what runs."""
    wished = sum(one["quantity"] for one in running.api(f"/apps/{APP}/formation"))
    return wished, len(running.containers(APP)), running.ask(APP)[0]


def name_of(running: Product) -> object:
    """Return who answers by the old and by the new name."""
    names = [one["name"] for one in running.api("/apps")]
    return names, *(running.ask(name)[0] for name in (APP, f"{APP}-too"))


def maintenance_of(running: Product) -> object:
    """Return whether maintenance is on, and what a request gets."""
    return running.api(f"/apps/{APP}")["maintenance"], running.ask(APP)[0]


def existence_of(running: Product) -> object:
    """Return what is left of the app."""
    names = [one["name"] for one in running.api("/apps")]
    repositories = [path.name for path in (running.home / "repos").glob(f"{APP}*.git")]
    left = (names, repositories, len(running.containers(APP)), bool(running.images(APP)))
    return (*left, running.ask(APP)[0])


ACTS = {
    "config": Act(("config:set", "A=1", "-a", APP), ("config:unset", "A", "-a", APP), config_of),
    "rollback": Act(("rollback", "-a", APP), ("rollback", "-a", APP), config_of),
    "scale": Act(
        ("ps:scale", "web=2", "worker=1", "-a", APP),
        ("ps:scale", "web=1", "worker=0", "-a", APP),
        formation_of,
    ),
    "restart": Act(("ps:restart", "-a", APP), ("ps:restart", "-a", APP), formation_of),
    "rename": Act(
        ("apps:rename", f"{APP}-too", "-a", APP), ("apps:rename", APP, "-a", f"{APP}-too"), name_of
    ),
    "maintenance": Act(
        ("maintenance:on", "-a", APP), ("maintenance:off", "-a", APP), maintenance_of
    ),
    "destroy": Act(("apps:destroy", "-a", APP, "--confirm", APP), (), existence_of),
}


def crash_in(running: Product, name: str, kills: int, seed: int) -> None:
    """Kill the server in the act so often; raises AssertionError for a state between old and new."""
    act, rng = ACTS[name], random.Random(seed)
    old, new, took = _learned(running, act)
    for number in range(kills):
        command = Talking.empire(running, *act.command)
        # The command's own start takes half of the time, when nothing can happen yet.
        time.sleep(rng.uniform(took * 0.4, took * 1.1))
        running.kill()
        running.start()
        command.process.kill()
        command.end()
        wait_until(lambda: is_settled(running), f"everything is settled after kill {number}")
        wait_until(
            lambda: act.state(running) in (old, new),
            f"{name} is as before, {old}, or as after, {new}, not {act.state(running)}",
        )
        if act.state(running) == new != old:
            _bring_back(running, act)


def _learned(running: Product, act: Act) -> tuple[object, object, float]:
    """Return the state before and after the act, and how many seconds it takes."""
    old = act.state(running)
    began = time.monotonic()
    running.empire(*act.command)
    took = time.monotonic() - began
    wait_until(lambda: is_settled(running), "everything is settled")
    new = act.state(running)
    _bring_back(running, act)
    wait_until(lambda: is_settled(running), "everything is settled")
    return old, new, took


def _bring_back(running: Product, act: Act) -> None:
    if act.undo:
        running.empire(*act.undo)
    else:
        deploy(running)
    wait_until(lambda: is_settled(running), "everything is settled")


def deploy(running: Product) -> None:
    """Push the app; make its repository first where there is none."""
    repository = running.folder / APP
    if not repository.exists():
        running.repository(APP, with_worker("1"))
    running.push(repository)
