"""FilterLogEvents with what moto ignores: the prefix of stream names."""

from tests.fakeaws import account
from tests.fakeaws.operations import Fields, Operation, Refusal

NOTHING = "\0"
MOST = 10_000


def operations() -> dict[str, Operation]:
    """Return what takes moto's place."""
    return {"FilterLogEvents": filter_events}


def filter_events(wish: Fields) -> Fields:
    """Show the events of a group's streams, in the order of their times."""
    group = wish.get("logGroupName") or wish["logGroupIdentifier"].rpartition(":")[2]
    if group not in account.logs().groups:
        message = "The specified log group does not exist."
        raise Refusal("ResourceNotFoundException", message)
    names = wish.get("logStreamNames", [])
    if prefix := wish.get("logStreamNamePrefix"):
        streams = list(account.logs().groups[group].streams)
        names = [name for name in streams if name.startswith(prefix)] or [NOTHING]
    events, token, _ = account.logs().filter_log_events(
        group,
        names,
        wish.get("startTime"),
        wish.get("endTime"),
        min(MOST, wish.get("limit") or MOST),
        wish.get("nextToken"),
        wish.get("filterPattern", ""),
        True,
    )
    return {"events": events, "searchedLogStreams": [], **({"nextToken": token} if token else {})}
