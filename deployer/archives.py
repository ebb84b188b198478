"""From an archive to a source: fetched where it is elsewhere, checked, and unpacked."""

import hashlib
from dataclasses import replace
from pathlib import Path

from deployer import fetching
from deployer.journey import Journey
from empire import deployments, leases
from empire.deployments import Kind
from empire.errors import BuildFailed
from empire.events import Line, Stage, Stream
from empire.manifest import Source
from empire.source_archives import Shelf, SourceBlob


def source_of(journey: Journey) -> Stream[Source]:
    """Return the source that the deployment brings.

    That of a push is there. An archive is unpacked once: after a crash what is there is taken.
    Raises BuildFailed, InvalidInput, TooMuch, TimedOut, Cancelled.
    """
    if journey.deployment.kind == Kind.PUSH:
        return journey.source
    with journey.store.reading() as session:
        blob = deployments.blob_of(session, journey.deployment)
    if not (journey.deployment.git_dir and Path(journey.deployment.git_dir).exists()):
        yield from _unpacked(journey, blob)
    return replace(journey.source, version=blob.version)


def _unpacked(journey: Journey, blob: SourceBlob) -> Stream[None]:
    shelf = Shelf(journey.store.settings.home, journey.store.vault)
    spare = shelf.spare(journey.deployment.id)
    try:
        file = shelf.file_of(blob.url)
        if file is None:
            yield Stage(f"Fetching {blob.place}")
            fetching.fetch(blob.url, spare, journey.store.settings, journey.is_cancelled)
            file = spare
        yield Stage(f"Unpacking {blob.subject}")
        _check(file, blob)
        found = journey.platform.sources.unpack(
            journey.app.handle, file, blob.subject, journey.deployment.actor
        )
    finally:
        spare.unlink(missing_ok=True)
    try:
        with journey.store.writing() as session:
            row = leases.held(session, journey.number, journey.owner)
            row.commit, row.tree, row.git_dir = found.commit, found.tree, str(found.git_dir)
            session.add(row)
    except BaseException:
        journey.platform.sources.drop(found)
        raise
    journey.deployment = row
    yield Line(f"{file.stat().st_size / 1e6:.1f} MB archive" if file.exists() else "Unpacked")


def _check(file: Path, blob: SourceBlob) -> None:
    if not file.exists():
        raise BuildFailed(
            "The uploaded source is not there any more.",
            why="Uploads are kept for a day.",
            fix="Upload it again: POST /sources",
        )
    if not blob.checksum:
        return
    with file.open("rb") as content:
        found = hashlib.file_digest(content, "sha256").hexdigest()
    if found != blob.checksum.partition(":")[2].lower():
        raise BuildFailed(
            "The source is not what was announced.",
            why=f"Its checksum is SHA256:{found}, not {blob.checksum}.",
            fix="Upload it again, or send the checksum that it has.",
        )
