"""What is under way is stopped and leaves nothing, or is taken away with its app."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.product import Product
from tests.samples import DOCKERFILE, SERVER, with_dockerfile
from tests.talking import Talking
from tests.waiting import wait_until

pytestmark = pytest.mark.docker

# Not the same in two runs: the engine remembers what it built.
SLEEPY_BUILD = DOCKERFILE + f"RUN echo a long build {uuid4()} && sleep 100\n"
DEAF = SERVER.replace("{version}", "deaf").replace("server = ", "time.sleep(100)\nserver = ")


def test_a_build_is_cancelled(empire: Product) -> None:
    repository = empire.repository("unbuilt", with_dockerfile("one"))
    empire.push(repository)
    images, quarantines = empire.images("unbuilt"), empire.quarantines()
    empire.commit(repository, {"Dockerfile": SLEEPY_BUILD}, "Build for long")
    push = Talking.push(empire, repository)
    push.wait_for("a long build")

    _cancel(empire, "unbuilt", push)

    assert "ann@example.com cancelled it." in push.said
    wait_until(lambda: empire.quarantines() == quarantines, "no quarantine is left")
    assert empire.images("unbuilt") == images
    assert empire.ask("unbuilt") == (200, "version one")
    _goes_on(empire, repository)


def test_a_start_is_cancelled(empire: Product) -> None:
    repository = empire.repository("unstarted", with_dockerfile("one"))
    empire.push(repository)
    containers = empire.containers("unstarted")
    empire.commit(repository, {"app.py": DEAF}, "Never answer")
    push = Talking.push(empire, repository)
    wait_until(lambda: len(empire.containers("unstarted")) == 2, "the new dyno is there")

    _cancel(empire, "unstarted", push)

    assert "ann@example.com cancelled it." in push.said
    wait_until(lambda: empire.containers("unstarted") == containers, "the new dyno is gone")
    assert empire.ask("unstarted") == (200, "version one")
    _goes_on(empire, repository)


def test_who_waits_is_told_who_is_ahead_and_can_be_cancelled(empire: Product) -> None:
    repository = empire.repository("queueing", with_dockerfile("one"))
    empire.push(repository)
    empire.commit(
        repository,
        {"Dockerfile": SLEEPY_BUILD.replace("sleep 100", "sleep 3"), "app.py": DEAF},
        "Never answer",
    )
    first = Talking.push(empire, repository)
    first.wait_for("a long build")
    second = Talking.empire(empire, "config:set", "A=1", "-a", "queueing")
    second.wait_for("Waiting for deployment")
    assert "by ann@example.com (received, " in second.said
    second.wait_for("Still waiting: deployment")
    assert second.said.count("(received, ") == 1

    refused = empire.empire("deploys:cancel", "-a", "queueing", check=False)
    assert "Several deployments of queueing are under way." in refused.stderr
    numbers = [str(one["number"]) for one in _under_way(empire, "queueing")]
    said = empire.empire("deploys:cancel", numbers[1], "-a", "queueing").stderr
    assert f"Deployment {numbers[1]} was cancelled." in said
    assert second.end() == 1
    empire.empire("deploys:cancel", "-a", "queueing")
    assert first.end() != 0


def test_an_app_is_destroyed_while_it_builds(empire: Product) -> None:
    repository = empire.repository("doomed", with_dockerfile("one"))
    empire.push(repository)
    empire.empire("config:set", "KEY=hunter2-unmistakable", "-a", "doomed")
    mine = {f"{one['id']}.jsonl" for one in _deployments(empire, "doomed")}
    empire.commit(repository, {"Dockerfile": SLEEPY_BUILD}, "Build for long")
    push = Talking.push(empire, repository)
    push.wait_for("a long build")

    empire.empire("apps:destroy", "-a", "doomed", "--confirm", "doomed")

    assert push.end() != 0
    assert empire.containers("doomed") == []
    assert empire.images("doomed") == set()
    assert not [file for file in empire.home.rglob("*") if "doomed" in file.name]
    assert mine
    assert not mine & {file.name for file in (empire.home / "logs" / "deployments").iterdir()}
    assert empire.ask("doomed")[0] == 404
    empire.commit(repository, with_dockerfile("anew"), "Begin again")
    empire.push(repository)
    assert empire.ask("doomed") == (200, "version anew")
    assert "KEY" not in empire.empire("config", "-a", "doomed").stdout


def _cancel(running: Product, app: str, push: Talking) -> None:
    number = _under_way(running, app)[0]["number"]
    running.api(f"/apps/{app}/deployments/{number}/actions/cancel", "POST")
    assert push.end() != 0


def _goes_on(running: Product, repository: Path) -> None:
    running.commit(repository, with_dockerfile("next"), "Next")
    running.push(repository)
    assert running.ask(repository.name) == (200, "version next")


def _under_way(running: Product, app: str) -> list[dict[str, Any]]:
    return [one for one in _deployments(running, app) if one["is_open"]]


def _deployments(running: Product, app: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = running.api(f"/apps/{app}/deployments")
    return listed
