"""/attach/{ticket}: the streams of a command, for whoever holds its address.

GET starts it and sends its output in frames; what is posted to `input` is its input, up to its end;
`size` is that of its terminal. Our own: Heroku's rendezvous speaks TLS beside HTTP.
"""

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field
from starlette.requests import ClientDisconnect

from apiserver.attachments import Attachment
from apiserver.calls import Identity, door_of

router = APIRouter(prefix="/attach/{ticket}")


class TerminalSize(BaseModel):
    """How large a terminal is."""

    rows: int = Field(gt=0, le=10_000)
    columns: int = Field(gt=0, le=10_000)


@router.get("")
async def stream_output(request: Request, ticket: Identity) -> StreamingResponse:
    """Start the command and send its output; who closes the connection ends the command."""
    door, attachment = door_of(request), _found(request, ticket)
    await run_in_threadpool(attachment.begin)
    frames = attachment.frames(request.is_disconnected, door.stopping)
    return StreamingResponse(frames, media_type="application/octet-stream")


@router.post("/input", status_code=204)
async def take_input(request: Request, ticket: Identity) -> Response:
    """Give the command its input as it comes. A connection that breaks is not its end."""
    attachment = _found(request, ticket)
    try:
        async for content in request.stream():
            if content:
                await attachment.write(content)
        await attachment.end_input()
    except (ClientDisconnect, OSError, RuntimeError):  # it, or we, ended meanwhile
        return Response(status_code=204)
    return Response(status_code=204)


@router.post("/size", status_code=204)
def take_size(request: Request, ticket: Identity, size: TerminalSize) -> Response:
    """Tell the command the size of its terminal."""
    _found(request, ticket).resize(size.rows, size.columns)
    return Response(status_code=204)


def _found(request: Request, ticket: str) -> Attachment:
    return door_of(request).attachments.find(ticket)
