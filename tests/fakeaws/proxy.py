"""The data planes: one asyncio loop with a port per listener, one per scheme, one for ECR."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from tests.fakeaws import pages, routes
from tests.fakeaws.http_messages import Head
from tests.fakeaws.relay import LIMIT, Relay, Streams
from tests.fakeaws.targets import Targets


class Loop:
    """Serves connections on loopback ports in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()

    def listen(self, relay: Callable[[Streams], Relay], port: int = 0) -> int:
        """Answer on a port, any when it is 0, and return it."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await relay((reader, writer)).serve()

        async def start() -> int:
            server = await asyncio.start_server(serve, "127.0.0.1", port, limit=LIMIT, backlog=1000)
            return int(server.sockets[0].getsockname()[1])

        return asyncio.run_coroutine_threadsafe(start(), self._loop).result(10)

    def close(self) -> None:
        """Answer no more."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)


class Balancers:
    """Every load balancer of the account: a port for each listener, and one for each scheme."""

    def __init__(self, loop: Loop, targets: Targets, port: int = 0) -> None:
        self._loop, self._targets = loop, targets
        self._ports: dict[str, int] = {}
        self.public = loop.listen(lambda streams: _Door(streams, targets, "internet-facing"), port)
        self.internal = loop.listen(lambda streams: _Door(streams, targets, "internal"))

    def ports(self) -> dict[str, int]:
        """Return the port of every listener, by its ARN."""
        for listener in routes.listeners():
            if listener.arn not in self._ports:
                self._ports[listener.arn] = self._open(listener.arn)
        return dict(self._ports)

    def _open(self, listener: str) -> int:
        return self._loop.listen(lambda streams: _Door(streams, self._targets, listener=listener))


class _Door(Relay):
    """A client's connection to one listener, or to all of a scheme."""

    def __init__(
        self, streams: Streams, targets: Targets, scheme: str = "", listener: str = ""
    ) -> None:
        super().__init__(streams)
        self._targets, self._scheme, self._listener = targets, scheme, listener

    async def answer(self, head: Head) -> bool:
        """Answer as the first rule that fits says."""
        action = self._action(head)
        if action.get("Type") != "forward":
            return await self.say(head, pages.answer(action, head.host, head.path))
        with self._targets.chosen(routes.target_group_of(action)) as target:
            if target is None:
                return await self.say(head, pages.error(503))
            forwarded = head.forwarded(self.peer, self._protocol())
            return await self.bring(head, forwarded, (target.host, target.port))

    def _candidates(self) -> list[Any]:
        found = routes.listeners(self._scheme)
        return [each for each in found if self._listener in ("", each.arn)]

    def _action(self, head: Head) -> dict[str, Any]:
        request = routes.Request(head.host, head.path, head.method, head.headers())
        return (routes.actions_for(self._candidates(), request) or [{}])[-1]

    def _protocol(self) -> str:
        return "https" if any(each.protocol == "HTTPS" for each in self._candidates()) else "http"
