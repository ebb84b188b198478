"""What the load balancers, names and certificates tell people."""

from empire.errors import InvalidInput, TooMuch


def no_listener(kind: str) -> InvalidInput:
    """Return the error for a server that was not told of its load balancers."""
    return InvalidInput(
        f"The server knows no {kind} load balancer.",
        fix=f"Set EMPIRE_AWS_{kind.upper()}_LISTENER, or run: empire bootstrap aws",
    )


def no_room(listener: str) -> TooMuch:
    """Return the error for an app whose host names find no room on its load balancer."""
    return TooMuch(
        "The app's load balancer has no room for more rules.",
        why=f"Five host names need a rule, and {listener} has as many as the account allows.",
        fix="Ask AWS for more rules per load balancer (Service Quotas) and set EMPIRE_AWS_RULES_MAX.",
    )
