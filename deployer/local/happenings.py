"""The engine's events in Heroku's words, for the app's log. Pure translation, no calls."""

import signal
from datetime import UTC, datetime
from typing import Any

from deployer.local.records import Record
from deployer.local.rows import dyno_name

ACTIONS = ["start", "update", "oom", "kill", "die", "destroy"]

CHANGES = {"stopping": ("up", "down"), "complete": ("up", "complete")}

Event = dict[str, Any]


class Happenings:
    """Remembers the state of each container that is alive."""

    def __init__(self) -> None:
        self._states: dict[str, str] = {}

    def told(self, event: Event) -> list[Record]:
        """Return what the app's log shall say of the event."""
        texts = self._texts(event["Actor"]["ID"], event["Action"], event["Actor"]["Attributes"])
        tags = event["Actor"]["Attributes"]
        dyno = dyno_name(tags).encode()
        at = stamp(event["timeNano"])
        return [Record(at, b"platform", dyno, b"", text.encode()) for text in texts]

    def _texts(self, container: str, action: str, tags: dict[str, str]) -> list[str]:
        state = self._states.get(container, "up")
        match action:
            case "start":
                self._states[container] = "starting"
                command = tags.get("empire.command")
                return [
                    f"Starting process with command `{command}`" if command else "Starting process"
                ]
            case "update" if state == "starting":
                self._states[container] = "up"
                return ["State changed from starting to up"]
            case "kill":
                self._states[container] = "stopping"
                return [f"Stopping with {signal_name(tags.get('signal', ''))}"]
            case "oom":
                return ["Error R15 (Memory quota vastly exceeded)"]
            case "die":
                state = "complete" if "empire.one_off" in tags else state
                return self._ended(container, state, tags.get("exitCode", "?"))
            case "destroy":
                self._states.pop(container, None)
        return []

    def _ended(self, container: str, state: str, code: str) -> list[str]:
        self._states.pop(container, None)
        before, after = CHANGES.get(state, (state, "crashed"))
        return [f"Process exited with status {code}", f"State changed from {before} to {after}"]


def signal_name(number: str) -> str:
    """Return SIGTERM for "15"."""
    known = {str(int(one)): one.name for one in signal.Signals}
    return known.get(number, f"signal {number}")


def stamp(nanoseconds: int) -> bytes:
    """Return a time of the engine as it stands in records."""
    whole, rest = divmod(nanoseconds, 1_000_000_000)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09}Z".encode()
