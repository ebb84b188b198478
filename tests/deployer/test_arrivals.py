"""New versions that did not come by git: a server killed at every instant takes them live once."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from empire import apps, line
from empire.deployments import Deployment, Kind, Step
from empire.names import ImageName
from empire.source_archives import PUT, Shelf, SourceBlob
from tests.deployer.test_kills import HELLO, OLD, at_every_instant
from tests.line import Line


def archive(running: Line) -> Deployment:
    """Submit an archive that was uploaded."""
    store = running.store
    shelf = Shelf(store.settings.home, store.vault)
    put, get = shelf.offer()
    place = shelf.file_of(put, PUT)
    assert place
    place.write_bytes(b"an archive")
    assert urlsplit(get).path == urlsplit(put).path
    with store.writing() as session:
        app = apps.find(session, "hello")
        return line.submit_source(session, app, SourceBlob(get, version="v2"), by=running.ann)


def image(running: Line) -> Deployment:
    """Submit an image that was built elsewhere."""
    with running.store.writing() as session:
        app = apps.find(session, "hello")
        return line.submit_image(session, app, ImageName("web:2"), by=running.ann)


@pytest.mark.parametrize(("begin", "kind"), [(archive, Kind.SOURCE), (image, Kind.IMAGE)])
def test_it_goes_live_exactly_once(
    tmp_path: Path, begin: Callable[[Line], Deployment], kind: Kind
) -> None:
    def check(running: Line, arrived: Deployment) -> None:
        row = running.row(arrived)
        assert (row.kind, row.step, row.version) == (kind, Step.LIVE, 3)
        assert running.running("hello") == [(arrived.number, "web.1")]
        assert running.routed("hello") == [arrived.number]
        # No branch names it: git goes on from what was pushed.
        assert running.outside.sources.landed[HELLO] == {"refs/heads/main": OLD}

    at_every_instant(tmp_path, begin, check)
