"""Several pushes at once. Fifty at once are in benchmarks/many_apps.py."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.crowd import push_all
from tests.product import Product
from tests.samples import SERVER, with_dockerfile
from tests.waiting import wait_until

pytestmark = pytest.mark.docker


def test_pushes_to_many_apps_at_once_all_go_live(empire: Product) -> None:
    assert push_all(empire, 8) == []


def test_two_pushes_to_one_app_go_live_in_their_order(empire: Product) -> None:
    slow = SERVER.replace("{version}", "one").replace("server = ", "time.sleep(1)\nserver = ")
    repository = empire.repository("ordered", {**with_dockerfile("one"), "app.py": slow})
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(empire.push, repository)
        wait_until(lambda: empire.containers("ordered") != [], "the first version starts")
        other = empire.folder / "ordered-clone"
        empire.run("git", "clone", "-q", str(repository), str(other))
        empire.run("git", "remote", "add", "empire", empire.url("ordered"), cwd=other)
        empire.commit(other, with_dockerfile("two"), "Second")
        second = empire.push(other)

    assert "v2 is live" in first.result().stderr
    assert "Waiting for deployment" in second.stderr
    assert "v3 is live" in second.stderr
    assert empire.ask("ordered") == (200, "version two")
