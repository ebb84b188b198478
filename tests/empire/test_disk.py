"""What the server keeps of an app on its own disk."""

import os
from pathlib import Path

from empire import disk, releases
from empire.actors import Actor
from empire.apps import App
from empire.events import Line
from empire.manifest import Image
from empire.names import ProcessType
from empire.releases import Status
from empire.store import Store
from tests import line
from tests.fakes import image_ref


def test_sizes_are_those_on_the_disk(tmp_path: Path) -> None:
    assert disk.size_of(tmp_path / "nothing") == 0
    empty = disk.size_of(tmp_path)
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "file").write_bytes(bytes(100_000))
    (tmp_path / "round").symlink_to(tmp_path)
    found = disk.size_of(tmp_path)
    assert 100_000 <= found - empty < 130_000
    with (tmp_path / "sparse").open("wb") as sparse:
        os.truncate(sparse.fileno(), 1 << 30)
    assert disk.size_of(tmp_path) < 1 << 20


def test_what_is_kept_of_an_app(store: Store, ann: Actor, app: App) -> None:
    settings = store.settings
    with store.reading() as session:
        assert disk.kept(session, app) == disk.Kept(0, 0, 0)
    repository = settings.repositories / f"{app.handle}.git"
    repository.mkdir(parents=True)
    (repository / "pack").write_bytes(bytes(50_000))
    deployment = line.Line(store, ann).push(app.name)
    store.journals.append(deployment.id, Line("x" * 30_000))
    for seed, status in (("one", Status.SUCCEEDED), ("two", Status.FAILED)):
        with store.writing() as session:
            image = Image(image_ref(seed), {ProcessType("web"): "run"})
            made = releases.of_image(session, app, image, seed, "c" * 40, by=ann)
            releases.finish(session, made, status)
    with store.reading() as session:
        kept = disk.kept(session, app)
    assert kept.repository_bytes >= 50_000
    assert kept.logs_bytes >= 30_000
    assert kept.releases == 1
