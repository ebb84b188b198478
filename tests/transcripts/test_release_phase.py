"""The release phase with everything real."""

import time

import docker
import pytest

from tests.product import Product
from tests.samples import with_dockerfile
from tests.waiting import wait_until

pytestmark = pytest.mark.docker


def with_release(version: str, command: str) -> dict[str, str]:
    """Return the files of an app that asks for a release command."""
    procfile = f"web: python3 -u app.py\nrelease: {command}\n"
    return {**with_dockerfile(version), "Procfile": procfile}


def starts(product: Product, app: str, since: float) -> list[str]:
    """Return the names of the one-offs that were started since then."""
    labels = [f"empire.instance={product.instance}", f"empire.app={app}", "empire.one_off"]
    engine = docker.APIClient(version="auto")
    found = engine.events(
        since=int(since), until=int(time.time()) + 1, decode=True,
        filters={"type": "container", "event": "start", "label": labels},
    )  # fmt: skip
    names = [event["Actor"]["Attributes"]["empire.one_off"] for event in found]
    engine.close()
    return names


def test_its_output_is_streamed_into_the_push_before_the_start(empire: Product) -> None:
    repository = empire.repository(
        "migrating", with_release("one", "echo moving $GREETING; echo done >&2")
    )
    empire.empire("apps:create", "migrating", "--no-remote")
    empire.empire("config:set", "GREETING=hi", "-a", "migrating")

    push = empire.push(repository).stderr

    told = [line.removeprefix("remote:").strip() for line in push.splitlines()]
    place = told.index("-----> Running the release command: echo moving $GREETING; echo done >&2")
    assert told[place + 1 : place + 4] == ["moving hi", "done", "-----> Starting v3 (1 dyno)"]
    assert empire.ask("migrating") == (200, "version one")
    wait_until(lambda: len(empire.containers("migrating")) == 1, "only the dyno is there")
    assert "release" not in empire.empire("ps", "-a", "migrating").stdout


def test_a_failure_rejects_the_push_and_the_old_version_stays(empire: Product) -> None:
    repository = empire.repository("unmoved", with_release("one", "true"))
    empire.push(repository)
    empire.commit(repository, with_release("two", "echo no such table; exit 3"), "Break it")

    push = empire.push(repository, check=False)

    assert push.returncode != 0
    assert "The release command exited with code 3." in push.stderr
    assert "no such table" in push.stderr
    assert empire.ask("unmoved") == (200, "version one")
    wait_until(lambda: len(empire.containers("unmoved")) == 1, "only the old dyno is there")
    assert "failed" in empire.empire("releases", "-a", "unmoved").stdout


def test_a_server_killed_while_it_runs_follows_it_to_its_end(empire: Product) -> None:
    repository = empire.repository(
        "survivor", with_release("one", "echo begun; sleep 3; echo over")
    )
    began = time.time()
    push = empire.pushing(repository)
    wait_until(lambda: any("release." in name for name in empire.containers("survivor")), "it runs")

    empire.kill()
    push.wait(60)
    empire.start()

    wait_until(lambda: empire.ask("survivor") == (200, "version one"), "the version is live")
    output = empire.empire("deploys:output", "-a", "survivor").stdout
    assert [output.count(word) for word in ("       begun\n", "       over\n")] == [1, 1]
    assert len(starts(empire, "survivor", began)) == 1
    wait_until(lambda: len(empire.containers("survivor")) == 1, "only the dyno is there")
