"""The release phase: the Procfile's `release:`, once for each push, before anything serves.

Once, whatever dies: the one-off exists before the deployment's row says that it begins, and starts
after that. So a row that says nothing means it never started; a row that says so and a one-off that
is there tell the rest; and where the one-off is gone nobody can tell, which fails the push.
"""

import time
from collections import deque

from deployer.journey import Journey
from empire import events, leases
from empire.errors import Cancelled, NotFound, ReleaseFailed
from empire.events import Line, Stage, Stream
from empire.manifest import OneOff

TITLE = "Running the release command"
LAST_LINES = 10
BYTES_IN_MIB = 1024 * 1024


def run(journey: Journey, one_off: OneOff) -> Stream[None]:
    """Run it to its end, or take up one that runs; raises ReleaseFailed, Cancelled."""
    port = journey.platform.one_offs
    told = _told(journey)
    if told is None:
        yield Stage(f"{TITLE}: {one_off.command}")
    if not journey.deployment.has_begun_release_phase:
        port.create(one_off)
        _write_down(journey)
    last: deque[str] = deque(maxlen=LAST_LINES)
    try:
        port.start(one_off.app, one_off.name)
        status = yield from _followed(journey, one_off, told or 0, last)
    except NotFound:
        raise _nobody_knows(one_off) from None
    if status != 0:
        raise ReleaseFailed(
            f"The release command exited with code {status}.",
            why="\n".join(("Its last lines:", *(f"  {text}" for text in last))) if last else "",
            fix="The version that ran before goes on unchanged.",
        )


def _followed(journey: Journey, one_off: OneOff, skipped: int, last: deque[str]) -> Stream[int]:
    """Yield the output but the lines that were told already; return the exit status."""
    deadline = _deadline(journey, one_off)
    output = journey.platform.one_offs.output(
        one_off.app, one_off.name, lambda: journey.is_cancelled() or time.time() > deadline
    )
    room = journey.store.settings.build_output_max_mib * BYTES_IN_MIB
    try:
        while True:
            event = next(output)
            if not isinstance(event, Line):
                yield event
                continue
            last.append(event.text)
            was_full, room = room < 0, room - len(event.text)
            if skipped > 0:
                skipped -= 1
            elif not was_full:
                yield event if room >= 0 else events.Warning("The rest of its output is not shown.")
    except StopIteration as stop:
        status: int = stop.value
        return status
    except Cancelled:
        if time.time() > deadline and not journey.is_cancelled():
            journey.platform.one_offs.remove(one_off.app, one_off.name)
            raise _too_slow(one_off) from None
        raise


def _deadline(journey: Journey, one_off: OneOff) -> float:
    for found in journey.platform.one_offs.runs(one_off.app):
        if found.dyno.name == one_off.name:
            return found.dyno.started_at + one_off.seconds
    return time.time() + one_off.seconds


def _write_down(journey: Journey) -> None:
    with journey.store.writing() as session:
        deployment = leases.held(session, journey.number, journey.owner)
        deployment.has_begun_release_phase = True
        session.add(deployment)
    journey.deployment = deployment


def _told(journey: Journey) -> int | None:
    """Return how many lines of it the journal has already; None where it was not announced yet."""
    told, _ = journey.store.journals.read(journey.deployment.id)
    for index, event in enumerate(told):
        if isinstance(event, Stage) and event.text.startswith(TITLE):
            return sum(isinstance(later, Line) for later in told[index:])
    return None


def _too_slow(one_off: OneOff) -> ReleaseFailed:
    return ReleaseFailed(
        f"The release command did not end within {one_off.seconds:g} seconds.",
        why="It was stopped.",
        fix="Let it do less, or give it more time with EMPIRE_RELEASE_SECONDS.",
    )


def _nobody_knows(one_off: OneOff) -> ReleaseFailed:
    return ReleaseFailed(
        "It cannot be told whether the release command ran.",
        why=f"It was about to start, or had started, as {one_off.name}, which is gone. It is not run "
        "a second time unasked.",
        fix="Look at what it should have done, then push again: git commit --allow-empty",
    )
