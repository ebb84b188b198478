"""One health check of a load balancer: a real request, and AWS's words for what came back."""

import http.client
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Verdict:
    """What a probe found."""

    is_well: bool
    reason: str = ""
    description: str = ""


WELL = Verdict(is_well=True)
TIMEOUT = Verdict(False, "Target.Timeout", "Request timed out")
FAILED = Verdict(False, "Target.FailedHealthChecks", "Health checks failed")


def probe(host: str, port: int, settings: Any) -> Verdict:
    """Ask the target for its health check path, as the target group's settings say."""
    timeout = float(settings.health_check_timeout_seconds)
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        agent = {"User-Agent": "ELB-HealthChecker/2.0", "Connection": "close"}
        connection.request("GET", settings.health_check_path or "/", headers=agent)
        status = connection.getresponse().status
    except TimeoutError:
        return TIMEOUT
    except (OSError, http.client.HTTPException):
        return FAILED
    finally:
        connection.close()
    if matches(status, (settings.matcher or {}).get("HttpCode", "200")):
        return WELL
    description = f"Health checks failed with these codes: [{status}]"
    return Verdict(False, "Target.ResponseCodeMismatch", description)


def matches(status: int, matcher: str) -> bool:
    """Tell whether the status is one of `200`, `200,302`, `200-399`."""
    for part in matcher.split(","):
        first, _, last = part.partition("-")
        if int(first) <= status <= int(last or first):
            return True
    return False
