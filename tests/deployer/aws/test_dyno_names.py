"""Which dyno a task is, told also when the task is gone."""

from deployer.aws.dyno_names import DynoNames
from empire.manifest import Dyno
from empire.names import AppName, ProcessType

APP = AppName("shop")


def dyno(id: str, index: int) -> Dyno:
    return Dyno(APP, ProcessType("web"), index, 1, 1, "up", "", "1X", 0, id)


def test_what_ran_once_is_known_when_it_is_gone() -> None:
    running = [dyno("a", 1), dyno("b", 2)]
    names = DynoNames(lambda _app: running, lambda _app: [])

    names.learn(APP)
    running.clear()

    assert [names.of(APP, "web", task) for task in "ab"] == ["web.1", "web.2"]


def test_an_unknown_task_is_looked_for_now_and_then() -> None:
    looks: list[str] = []
    clock = [100.0]

    def look(app: AppName) -> list[Dyno]:
        looks.append(app)
        return [dyno("a", 1)] if len(looks) > 1 else []

    names = DynoNames(look, clock=lambda: clock[0])

    assert [names.of(APP, "web", "a") for _ in range(3)] == ["", "", ""]
    clock[0] += 1
    assert [names.of(APP, "web", "a") for _ in range(3)] == ["web.1"] * 3
    assert looks == [APP, APP]


def test_only_so_many_are_remembered() -> None:
    names = DynoNames(lambda _app: [dyno(str(n), n) for n in range(1, 20_011)])

    names.learn(APP)

    assert names.of(APP, "web", "1") == ""
    assert names.of(APP, "web", "20010") == "web.20010"
