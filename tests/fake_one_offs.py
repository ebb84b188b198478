"""A fake of the port OneOffs whose commands are processes of this machine's own shell."""

import subprocess
import threading
import time
from dataclasses import dataclass, field
from typing import IO

from empire.errors import Cancelled, NotFound
from empire.events import Line, Stream
from empire.manifest import Dyno, OneOff, Run
from empire.names import AppName
from empire.platform import IsCancelled
from tests.fake_duplex import FakeDuplex, end, shell, status_of
from tests.fakes import Scripted
from tests.waiting import PATIENCE_SECONDS


@dataclass
class Imaginary:
    """One one-off of the fake."""

    one_off: OneOff
    created_at: float = field(default_factory=time.time)
    process: subprocess.Popen[bytes] | None = None
    lines: list[str] = field(default_factory=list)
    is_read: bool = False
    is_killed: bool = False
    ended_at: float = 0

    def start(self) -> None:
        self.process = shell(self.one_off.command, self.one_off.env, self.one_off.is_attached)
        if not self.one_off.is_attached:
            threading.Thread(target=self._collect, args=(self.process.stdout,), daemon=True).start()

    def kill(self) -> None:
        self.is_killed = True
        if self.process:
            end(self.process)

    def run(self) -> Run:
        code = self.process.poll() if self.process else None
        if code is not None and not self.ended_at:
            self.ended_at = time.time()
        state = "starting" if self.process is None else "up" if code is None else "down"
        _, _, index = self.one_off.name.partition(".")
        dyno = Dyno(
            app=self.one_off.app,
            process=self.one_off.type,
            index=int(index),
            version=self.one_off.version,
            deployment=0,
            state=state,
            command=self.one_off.command,
            size=self.one_off.size.name,
            started_at=self.created_at,
            id=f"{self.one_off.app}-{self.one_off.name}",
            exit_code=code,
        )
        must_end_at = self.created_at + self.one_off.seconds
        return Run(dyno, self.one_off.is_attached, must_end_at, self.ended_at)

    def _collect(self, output: IO[bytes] | None) -> None:
        assert output
        assert self.process
        for line in output:
            self.lines.append(line.decode().rstrip("\n"))
        self.process.wait(PATIENCE_SECONDS)
        output.close()
        self.is_read = True


class FakeOneOffs(Scripted):
    """One-offs that are processes; `started` has the name of each start that was one."""

    def __init__(self) -> None:
        super().__init__()
        self.known: dict[tuple[AppName, str], Imaginary] = {}
        self.started: list[str] = []

    def create(self, one_off: OneOff) -> None:
        self._play("create", one_off)
        self.known.setdefault((one_off.app, one_off.name), Imaginary(one_off))

    def start(self, app: AppName, name: str) -> None:
        self._play("start", app, name)
        found = self._find(app, name)
        if found.process is None:
            self.started.append(name)
            found.start()

    def output(self, app: AppName, name: str, is_cancelled: IsCancelled) -> Stream[int]:
        self._play("output", app, name)
        found, position = self._find(app, name), 0
        while True:
            if is_cancelled():
                raise Cancelled("The fake was cancelled.")
            is_whole = found.is_read
            fresh = found.lines[position:]
            position += len(fresh)
            for text in fresh:
                yield Line(text)
            if is_whole and not fresh:
                assert found.process
                return status_of(found.process)
            if found.is_killed and found.process is None:
                raise NotFound("It is gone.")
            time.sleep(0.002)

    def attach(self, app: AppName, name: str) -> FakeDuplex:
        self.start(app, name)
        process = self._find(app, name).process
        assert process
        return FakeDuplex(process)

    def remove(self, app: AppName, name: str = "") -> None:
        self._play("remove", app, name)
        for key in [key for key in self.known if key[0] == app and name in ("", key[1])]:
            self.known.pop(key).kill()

    def runs(self, app: AppName | None = None) -> list[Run]:
        return [known.run() for key, known in list(self.known.items()) if app in (None, key[0])]

    def _find(self, app: AppName, name: str) -> Imaginary:
        if (app, name) not in self.known:
            raise NotFound(f"There is no {name}.")
        return self.known[app, name]
