"""An open-loop load at a constant rate that classifies every failure, in a process of its own.

A request that is due goes out, however slow the ones before it are, so a stall shows as latency and
not as fewer requests. `python -m tests.load OPTIONS_JSON` runs until its stdin closes, then prints
the report.
"""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from deployer.local.priority import go_first

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Traffic:
    """What goes where. Rates are in requests per second; each class of traffic has its own."""

    host: str
    port: int
    hostname: str
    kept: float = 150
    """On connections that are kept."""
    fresh: float = 40
    """Each on a new connection."""
    slow: float = 8
    """Requests of `slow_seconds`."""
    websockets: float = 2
    """Conversations of `websocket_seconds`."""
    slow_seconds: float = 5
    websocket_seconds: float = 5
    timeout_seconds: float = 30


@dataclass(slots=True)
class Counts:
    """What came of one class of traffic. Times are in milliseconds."""

    sent: int = 0
    ok: int = 0
    retried: int = 0
    """Sent again because the idle connection had been closed before any byte came back."""
    failures: dict[str, int] = field(default_factory=dict)
    p50: float = 0
    p99: float = 0
    worst: float = 0


@dataclass(frozen=True, slots=True)
class Report:
    """What came of the whole load; `versions` counts which version answered."""

    kinds: dict[str, Counts]
    versions: dict[str, int]
    first_failures: list[str]

    @property
    def failed(self) -> int:
        """How many requests failed."""
        return sum(sum(counts.failures.values()) for counts in self.kinds.values())

    @property
    def sent(self) -> int:
        """How many requests were sent."""
        return sum(counts.sent for counts in self.kinds.values())

    @classmethod
    def from_json(cls, text: str) -> "Report":
        """Return the report that the process printed."""
        stored = json.loads(text)
        kinds = {name: Counts(**counts) for name, counts in stored["kinds"].items()}
        return cls(kinds, stored["versions"], stored["first_failures"])


class Load:
    """A running load. `stop()` ends it, waits for what is under way, and returns the report.

    As a context manager it leaves no process behind when a test fails.
    """

    def __init__(self, traffic: Traffic) -> None:
        self.traffic = traffic
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.load", json.dumps(asdict(traffic))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
            start_new_session=True,
        )
        _come_first(self._process.pid)
        assert self._process.stdout
        self._process.stdout.readline()

    def stop(self) -> Report:
        """Send no more, wait for the answers, and return the report."""
        text, _ = self._process.communicate(timeout=self.traffic.timeout_seconds + 30)
        return Report.from_json(text)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


class Failed(Exception):
    """A request that a client would have seen fail; the text is its class."""


class IdleClosed(Exception):
    """A kept connection was closed before any byte of the answer: the request may be sent again."""


class Generator:
    """Sends the traffic and counts."""

    def __init__(self, traffic: Traffic) -> None:
        self.traffic = traffic
        self.counts: dict[str, Counts] = {}
        self.versions: Counter[str] = Counter()
        self.first_failures: list[str] = []
        self._took: dict[str, list[float]] = {}
        self._idle: deque[Connection] = deque()
        self._running: set[asyncio.Task[None]] = set()

    async def run(self, until: asyncio.Event) -> Report:
        """Send until the event, then wait for what is under way."""
        kinds: dict[str, tuple[float, Callable[[str], Awaitable[str]]]] = {
            "kept": (self.traffic.kept, self._kept),
            "fresh": (self.traffic.fresh, self._fresh),
            "slow": (self.traffic.slow, self._slow),
            "websockets": (self.traffic.websockets, self._websocket),
        }
        await asyncio.gather(
            *(self._pace(kind, rate, send, until) for kind, (rate, send) in kinds.items() if rate)
        )
        while self._running:
            await asyncio.wait(self._running)
        for kind, took in self._took.items():
            self._measure(self.counts[kind], sorted(took))
        return Report(self.counts, dict(self.versions), self.first_failures)

    async def _pace(
        self, kind: str, rate: float, send: Callable[[str], Awaitable[str]], until: asyncio.Event
    ) -> None:
        self.counts[kind] = Counts()
        self._took[kind] = []
        due = time.perf_counter()
        while not until.is_set():
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            task = asyncio.create_task(self._one(kind, send, due))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
            due += 1 / rate

    async def _one(self, kind: str, send: Callable[[str], Awaitable[str]], due: float) -> None:
        counts = self.counts[kind]
        counts.sent += 1
        try:
            version = await asyncio.wait_for(send(kind), self.traffic.timeout_seconds)
        except TimeoutError:
            self._fail(counts, kind, "timeout")
        except Failed as failure:
            self._fail(counts, kind, str(failure))
        except (OSError, EOFError, WebSocketException) as error:
            self._fail(counts, kind, f"{type(error).__name__}: {error}")
        else:
            counts.ok += 1
            self.versions[version] += 1
            self._took[kind].append((time.perf_counter() - due) * 1000)

    def _fail(self, counts: Counts, kind: str, reason: str) -> None:
        counts.failures[reason] = counts.failures.get(reason, 0) + 1
        if len(self.first_failures) < 20:
            self.first_failures.append(f"{time.time():.3f} {kind}: {reason}")

    async def _kept(self, kind: str) -> str:
        while self._idle:
            connection = self._idle.pop()
            try:
                return await self._ask(connection, "/", keep=True)
            except IdleClosed:
                self.counts[kind].retried += 1
        return await self._ask(await self._connect(), "/", keep=True)

    async def _fresh(self, kind: str) -> str:
        return await self._ask(await self._connect(), "/", keep=False)

    async def _slow(self, kind: str) -> str:
        path = f"/slow?{self.traffic.slow_seconds}"
        return await self._ask(await self._connect(), path, keep=False)

    async def _connect(self) -> "Connection":
        reader, writer = await asyncio.open_connection(self.traffic.host, self.traffic.port)
        return Connection(reader, writer)

    async def _ask(self, connection: "Connection", path: str, *, keep: bool) -> str:
        ended = False
        try:
            body = await connection.get(path, self.traffic.hostname, keep=keep)
            ended = True
        finally:
            if keep and ended:
                self._idle.append(connection)
            else:
                connection.writer.close()
        return body

    async def _websocket(self, kind: str) -> str:
        address = f"ws://{self.traffic.hostname}/ws"
        async with connect(
            address, host=self.traffic.host, port=self.traffic.port, proxy=None
        ) as websocket:
            deadline = time.perf_counter() + self.traffic.websocket_seconds
            while True:
                await websocket.send("?")
                version = str(await websocket.recv())
                if time.perf_counter() > deadline:
                    return version
                await asyncio.sleep(0.5)

    @staticmethod
    def _measure(counts: Counts, took: list[float]) -> None:
        if took:
            counts.p50 = round(took[len(took) // 2], 2)
            counts.p99 = round(took[int(len(took) * 0.99)], 2)
            counts.worst = round(took[-1], 2)


class Connection:
    """One connection to the router, as raw as can be."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._used = False

    async def get(self, path: str, hostname: str, *, keep: bool) -> str:
        """Return the body of a 200 answer. Raises Failed, IdleClosed, OSError."""
        close = "" if keep else "Connection: close\r\n"
        request = f"GET {path} HTTP/1.1\r\nHost: {hostname}\r\n{close}\r\n"
        head = await self._exchange(request.encode())
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (x.partition(": ") for x in lines)}
        body = await self._body(int(headers.get("content-length", "-1")))
        self._used = True
        if " 200 " not in f"{first} ":
            raise Failed(f"status {first.split(' ')[1]}")
        return body

    async def _exchange(self, request: bytes) -> bytes:
        try:
            self.writer.write(request)
            await self.writer.drain()
            return await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            partial = error.partial if isinstance(error, asyncio.IncompleteReadError) else b""
            if self._used and not partial:
                raise IdleClosed from error
            raise Failed(f"closed before the answer ({type(error).__name__})") from error

    async def _body(self, length: int) -> str:
        if length < 0:
            raise Failed("no content-length")
        try:
            return (await self.reader.readexactly(length)).decode()
        except asyncio.IncompleteReadError as error:
            raise Failed("closed within the answer") from error


def _come_first(process: int) -> None:
    """Let the instrument wait for nothing that it measures: visitors bring their own processors."""
    go_first(process)
    with contextlib.suppress(OSError):  # only root may
        os.sched_setscheduler(process, os.SCHED_RR, os.sched_param(1))


async def _main(traffic: Traffic) -> Report:
    until = asyncio.Event()
    loop = asyncio.get_running_loop()
    ended = loop.run_in_executor(None, sys.stdin.read)
    ended.add_done_callback(lambda _: until.set())
    return await Generator(traffic).run(until)


if __name__ == "__main__":
    print("sending", flush=True)  # noqa: T201 - the parent waits for it
    with contextlib.suppress(KeyboardInterrupt):
        print(json.dumps(asdict(asyncio.run(_main(Traffic(**json.loads(sys.argv[1])))))))  # noqa: T201
