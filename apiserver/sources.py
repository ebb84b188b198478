"""/sources: where an archive of a source is uploaded; its address is the permission, for a while."""

import shutil
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse
from pydantic import BaseModel

from apiserver.calls import Asked, Door, Identity, door_of
from empire.access import Permission
from empire.errors import InvalidInput, NotFound, TooMuch, Unavailable
from empire.settings import Settings
from empire.source_archives import GET, PUT, Shelf

MIB = 1024 * 1024
router = APIRouter()


class Addresses(BaseModel):
    """Where to put an archive, and where to get it."""

    get_url: str
    put_url: str


class SourcePlace(BaseModel):
    """Heroku's source."""

    source_blob: Addresses


@router.post("/sources", status_code=201)
def offer(call: Asked) -> SourcePlace:
    """Return addresses for one archive."""
    put, get = shelf_of(call.door).offer()
    return SourcePlace(source_blob=Addresses(get_url=call.url(get), put_url=call.url(put)))


@router.post("/apps/{app}/sources", status_code=201)
def offer_for_app(call: Asked, app: Identity) -> SourcePlace:
    """Return the same to who may deploy the app."""
    with call.store.reading() as session:
        call.app(session, app, Permission.DEPLOY)
    return offer(call)


@router.put("/sources/{name}")
async def take(request: Request, name: Identity) -> Response:  # noqa: ARG001 - it is in the address
    """Keep what is uploaded; a connection that breaks leaves what was there before."""
    door = door_of(request)
    file = await run_in_threadpool(_place, door, request, PUT)
    part = file.with_name(f"{file.name}.{uuid4().hex}.part")
    try:
        with part.open("wb") as written:
            await _receive(request, written, door.settings)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    return Response(status_code=200)


@router.get("/sources/{name}")
def give(request: Request, name: Identity) -> Response:  # noqa: ARG001 - it is in the address
    """Return what was uploaded."""
    file = _place(door_of(request), request, GET)
    if not file.exists():
        raise NotFound("Nothing was uploaded there.")
    return FileResponse(file, media_type="application/gzip")


def shelf_of(door: Door) -> Shelf:
    """Return where the server keeps uploaded archives."""
    return Shelf(door.settings.home, door.store.vault)


def _place(door: Door, request: Request, act: str) -> Path:
    file = shelf_of(door).file_of(str(request.url), act)
    if file is None:
        raise NotFound(
            "There is nothing at this address.", fix="POST /sources gives addresses to upload to."
        )
    return file


async def _receive(request: Request, written: BinaryIO, settings: Settings) -> None:
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > settings.archive_max_mib * MIB:
            raise TooMuch(
                f"The archive is larger than {settings.archive_max_mib} MiB.",
                why="Empire limits the size of an archive (EMPIRE_ARCHIVE_MAX_MIB).",
                fix="Leave large files out of it.",
            )
        await run_in_threadpool(_write, written, chunk, settings)
    if not received:
        raise InvalidInput("The upload is empty.", fix="curl -T source.tar.gz PUT_URL")


def _write(written: BinaryIO, chunk: bytes, settings: Settings) -> None:
    written.write(chunk)
    if shutil.disk_usage(settings.home).free < settings.disk_reserve_mib * MIB:
        raise Unavailable("The server's disk is full.", fix="Ask the operator to make room.")
