"""Stops a build from the side: when somebody cancels it, and when its time is over."""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from buildpacks import errors
from empire.errors import EmpireError
from empire.platform import IsCancelled

POLL_SECONDS = 0.05
Breach = Callable[[], EmpireError | None]
"""Asked often; what it returns ends the build."""


class Watch:
    """While in the `with`, cuts what it `guards` when the build has to end; `verdict` says why."""

    def __init__(
        self, is_cancelled: IsCancelled, seconds: float, breach: Breach = lambda: None
    ) -> None:
        self.verdict: EmpireError | None = None
        self._is_cancelled = is_cancelled
        self._seconds = seconds
        self._breaches = [breach]
        self._deadline = time.monotonic() + seconds
        self._cuts: list[Callable[[], None]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="build-watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def guards(self, cut: Callable[[], None]) -> None:
        """Call it when the build has to end, which may be at once."""
        self._cuts.append(cut)
        if self.verdict is not None:
            cut()

    def asks(self, breach: Breach) -> None:
        """Ask this too, from now on."""
        self._breaches.append(breach)

    def check(self) -> None:
        """Raise Cancelled or TimedOut when the build has to end."""
        if self.verdict is not None:
            raise self.verdict

    def _run(self) -> None:
        while self.verdict is None and not self._over.wait(POLL_SECONDS):
            self.verdict = self._reason()
        if self.verdict is not None:
            for cut in list(self._cuts):
                cut()

    def _reason(self) -> EmpireError | None:
        if self._is_cancelled():
            return errors.cancelled()
        if time.monotonic() > self._deadline:
            return errors.took_too_long(self._seconds)
        return next(filter(None, (breach() for breach in list(self._breaches))), None)
