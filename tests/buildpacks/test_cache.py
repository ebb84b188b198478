"""Build caches: whose they are, what goes when they are over their budgets, and what is reported."""

import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from buildpacks.builder import Builder
from buildpacks.cache import Caches, Record, Use, budget, over, records, usage
from buildpacks.disk import MIB, Disk, space
from buildpacks.engine import Engine
from empire.names import AppName
from empire.settings import Settings
from tests.buildpacks.conftest import MakeBuilder, require_engine
from tests.buildpacks.private_engine import private_engine
from tests.buildpacks.sources import BASE, Repository, never, told
from tests.waiting import wait_until

ADA, BOB = AppName("ada"), AppName("bob")
FILL = "RUN --mount=type=cache,target=/{0} head -c {1}M /dev/urandom > /{0}/data && head -c 1M /dev/urandom > /layer-{0}\n"


def record(id_: str, size: int = 10, used_at: float = 0, **what: bool) -> Record:
    return Record(id_, size, used_at, what.get("is_used", False), what.get("is_mount", True))


@pytest.fixture
def caches(settings: Settings) -> Caches:
    settings.prepare_home()
    return Caches(Engine("unix:///nowhere"), settings)


def test_what_the_engine_tells_is_read() -> None:
    row = {
        "ID": "a", "Type": "exec.cachemount", "InUse": False, "Size": 3,
        "CreatedAt": "2026-01-02T03:04:05.5Z", "LastUsedAt": None,
    }  # fmt: skip
    later = row | {"ID": "b", "Type": "regular", "LastUsedAt": "2026-01-02T03:04:06Z"}
    first, second = records({"BuildCache": [row, later]})
    assert (first.id, first.size, first.is_mount, second.is_mount) == ("a", 3, True, False)
    assert second.used_at - first.used_at == pytest.approx(0.5)
    assert records({"BuildCache": None}) == []


def test_a_cache_is_the_apps_whose_build_alone_ran(caches: Caches) -> None:
    with caches.used_by(ADA):
        alone = time.time()
        with caches.used_by(BOB):
            both = time.time()
    found = [
        record("hers", used_at=alone), record("either", used_at=both), record("old", used_at=1),
        record("layer", used_at=alone, is_mount=False),
    ]  # fmt: skip
    assert caches.sizes(found) == {ADA: 10}
    assert caches.sizes([record("hers", 20, used_at=alone + 99)]) == {ADA: 20}
    assert caches.sizes([]) == {}
    assert caches.sizes([record("hers")]) == {}


def test_what_the_engine_measures_it_does_not_use(caches: Caches) -> None:
    uses = []
    for name in ("first", "second"):
        with caches.used_by(ADA):
            uses.append(record(name, used_at=time.time()))
        caches.sizes(uses)
    measured = [replace(one, used_at=time.time() + 99 - n) for n, one in enumerate(uses)]
    caches.sizes(measured)
    known = json.loads((caches.file).read_bytes())
    assert [known[one.id] for one in measured] == [["ada", one.used_at] for one in uses]


def test_the_least_recently_used_go_first() -> None:
    found = [record(f"{n}", used_at=n) for n in range(5)] + [record("used", 10, -1, is_used=True)]
    uses = {one.id: Use(ADA, one.used_at) for one in found}
    uses["4"] = Use(BOB, 4)
    assert [one.id for one in over(found, uses, 25)] == ["0", "1"]
    assert over(found, uses, 100) == []
    assert over(found, {}, 0) == []


def test_a_small_or_full_disk_holds_less_cache(tmp_path: Path) -> None:
    free, size = space(tmp_path)
    assert budget(1 << 40, 100, Disk((tmp_path,), 0, 1)) == 100
    assert budget(0, 1 << 60, Disk((tmp_path,), 0, 1)) == size * MIB // 4
    lacking = Disk((tmp_path,), free, 1)  # so that twice the reserve lacks about the same again
    assert budget(free * MIB * 2, 1 << 60, lacking) <= size * MIB // 4
    assert budget(100, 1 << 60, Disk((tmp_path,), size, 1)) == 1


def test_nothing_is_pruned_while_a_build_runs(caches: Caches, tmp_path: Path) -> None:
    with caches.used_by(ADA):
        caches.tidy(Disk((tmp_path,), 0, 1))  # there is no engine that could be asked


@pytest.fixture
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine of the test's own: what is pruned on the machine's would be everybody's."""
    require_engine(Settings())
    if os.geteuid():
        pytest.skip("ONLY ROOT CAN START A SECOND ENGINE")
    with private_engine(tmp_path_factory.mktemp("engine"), "empire/python:3") as address:
        yield Engine(address)


@pytest.mark.docker
@pytest.mark.xdist_group("private engine")
def test_caches_are_brought_back_to_their_budgets(
    apart: Engine, settings: Settings, tmp_path: Path
) -> None:
    changes = {"docker_host": apart.address, "build_cache_max_mib_per_app": 12}
    settings = settings.model_copy(update=changes)
    builder = Builder(settings)
    for app, mib, names in ((ADA, 8, ("one", "two")), (BOB, 4, ("one",))):
        repository = Repository(tmp_path / app, app)
        for name in names:
            source = repository.commit({"Dockerfile": BASE + FILL.format(name, mib)})
            told(builder.build(source, name, never))
    before = builder.space([ADA, BOB])
    assert before.apps[ADA].cache_bytes >= 16 * MIB
    assert before.apps[ADA].count == 2
    assert MIB <= before.apps[ADA].unique_bytes - before.apps[BOB].unique_bytes < 2 * MIB
    assert before.apps[ADA].shared_bytes > 50 * MIB
    assert before.total_bytes > before.free_bytes > 0

    builder.tidy()

    after = builder.space([ADA, BOB])
    assert 8 * MIB <= after.apps[ADA].cache_bytes <= 12 * MIB
    assert after.apps[BOB].cache_bytes == before.apps[BOB].cache_bytes
    again = Repository(tmp_path / "again", ADA).commit(
        {"Dockerfile": f"{BASE}RUN --mount=type=cache,target=/two ls /two\n"
         "RUN --mount=type=cache,target=/one ls /one | wc -l\n"}
    )  # fmt: skip
    lines = told(builder.build(again, "again", never)).text.split("\n")
    assert {"data", "0"} <= {line.strip() for line in lines}

    small = Builder(settings.model_copy(update={"build_cache_max_mib": 6}))

    def fits() -> bool:
        small.tidy()  # the engine lets go of what a build used a moment after its end
        return sum(one.size for one in records(usage(apart))) <= 6 * MIB

    wait_until(fits)


@pytest.mark.docker
def test_two_may_ask_at_the_same_time(make_builder: MakeBuilder) -> None:
    builder = make_builder()
    found: list[int] = []
    asking = [
        threading.Thread(target=lambda: found.append(builder.space([]).images_bytes))
        for _ in range(2)
    ]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    assert len(found) == 2
