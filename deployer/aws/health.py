"""What a target group says of its targets, in words."""

import re
from collections.abc import Sequence
from typing import Any

from deployer.aws.account import Account, speaking, tolerating

CODES = re.compile(r"codes?: \[([\d, ]+)\]")
STATES = {"initial": "not asked yet", "draining": "draining", "unused": "not in use"}
SHOWN = 3


class Health:
    """The health of one target group's targets; each answer is asked for anew."""

    def __init__(self, account: Account, target_group: str, path: str | None) -> None:
        self._account = account
        self._target_group = target_group
        self._path = path or "/"

    def are_well(self, addresses: Sequence[str]) -> bool:
        """Tell whether all of these addresses are healthy."""
        found = self._asked()
        return all(found.get(address, {}).get("State") == "healthy" for address in addresses)

    def told(self, addresses: Sequence[str]) -> str:
        """Return such as "1/2 targets healthy, 10.0.1.7: 503 from /health"."""
        found = self._asked()
        states = {address: found.get(address, {}) for address in addresses}
        sick = {one: row for one, row in states.items() if row.get("State") != "healthy"}
        counted = f"{len(states) - len(sick)}/{len(states)} targets healthy"
        reasons = [f"{one}: {self._reason(row)}" for one, row in list(sick.items())[:SHOWN]]
        return ", ".join((counted, *reasons))

    def reason_in(self, trouble: str) -> str:
        """Return what an event of a service says of its probes, in words; empty when nothing."""
        if "is unhealthy" not in trouble:
            return ""
        if codes := CODES.search(trouble):
            return f"{codes[1]} from {self._path}"
        _, _, reason = trouble.rstrip(").").rpartition("(reason ")
        return f"{reason} ({self._path})"

    def _asked(self) -> dict[str, dict[str, Any]]:
        answer: dict[str, Any] = {}
        with speaking("look at targets"), tolerating("TargetGroupNotFound"):
            answer = self._account.client("elbv2").describe_target_health(
                TargetGroupArn=self._target_group
            )
        rows = answer.get("TargetHealthDescriptions") or ()
        return {row["Target"]["Id"]: row.get("TargetHealth") or {} for row in rows}

    def _reason(self, row: dict[str, Any]) -> str:
        if not row:
            return "not registered yet"
        text = str(row.get("Description", ""))
        if codes := CODES.search(text):
            return f"{codes[1]} from {self._path}"
        if row.get("Reason") == "Target.Timeout":
            return f"no answer from {self._path} in time"
        if row.get("State") == "unhealthy":
            return f"{text or 'unhealthy'} ({self._path})"
        return STATES.get(row.get("State", ""), text or row.get("State", ""))
