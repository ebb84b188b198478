"""Clone, fetch and ls-remote: git's own upload-pack, with its three streams over the channel."""

import os
import subprocess
import threading
from typing import IO

from empire import access
from empire.access import Permission
from gitserver import git
from gitserver.call import Call

READ_BYTES = 1024 * 1024
UPLOAD_SETTINGS = ("uploadpack.allowFilter=true", "uploadpack.keepAlive=5")


def serve(call: Call) -> int:
    """Serve the app's repository to a reader and return the exit status."""
    with call.door.store.reading() as session:
        app = access.require(session, call.actor, call.app, Permission.VIEW)
    path = call.door.repositories.open(app.handle)
    settings = [part for setting in UPLOAD_SETTINGS for part in ("-c", setting)]
    process = subprocess.Popen(
        [*git.command(path), *settings, "upload-pack", "--strict", str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=git.environment(call.protocol),
    )
    with process:
        _exchange(call, process)
    return process.returncode


def _exchange(call: Call, process: subprocess.Popen[bytes]) -> None:
    assert process.stdin
    assert process.stdout
    assert process.stderr
    call.transport.divert(call.channel, os.dup(process.stdin.fileno()))
    process.stdin.close()
    talk = threading.Thread(target=_copy, args=(process.stderr, call, True), daemon=True)
    talk.start()
    try:
        _copy(process.stdout, call, False)
    finally:
        # A reader that is gone must not leave git behind, waiting for its pipe.
        process.stdout.close()
        call.transport.forget(call.channel)
        talk.join()


def _copy(stream: IO[bytes], call: Call, is_talk: bool) -> None:
    send = call.channel.sendall_stderr if is_talk else call.channel.sendall
    try:
        while piece := os.read(stream.fileno(), READ_BYTES):
            send(piece)
            call.activity.touch()
    except OSError:
        return
