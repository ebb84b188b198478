"""What one SSH connection may do: say who it is, and run git's services. All else is refused."""

import threading
from collections.abc import Callable
from functools import partial

import paramiko
import structlog
from paramiko import PKey, ServerInterface
from paramiko.channel import Channel
from paramiko.common import (
    AUTH_FAILED,
    AUTH_SUCCESSFUL,
    OPEN_FAILED_RESOURCE_SHORTAGE,
    OPEN_SUCCEEDED,
)

from empire import keys
from empire.actors import Actor
from empire.errors import EmpireError, InternalError, Unauthorized
from gitserver import commands, errors, pktlines, receive, upload
from gitserver.call import Activity, Call, Door
from gitserver.transport import SshTransport

log = structlog.get_logger()

CHANNELS_MAX = 10
HARMLESS_VARIABLES = ("LANG", "LC_", "TERM", "COLORTERM")  # sent by default, missed by nobody
Job = Callable[[Channel], int]


class Session(ServerInterface):
    """One connection's person, channels and commands."""

    def __init__(self, door: Door, transport: SshTransport, activity: Activity) -> None:
        self._door = door
        self._transport = transport
        transport.guest = self
        self._activity = activity
        self._actor: Actor | None = None
        # paramiko itself holds channels weakly.
        self._channels: dict[int, Channel] = {}
        self._jobs: dict[int, Job] = {}
        self._running: dict[int, threading.Thread] = {}
        self._notes: dict[int, list[str]] = {}
        self._protocols: dict[int, str] = {}

    def threads(self) -> list[threading.Thread]:
        """Return the threads of the commands that run."""
        return list(self._running.values())

    # Who is it?

    def get_allowed_auths(self, username: str) -> str:
        """Offer public keys only."""
        return "publickey"

    def check_auth_publickey(self, username: str, key: PKey) -> int:
        """Take the key of a known person, whatever the user name."""
        if not isinstance(key, paramiko.RSAKey | paramiko.ECDSAKey | paramiko.Ed25519Key):
            return AUTH_FAILED
        try:
            with self._door.store.reading() as session:
                self._actor = keys.identify(session, key.fingerprint)
        except Unauthorized:
            log.info("ssh key refused", fingerprint=key.fingerprint)
            return AUTH_FAILED
        except Exception:
            log.exception("ssh key not looked up")
            return AUTH_FAILED
        return AUTH_SUCCESSFUL

    # What does it want?

    def check_channel_request(self, kind: str, chanid: int) -> int:
        """Open a few sessions."""
        if len(self._channels) >= CHANNELS_MAX:
            return OPEN_FAILED_RESOURCE_SHORTAGE
        return OPEN_SUCCEEDED

    def opened(self, channel: Channel) -> None:
        """Hold the new channel."""
        self._channels[channel.chanid] = channel

    def closed(self, channel: Channel) -> None:
        """Let go of a channel that the client closed before it ran anything."""
        if channel.chanid not in self._jobs:
            self._release(channel)

    def check_channel_exec_request(self, channel: Channel, command: bytes) -> bool:
        """Run one of git's services; anything else is refused with a text."""
        return self._plan(channel, partial(self._execute, command.decode("utf-8", "replace")))

    def check_channel_shell_request(self, channel: Channel) -> bool:
        """Say who the person is."""
        return self._plan(channel, self._greet)

    def check_channel_subsystem_request(self, channel: Channel, name: str) -> bool:
        """Refuse with a text."""
        return self._plan(channel, partial(self._refuse, errors.no_subsystem(name)))

    def check_channel_pty_request(self, channel: Channel, *args: object) -> bool:
        """Refuse; the command's output says so."""
        return self._note(channel, errors.no_terminal())

    def check_channel_forward_agent_request(self, channel: Channel) -> bool:
        """Refuse; the command's output says so."""
        return self._note(channel, errors.no_agent())

    def check_channel_x11_request(self, channel: Channel, *args: object) -> bool:
        """Refuse; the command's output says so."""
        return self._note(channel, errors.nothing_is_forwarded("x11"))

    def check_port_forward_request(self, address: str, port: int) -> bool:
        """Refuse; OpenSSH's client says so itself."""
        return False

    def check_channel_env_request(self, channel: Channel, name: bytes, value: bytes) -> bool:
        """Take only the version of git's protocol."""
        variable = name.decode("utf-8", "replace")
        if variable == "GIT_PROTOCOL" and value in (b"version=0", b"version=1", b"version=2"):
            self._protocols[channel.chanid] = value.decode()
            return True
        if not variable.startswith(HARMLESS_VARIABLES):
            self._note(channel, errors.no_environment(variable[:60]))
        return False

    def _note(self, channel: Channel, text: str) -> bool:
        self._notes.setdefault(channel.chanid, []).append(text)
        return False

    # Commands run in threads of their own, once their request was answered.

    def _plan(self, channel: Channel, job: Job) -> bool:
        if channel.chanid in self._jobs:
            return False
        self._jobs[channel.chanid] = job
        return True

    def answered(self, channel: Channel) -> None:
        """Start what the request asked for."""
        job = self._jobs.get(channel.chanid)
        if job and channel.chanid not in self._running:
            name = f"ssh-command-{channel.chanid}"
            thread = threading.Thread(target=self._run, args=(channel, job), name=name, daemon=True)
            self._running[channel.chanid] = thread
            thread.start()

    def _run(self, channel: Channel, job: Job) -> None:
        status = 1
        try:
            for note in self._notes.get(channel.chanid, ()):
                _tell(channel, note)
            status = job(channel)
        except Exception:
            if channel.closed:
                log.info("ssh client left", actor=self._actor and self._actor.email)
            else:
                error = InternalError.with_reference()
                log.exception("ssh command failed", what=error.what)
                _tell(channel, str(error))
        finally:
            self._finish(channel, status)

    def _finish(self, channel: Channel, status: int) -> None:
        try:
            channel.send_exit_status(status)
            channel.close()
        except (OSError, EOFError, paramiko.SSHException):
            pass
        self._transport.forget(channel)
        self._release(channel)

    def _release(self, channel: Channel) -> None:
        for held in (self._channels, self._jobs, self._running, self._notes, self._protocols):
            held.pop(channel.chanid, None)

    def _greet(self, channel: Channel) -> int:
        assert self._actor
        _tell(channel, errors.greeting(self._actor.name))
        return 1

    def _refuse(self, error: EmpireError, channel: Channel) -> int:
        _tell(channel, str(error))
        return 1

    def _execute(self, line: str, channel: Channel) -> int:
        try:
            command = commands.parse(line)
        except EmpireError as error:
            return self._refuse(error, channel)
        assert self._actor
        call = Call(
            door=self._door,
            app=command.app,
            actor=self._actor,
            transport=self._transport,
            channel=channel,
            activity=self._activity,
            protocol=self._protocols.get(channel.chanid, ""),
        )
        try:
            return (
                receive.serve(call) if command.service == commands.RECEIVE else upload.serve(call)
            )
        except EmpireError as error:
            pktlines.refuse(channel, str(error))
            return 1


def _tell(channel: Channel, text: str) -> None:
    lines = "".join(f"{line}\r\n" for line in text.splitlines())
    channel.sendall_stderr(lines.encode("utf-8", "replace"))
