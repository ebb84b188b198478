"""Lets the router go before builds and boots where the processor is short."""

import contextlib
import os
from pathlib import Path

NICE = -10


def go_first(process: int) -> None:
    """Weigh a process and its session more than others; only root may, others go without.

    Linux shares the processor between sessions first, then between the threads of each
    (sched(7), "The autogroup feature"). Niceness alone orders threads within their session.
    """
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, process, NICE)
        Path(f"/proc/{process}/autogroup").write_text(str(NICE))
