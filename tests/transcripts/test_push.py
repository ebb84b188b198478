"""A push, from git to the answer of the app, with everything real."""

import pytest

from tests.product import Product
from tests.samples import DOCKERFILE, SERVER, with_buildpack, with_dockerfile
from tests.waiting import wait_until

pytestmark = pytest.mark.docker


def test_a_first_push_makes_the_app_and_goes_live(empire: Product) -> None:
    repository = empire.repository("first", with_dockerfile("one"))

    push = empire.push(repository)

    assert "remote: -----> Released v2" in push.stderr
    assert "v2 is live at http://first.localhost" in push.stderr
    assert empire.ask("first") == (200, "version one")


def test_a_second_push_replaces_the_version_and_its_containers(empire: Product) -> None:
    repository = empire.repository("second", with_buildpack("one"))
    empire.push(repository)
    empire.commit(repository, with_buildpack("two"), "Second version")

    empire.push(repository)

    assert empire.ask("second") == (200, "version two")
    wait_until(
        lambda: len(empire.containers("second")) == 1,
        "the old dyno is gone",
    )
    releases = empire.empire("releases", "-a", "second").stdout
    assert "Second version" in releases
    assert "First version" in releases


def test_a_build_that_fails_rejects_the_push_and_leaves_the_old_version(empire: Product) -> None:
    repository = empire.repository("broken", with_dockerfile("one"))
    empire.push(repository)
    empire.commit(
        repository, {"Dockerfile": DOCKERFILE + "RUN echo no such luck && exit 7\n"}, "Break it"
    )

    push = empire.push(repository, check=False)

    assert push.returncode != 0
    assert "no such luck" in push.stderr
    assert "[remote rejected]" in push.stderr
    assert empire.ask("broken") == (200, "version one")
    wait_until(
        lambda: not [path for path in empire.quarantines() if "broken" in str(path)],
        "no trace is left",
    )


def test_a_crash_at_start_rejects_the_push_with_exit_code_and_last_lines(empire: Product) -> None:
    repository = empire.repository("crashing", with_dockerfile("one"))
    empire.push(repository)
    crash = 'print("no database", flush=True)\nraise SystemExit(3)\n'
    empire.commit(repository, {"app.py": crash}, "Crash")

    push = empire.push(repository, check=False)

    assert push.returncode != 0
    assert "no database" in push.stderr
    assert "3" in push.stderr
    assert empire.ask("crashing") == (200, "version one")
    wait_until(
        lambda: len(empire.containers("crashing")) == 1,
        "the new dyno is gone",
    )


def test_config_given_before_the_first_push_is_there(empire: Product) -> None:
    repository = empire.repository("configured", with_dockerfile("one"))
    empire.empire("apps:create", "configured", "--no-remote")
    empire.empire("config:set", "GREETING=good morning", "-a", "configured")

    empire.push(repository)

    assert empire.ask("configured", "/env/GREETING") == (200, "good morning")


def test_config_set_on_a_running_app_goes_live_without_a_build(empire: Product) -> None:
    repository = empire.repository("reconfigured", with_dockerfile("one"))
    empire.push(repository)

    empire.empire("config:set", "GREETING=hello", "-a", "reconfigured")

    assert empire.ask("reconfigured", "/env/GREETING") == (200, "hello")


def test_a_cut_line_does_not_stop_the_deployment(empire: Product) -> None:
    slow = SERVER.replace("{version}", "late").replace("server = ", "time.sleep(2)\nserver = ")
    repository = empire.repository("cut", {**with_dockerfile("late"), "app.py": slow})
    push = empire.pushing(repository)
    wait_until(lambda: empire.containers("cut") != [], "the dyno starts")

    push.kill()
    push.wait()

    wait_until(lambda: empire.ask("cut") == (200, "version late"), "the version is live")
    wait_until(
        lambda: "main" in empire.run("git", "ls-remote", "empire", cwd=repository).stdout,
        "the ref is there",
    )


def test_the_app_goes_on_while_the_server_is_down(empire: Product) -> None:
    repository = empire.repository("steady", with_dockerfile("one"))
    empire.push(repository)

    empire.kill()
    try:
        answer = empire.ask("steady")
    finally:
        empire.start()

    assert answer == (200, "version one")
    empire.commit(repository, with_dockerfile("two"), "After the restart")
    empire.push(repository)
    assert empire.ask("steady") == (200, "version two")


def test_a_destroyed_app_leaves_nothing_and_frees_its_name(empire: Product) -> None:
    repository = empire.repository("leaving", with_dockerfile("one"))
    empire.push(repository)

    empire.empire("apps:destroy", "-a", "leaving", "--confirm", "leaving")

    assert empire.containers("leaving") == []
    assert empire.images("leaving") == set()
    assert not (empire.home / "repos" / "leaving.git").exists()
    assert empire.ask("leaving")[0] == 404
    empire.push(repository)
    assert empire.ask("leaving") == (200, "version one")


def test_a_push_without_cache_stays_so_when_the_server_is_killed(empire: Product) -> None:
    step = "RUN sleep 3; cat /proc/sys/kernel/random/uuid > /app/made\n"
    files = {**with_dockerfile("one"), "Dockerfile": f"{DOCKERFILE}{step}"}
    repository = empire.repository("uncached", files)
    empire.push(repository)
    empire.commit(repository, {"README": "again"}, "Again")

    push = empire.pushing(repository, "-o", "no-cache")
    wait_until(lambda: any(map(is_building, journals(empire))), "the build runs")
    empire.kill()
    push.wait()
    empire.start()

    output = empire.empire("deploys:output", "-a", "uncached").stdout
    assert output.count("No cache is used") == 2
    assert "v3 is live" in output
    assert empire.ask("uncached") == (200, "version one")


def journals(empire: Product) -> list[str]:
    """Return what the deployments wrote so far."""
    folder = empire.home / "logs" / "deployments"
    return [file.read_text() for file in folder.rglob("*") if file.is_file()]


def is_building(journal: str) -> bool:
    """Tell whether a build without a cache came to its last step."""
    return "No cache is used" in journal and "RUN sleep 3" in journal
