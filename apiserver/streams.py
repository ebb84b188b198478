"""Streams: the journal of a deployment as it grows, and how it goes over the wire.

A stream that has nothing to send holds no thread and no connection: it sleeps in the event loop and
looks at the size of the journal's file.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator

from fastapi.concurrency import run_in_threadpool

from apiserver.calls import Door
from empire import deployments, events
from empire.events import Event

SHORTEST_NAP, LONGEST_NAP = 0.02, 0.25
QUIET_SECONDS = 5.0
"""After so long without an event the row is asked, and the client gets a sign of life."""

Batch = tuple[list[Event], int]


async def batches(door: Door, deployment_id: str, offset: int = 0) -> AsyncIterator[Batch]:
    """Yield events with the journal's offset after them, none when it is quiet, until the last one.

    Ends early, without a last event, when the server stops.
    """
    path, nap, asked = door.store.journals.path(deployment_id), SHORTEST_NAP, float("-inf")
    while not door.stopping.is_set():
        found: list[Event] = []
        if path.exists() and path.stat().st_size > offset:
            found, offset = await run_in_threadpool(door.store.journals.read, deployment_id, offset)
        if found:
            yield found, offset
            if events.is_last(found[-1]):
                return
            nap, asked = SHORTEST_NAP, max(asked, time.monotonic() - QUIET_SECONDS / 2)
        elif time.monotonic() - asked >= QUIET_SECONDS:
            asked = time.monotonic()
            if last := await run_in_threadpool(_ending, door, deployment_id, offset):
                yield [last], offset
                return
            yield [], offset
        await asyncio.sleep(nap)
        nap = min(nap * 1.5, LONGEST_NAP)


async def text(door: Door, deployment_id: str) -> AsyncIterator[bytes]:
    """Yield the output as a person reads it."""
    async for found, _ in batches(door, deployment_id):
        if found:
            lines = "".join(f"{event}\n" for event in found)
            yield lines.encode("utf-8", "replace")


async def lines(door: Door, deployment_id: str, offset: int) -> AsyncIterator[bytes]:
    r"""Yield one JSON line for each event and `{"offset": n}` after each batch, also when quiet.

    A client that lost the stream asks again with the last offset that it read.
    """
    async for found, after in batches(door, deployment_id, offset):
        written = b"".join(events.encode(event) for event in found)
        yield written + json.dumps({"offset": after}).encode() + b"\n"


def _ending(door: Door, deployment_id: str, offset: int) -> Event | None:
    last = deployments.ending_of(door.store, deployment_id)
    # The line may have been written between the look at the file and the look at the row.
    grown, _ = door.store.journals.read(deployment_id, offset)
    return None if grown else last
