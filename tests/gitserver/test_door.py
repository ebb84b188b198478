"""Who comes in, and what is refused at the door, with the real ssh client."""

import os
import pty
import socket
import subprocess
from pathlib import Path

import pytest

from tests.gitserver.world import Person, World, new_key, running
from tests.waiting import wait_until

WORKS = "What works over SSH: git push, git clone, git fetch and git ls-remote"


def test_no_command_tells_who_one_is(world: World, ann: Person) -> None:
    for words in (["git@127.0.0.1"], ["-T", "anybody@127.0.0.1"]):
        done = world.ssh(ann, *words)
        assert done.code == 1
        assert "Hi ann! Your key is known, but Empire gives no shell." in done.err
        assert WORKS in done.err


@pytest.mark.parametrize(
    "command",
    [
        "ls -l",
        "bash -i",
        "git-upload-archive 'hello'",
        "git gc",
        "git-receive-pack-x hello",
        "'",
        ";",
    ],
)
def test_no_other_command(world: World, ann: Person, command: str) -> None:
    done = world.ssh(ann, "git@127.0.0.1", command)
    assert done.code == 1
    assert "Empire does not run" in done.err
    assert WORKS in done.err


@pytest.mark.parametrize("command", ["git-upload-pack", "git-receive-pack a b", "git upload-pack"])
def test_a_service_needs_one_app(world: World, ann: Person, command: str) -> None:
    done = world.ssh(ann, "git@127.0.0.1", command)
    assert done.code == 1
    assert "does not name an app" in done.err


def test_git_with_a_space_is_the_same_service(world: World, ann: Person) -> None:
    world.app("hello", ann)
    assert "capabilities^{}" in world.ssh(ann, "git@127.0.0.1", "git receive-pack hello").out


def test_no_terminal(world: World, ann: Person) -> None:
    ours, theirs = pty.openpty()  # ssh asks for a terminal when it has one itself
    words = ["ssh", *world.ssh_options(ann), "-p", str(world.server.port), "git@127.0.0.1"]
    with subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE) as ssh:
        assert ssh.stderr
        heard = ssh.stderr.read().decode()
    assert ssh.returncode == 1
    assert "Empire gives no terminal" in heard
    assert WORKS in heard
    os.close(ours)
    os.close(theirs)


def test_no_subsystem(world: World, ann: Person) -> None:
    done = world.ssh(ann, "-s", "git@127.0.0.1", "sftp")
    assert done.code == 1
    assert "Empire has no 'sftp' service over SSH." in done.err


def test_no_forwarding_from_here(world: World, ann: Person) -> None:
    done = world.ssh_first(ann, "-o", "LogLevel=INFO", "-W", "127.0.0.1:1", "git@127.0.0.1")
    assert done.code == 255
    assert "administratively prohibited: Empire forwards nothing (direct-tcpip)" in done.err


def test_no_forwarding_to_here(world: World, ann: Person) -> None:
    words = ("-o", "ExitOnForwardFailure=yes", "-N", "-R", "0:127.0.0.1:1", "git@127.0.0.1")
    done = world.ssh(ann, *words)
    assert done.code == 255
    assert "remote port forwarding failed" in done.err


def test_no_agent(world: World, ann: Person) -> None:
    with subprocess.Popen(["ssh-agent", "-D", "-a", str(world.folder / "agent")]) as agent:
        wait_until(lambda: (world.folder / "agent").exists())
        options = ("-A", "-o", f"IdentityAgent={world.folder / 'agent'}")
        done = world.ssh_first(ann, *options, "git@127.0.0.1")
        agent.terminate()
    assert "Empire takes no forwarded agent" in done.err


def test_no_x11(world: World, ann: Person) -> None:
    words = ["-X", "-o", "ForwardX11Trusted=yes", "git@127.0.0.1"]
    port = ["-p", str(world.server.port)]
    env = world.env(ann, DISPLAY=":99")
    done = world.run(["ssh", *world.ssh_options(ann), *port, *words], env)
    assert "Empire forwards nothing (x11)" in done.err


def test_no_environment(world: World, ann: Person) -> None:
    done = world.ssh(ann, "-o", "SetEnv=SECRET=x", "git@127.0.0.1")
    assert "Environment variables are not taken over SSH (SECRET)" in done.err
    assert "empire config:set" in done.err
    assert "LANG" not in world.ssh(ann, "-o", "SetEnv=LANG=C", "git@127.0.0.1").err


def test_a_git_client_cannot_smuggle_a_protocol(world: World, ann: Person, work: Path) -> None:
    world.push(ann, work)
    done = world.ssh(ann, "-o", "SetEnv=GIT_PROTOCOL=version=2:x", "git@127.0.0.1")
    assert "(GIT_PROTOCOL)" in done.err


# Keys.


def test_an_unknown_key_stays_out(world: World, ann: Person) -> None:
    stranger = Person(ann.actor, new_key(world.folder / "stranger.key"))
    done = world.ssh(stranger, "git@127.0.0.1")
    assert done.code == 255
    assert "Permission denied (publickey)" in done.err


def test_passwords_stay_out(world: World, ann: Person) -> None:
    options = ("-o", "PreferredAuthentications=password,keyboard-interactive", "-o", "BatchMode=no")
    done = world.ssh_first(ann, *options, "git@127.0.0.1")
    assert "Permission denied (publickey)" in done.err


def test_rsa_with_sha1_stays_out(world: World) -> None:
    kim = world.person("kim", kind="rsa")
    done = world.ssh(kim, "-o", "PubkeyAcceptedAlgorithms=ssh-rsa", "git@127.0.0.1")
    assert done.code == 255


def test_a_key_of_an_old_kind_does_not_keep_the_next_one_out(world: World, ann: Person) -> None:
    old = new_key(world.folder / "old.key", "dsa")
    options = ("-i", str(old), "-o", "PubkeyAcceptedAlgorithms=+ssh-dss")
    done = world.ssh_first(ann, *options, "git@127.0.0.1")
    assert "Hi ann!" in done.err


def test_a_key_that_was_removed_stays_out(world: World, ann: Person) -> None:
    from empire import keys

    assert "Hi ann!" in world.ssh(ann, "git@127.0.0.1").err
    with world.store.writing() as session:
        keys.remove(session, keys.of(session, ann.actor.user_id)[0], by=ann.actor)
    assert "Permission denied" in world.ssh(ann, "git@127.0.0.1").err


def test_too_many_keys_are_told_so(tmp_path: Path) -> None:
    with running(tmp_path, ssh_auth_tries=2) as world:
        ann = world.person("ann")
        strangers = [new_key(tmp_path / f"{number}.key") for number in range(3)]
        options = [part for key in strangers for part in ("-i", str(key))]
        done = world.ssh_first(ann, *options, "git@127.0.0.1")
        assert done.code == 255
        assert "Too many keys were tried" in done.err
        assert "empire keys:add" in done.err


def test_the_host_key_is_made_once_for_this_user_alone(tmp_path: Path) -> None:
    with running(tmp_path) as world:
        path = world.settings.home / "host_key"
        first = path.read_bytes()
        assert path.stat().st_mode & 0o777 == 0o600
    with running(tmp_path):
        assert path.read_bytes() == first


def test_slow_ciphers_are_not_spoken(world: World, ann: Person) -> None:
    options = ("-o", "LogLevel=INFO", "-o", "Ciphers=aes128-ctr")
    done = world.ssh_first(ann, *options, "git@127.0.0.1")
    assert "no matching cipher found" in done.err


# Limits.


def test_too_many_connections_are_told_so(tmp_path: Path) -> None:
    with running(tmp_path, ssh_max_connections=1) as world:
        ann = world.person("ann")
        with holding(world, ann):
            done = world.ssh(ann, "git@127.0.0.1")
            assert done.code == 255
            assert "Empire has too many connections open" in done.err
        wait_until(lambda: "Hi ann!" in world.ssh(ann, "git@127.0.0.1").err)


def test_too_many_connections_from_one_address_are_told_so(tmp_path: Path) -> None:
    with running(tmp_path, ssh_max_connections_per_address=1) as world:
        ann = world.person("ann")
        with holding(world, ann):
            done = world.ssh(ann, "git@127.0.0.1")
            assert "Too many connections are open from your address" in done.err


def test_who_shows_no_key_in_time_is_cut_off(tmp_path: Path) -> None:
    with running(tmp_path, ssh_auth_seconds=0.2) as world:
        with socket.create_connection(("127.0.0.1", world.server.port), 10) as sock:
            sock.sendall(b"SSH-2.0-Sleepy\r\n")
            heard = b""
            while piece := sock.recv(4096):
                heard += piece
        assert b"No known key was shown in time." in heard


def test_who_is_silent_is_cut_off(tmp_path: Path) -> None:
    with running(tmp_path, ssh_idle_seconds=0.2) as world:
        ann = world.person("ann")
        done = world.ssh(ann, "-N", "git@127.0.0.1")
        assert done.code == 255
        assert "Nothing was heard for too long" in done.err


def test_a_push_that_stops_in_the_middle_is_cut_off(tmp_path: Path) -> None:
    with running(tmp_path, ssh_idle_seconds=0.3) as world:
        ann = world.person("ann")
        words = ["ssh", *world.ssh_options(ann), "-p", str(world.server.port), "git@127.0.0.1"]
        line = f"{'0' * 40} {'1' * 40} refs/heads/main\0report-status"
        with subprocess.Popen(
            [*words, "git-receive-pack hello"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        ) as push:
            assert push.stdin
            assert push.stderr
            push.stdin.write(world.pkt(line) + b"PACK\0\0\0\2")
            push.stdin.flush()
            assert b"Nothing was heard for too long" in push.stderr.read()
        wait_until(lambda: world.quarantines() == [])


def test_a_long_build_is_not_idle(tmp_path: Path) -> None:
    with running(tmp_path, ssh_idle_seconds=0.3, ssh_keepalive_seconds=60) as world:
        ann = world.person("ann")
        work = world.clone_of(ann)
        gate = world.builder.hold("build")
        with world.pushing(ann, work) as push:
            world.builder.wait_for("build")
            with pytest.raises(subprocess.TimeoutExpired):
                push.wait(1.5)
            gate.set()
            assert push.wait(60) == 0


def test_stopping_is_orderly_and_tells_who_is_connected(tmp_path: Path) -> None:
    with running(tmp_path) as world:
        ann = world.person("ann")
        work = world.clone_of(ann)
        gate = world.builder.hold("build")
        with world.pushing(ann, work) as push:
            world.builder.wait_for("build")
            world.server.stop()
            assert push.wait(60) != 0
            assert push.stderr
            assert b"a deployment that has begun goes on" in push.stderr.read()
        gate.set()
        wait_until(lambda: world.refs() == {"refs/heads/main": world.head(work)})


def test_several_commands_share_a_connection(world: World, ann: Person, work: Path) -> None:
    world.push(ann, work)
    control = ("-o", f"ControlPath={world.folder / 'control'}")
    with subprocess.Popen(
        [
            "ssh",
            *control,
            *world.ssh_options(ann),
            "-p",
            str(world.server.port),
            "-MN",
            "x@127.0.0.1",
        ]
    ) as master:
        wait_until(lambda: (world.folder / "control").exists())
        for _ in range(12):
            done = world.ssh(ann, *control, "x@127.0.0.1", "git-upload-pack hello")
            assert world.head(work) in done.out
        master.terminate()


def holding(world: World, person: Person) -> "Held":
    return Held(world, person)


class Held:
    """A connection that does nothing while the block runs."""

    def __init__(self, world: World, person: Person) -> None:
        words = ["ssh", *world.ssh_options(person), "-p", str(world.server.port), "-v", "-N"]
        words[words.index("LogLevel=ERROR")] = "LogLevel=DEBUG"
        self._ssh = subprocess.Popen([*words, "x@127.0.0.1"], stderr=subprocess.PIPE)

    def __enter__(self) -> None:
        assert self._ssh.stderr
        for line in self._ssh.stderr:
            if b"Authenticated to" in line:
                return

    def __exit__(self, *_: object) -> None:
        self._ssh.kill()
        self._ssh.communicate()
