"""A pushed pack, checked by git's own index-pack while it comes in.

`index-pack --strict` refuses bad objects and paths (fsck), and links to objects that are neither in
the pack nor in the app's repository. As an app's objects are closed, this is also the connectivity
check, without a second walk over the history.
"""

import os
import re
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from empire.errors import EmpireError
from gitserver import errors
from gitserver.call import Call
from gitserver.git import command, environment

MIB = 1024 * 1024
PIPE_BYTES = MIB
SWALLOW_BYTES = 64 * MIB
SWALLOW_SECONDS = 10.0
# Old histories are full of these, and they harm nobody. (git fsck calls them errors or warnings.)
HARMLESS = (
    "zeroPaddedFilemode",
    "badTimezone",
    "missingSpaceBeforeDate",
    "missingSpaceBeforeEmail",
    "missingEmail",
    "missingNameBeforeEmail",
    "missingTaggerEntry",
    "badTagName",
    "badFilemode",
    "nulInCommit",
)
DANGEROUS = {
    "hasDotdot": "'..'",
    "hasDot": "'.'",
    "hasDotgit": "'.git'",
    "fullPathname": "'/' in its name",
}
COMPLAINTS = (b"error:", b"fatal:", b"warning:")
_MESSAGE = re.compile(rb"error: object ([0-9a-f]{40}): (\w+): (.*)")


def receive(
    call: Call, quarantine: Path, limit_mib: int, progress: Callable[[bytes], None]
) -> None:
    """Read the pack that the client sends into the quarantine.

    Raises an EmpireError that says what is wrong with it. `progress` gets what git tells meanwhile.
    """
    process = subprocess.Popen(
        command(quarantine, *_index_pack(limit_mib)),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment(),
        pipesize=PIPE_BYTES,
    )
    assert process.stdin
    assert process.stderr
    with process:
        call.transport.divert(call.channel, os.dup(process.stdin.fileno()))
        process.stdin.close()
        complaints = _listen(process.stderr.fileno(), call, progress)
    if process.returncode < 0:
        raise errors.git_killed(-process.returncode)
    if process.returncode > 0:
        raise explained(complaints, limit_mib)


def _index_pack(limit_mib: int) -> list[str]:
    levels = ",".join(f"{name}=ignore" for name in HARMLESS)
    return [
        "index-pack",
        "--stdin",
        "--fix-thin",
        f"--strict={levels}",
        "--show-resolving-progress",
        "--report-end-of-input",
        f"--max-input-size={limit_mib * MIB}",
    ]


def swallow(call: Call) -> None:
    """Take and throw away what the client still sends, up to a bound."""
    diversion = call.transport.swallow(call.channel)
    deadline = time.monotonic() + SWALLOW_SECONDS
    while not diversion.wait_until_ended(0.05) and time.monotonic() < deadline:
        if diversion.swallowed_bytes > SWALLOW_BYTES:
            return


def _listen(pipe: int, call: Call, progress: Callable[[bytes], None]) -> bytes:
    """Return git's complaints; its progress goes out as it comes."""
    complaints = rest = b""
    with ExitStack() as working:
        while piece := os.read(pipe, 65536):
            if b"\0" in piece:  # the whole pack is here; the client only waits now
                working.enter_context(call.activity.working())
            *lines, rest = re.split(rb"(?<=[\r\n])", rest + piece.replace(b"\0", b""))
            for line in lines:
                if line.startswith(COMPLAINTS):
                    complaints += line
                else:
                    progress(line)
    return complaints + rest


def explained(complaints: bytes, limit_mib: int) -> EmpireError:
    """Return what git's complaints mean for the pusher."""
    if b"pack exceeds maximum allowed size" in complaints:
        return errors.pack_too_large(limit_mib)
    found = _MESSAGE.search(complaints)
    if found and (entry := DANGEROUS.get(found[2].decode())):
        return errors.dangerous_entry(entry)
    if b"did not receive expected object" in complaints:
        return errors.missing_object(_words(complaints))
    if b"No space left" in complaints:
        return errors.disk_full()
    if b"early EOF" in complaints:
        return errors.cut_off()
    return errors.broken_pack(_words(complaints))


def _words(complaints: bytes) -> str:
    lines = complaints.decode("utf-8", "replace").splitlines()
    return "; ".join(
        line.partition(": ")[2] for line in lines if line.startswith(("error:", "fatal:"))
    )
