"""The router: requests for a hostname reach its app's dynos, through Caddy.

A switch replaces the routes file, which the router process reads, and then the generation, by which
Caddy knows that its answers are old. So from the moment that switch() returns every new request goes
to the new targets, and no configuration was changed and no connection closed.
"""

import threading
import time

from deployer.local import dns
from deployer.local.keeper import Keeper
from deployer.local.routes import Route, RoutesFile
from empire.manifest import Target
from empire.names import AppName, Hostname
from empire.settings import Settings

SETTLE_SECONDS = 0.2
"""A request may have looked up its route just before the switch and not be counted yet."""
POLL_SECONDS = 0.1
POLL_SHARE = 0.1
"""How much later than it could a drain may end: many that take long shall ask Caddy seldom."""


class CaddyRouter:
    """Routes requests on one machine."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._keeper = Keeper(settings)
        self._routes = RoutesFile(self._keeper.folder / "routes.json")
        self._switched_at = 0.0

    def ensure_running(self) -> None:
        """Have a router process of this code and these settings. Raises Unavailable."""
        self._keeper.ensure_running()

    def watch(self, stopping: threading.Event | None = None) -> None:
        """Look after the router process, each second, until stopping is set."""
        self._keeper.watch(stopping or threading.Event())

    def switch(
        self,
        app: AppName,
        hostnames: tuple[Hostname, ...],
        targets: tuple[Target, ...],
        in_maintenance: bool = False,
    ) -> None:
        """Send the hostnames' requests to these targets and to no other; return when it is so.

        A target's host is an IP address. Without targets the hostnames show a page that says so, in
        maintenance another one.
        """
        for target in targets:
            dns.target_name(target.host)
        addresses = tuple((to.host, to.port) for to in targets)
        route = Route(tuple(map(str, hostnames)), addresses, in_maintenance)
        self._change(app, route)

    def drain(self, targets: tuple[Target, ...]) -> None:
        """Return when no request is in flight to these targets, or the drain time is over."""
        names = {f"{dns.target_name(to.host)}:{to.port}" for to in targets}
        if not names:
            return
        began = time.monotonic()
        deadline = began + self.settings.drain_seconds
        time.sleep(max(0.0, self._switched_at + SETTLE_SECONDS - began))
        while self._keeper.in_flight(names) and (now := time.monotonic()) < deadline:
            pause = max(POLL_SECONDS, (now - began) * POLL_SHARE)
            time.sleep(min(pause, deadline - now))

    def remove(self, app: AppName) -> None:
        """Forget the app."""
        self._change(app, None)

    def url(self, hostname: Hostname) -> str:
        """Return the address under which a person reaches the hostname."""
        port = self.settings.http_port
        return f"http://{hostname}" if port == 80 else f"http://{hostname}:{port}"

    def _change(self, app: AppName, route: Route | None) -> None:
        with self._routes.locked():
            routes = self._routes.read()
            if routes.apps.get(app) != route:
                others = {name: kept for name, kept in routes.apps.items() if name != app}
                routes = self._routes.write(others | ({app: route} if route else {}))
        self._keeper.wait_until_read(routes.serial)
        with self._routes.locked():
            self._routes.announce()
        self._switched_at = time.monotonic()
