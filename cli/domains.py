"""empire domains: list, add, remove, wait."""

import time
from typing import Annotated, Any

import typer

from cli.client import connect, path
from cli.git import AppOption, app_of
from cli.output import Json, as_json, data, say, table

POLL_SECONDS = 2.0
HostnameArgument = Annotated[
    str, typer.Argument(metavar="HOSTNAME", help="Such as www.example.com or '*.example.com'.")
]


def index(context: typer.Context, app: AppOption = "", json: Json = False) -> None:
    """List an app's domains."""
    found = connect(context).list(path("apps", app_of(app), "domains"))
    if json:
        as_json(found)
        return
    found.sort(key=lambda one: (one["kind"] == "custom", one["hostname"]))
    rows = [(one["hostname"], one["cname"] or "", _certificate(one)) for one in found]
    table(("DOMAIN", "POINT ITS DNS AT", "CERTIFICATE"), rows)


def add(
    context: typer.Context, hostname: HostnameArgument, app: AppOption = "", json: Json = False
) -> None:
    """Let an app answer at another host name."""
    app = app_of(app)
    wish = {"hostname": hostname, "sni_endpoint": None}
    added = connect(context).post(path("apps", app, "domains"), wish)
    say(f"Added {added['hostname']} to {app}. In the DNS, make it a CNAME or ALIAS of")
    if json:
        as_json(added)
    else:
        data(added["cname"])
    if added["status"] == "pending":
        say(f"It gets a certificate; to wait for it: empire domains:wait {added['hostname']}")


def remove(context: typer.Context, hostname: HostnameArgument, app: AppOption = "") -> None:
    """Take a host name from an app."""
    app = app_of(app)
    gone = connect(context).delete(path("apps", app, "domains", hostname))
    say(f"Removed {gone['hostname']} from {app}.")


def wait(
    context: typer.Context,
    hostname: Annotated[
        str, typer.Argument(metavar="HOSTNAME", help="One domain; else all of the app.")
    ] = "",
    app: AppOption = "",
) -> None:
    """Wait until a domain has its certificate.

    Without a domain, until all of the app have theirs. Exits 1 when one gets none.
    """
    client, app = connect(context), app_of(app)
    names = [hostname] if hostname else [
        one["hostname"] for one in client.list(path("apps", app, "domains"))
    ]  # fmt: skip
    failed = False
    for name in names:
        said = ""
        while (found := client.get(path("apps", app, "domains", name)))["status"] == "pending":
            reason = found["acm_status_reason"] or "Its certificate is on its way."
            if reason != said:
                say(f"{found['hostname']} waits: {reason}")
                said = reason
            time.sleep(POLL_SECONDS)
        failed |= found["status"] == "failed"
        say(f"{found['hostname']} {_ended(found)}")
    if failed:
        raise typer.Exit(1)


def _certificate(domain: dict[str, Any]) -> str:
    reason = domain["acm_status_reason"]
    return f"{domain['acm_status'] or ''}{f': {reason}' if reason else ''}"


def _ended(domain: dict[str, Any]) -> str:
    if domain["status"] == "failed":
        return f"gets no certificate: {domain['acm_status_reason']}"
    return "is ready."
