"""SSH keys: real ones are taken, everything else is explained."""

import base64
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from empire import audit, keys, users
from empire.actors import Actor
from empire.errors import Conflict, EmpireError, InvalidInput, NotFound, Unauthorized
from empire.store import Store


def made(folder: Path, kind: str, bits: str, comment: str = "ann@laptop") -> tuple[str, str, str]:
    """Return a new key of the kind: public line, private text, OpenSSH's fingerprint."""
    path = folder / f"{kind}{bits}"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", kind, "-b", bits, "-N", "", "-C", comment, "-f", path],
        check=True,
    )
    listed = subprocess.run(["ssh-keygen", "-lf", path], check=True, capture_output=True, text=True)
    return path.with_suffix(".pub").read_text(), path.read_text(), listed.stdout.split()[1]


@pytest.mark.parametrize(
    ("kind", "bits"),
    [("ed25519", "256"), ("ecdsa", "256"), ("ecdsa", "384"), ("ecdsa", "521"), ("rsa", "2048")],
)
def test_keys_of_openssh_are_taken_with_their_fingerprint(
    store: Store, ann: Actor, tmp_path: Path, kind: str, bits: str
) -> None:
    public, private, mark = made(tmp_path, kind, bits, comment="two words \x1b[31m")
    with store.writing() as session:
        key = keys.add(session, ann.user_id, f"\n {public}\n", by=ann)
        assert (key.fingerprint, key.comment) == (mark, "two words ")
        assert keys.add(session, ann.user_id, public, by=ann).id == key.id
        assert keys.identify(session, mark).email == "ann@example.com"
        assert keys.identify(session, mark).via == f"key {mark}"
    with pytest.raises(InvalidInput, match="private key"):
        keys.parse(private)


def test_a_key_has_one_owner(store: Store, ann: Actor, tmp_path: Path) -> None:
    public, _, _ = made(tmp_path, "ed25519", "256")
    with store.writing() as session:
        bob = users.create(session, "bob@example.com", "Bob", by=ann)
        keys.add(session, ann.user_id, public, by=ann)
    with store.writing() as session, pytest.raises(Conflict, match="another person"):
        keys.add(session, bob.id, public, by=users.acting(bob, "test"))


def test_a_removed_key_lets_nobody_in(store: Store, ann: Actor, tmp_path: Path) -> None:
    public, _, mark = made(tmp_path, "ed25519", "256")
    with store.writing() as session:
        added = keys.add(session, ann.user_id, public, by=ann)
        for name in (added.id, mark, "ann@laptop"):
            assert keys.find(session, ann.user_id, name).id == added.id
        keys.remove(session, added, by=ann)
        with pytest.raises(Unauthorized, match="not known here"):
            keys.identify(session, mark)
        with pytest.raises(NotFound, match="no key"):
            keys.find(session, ann.user_id, mark)
        other, _, _ = made(tmp_path, "ecdsa", "256", comment="other")
        keys.add(session, ann.user_id, other, by=ann)
        with pytest.raises(NotFound, match="no key"):
            keys.find(session, ann.user_id, mark)
    with store.reading() as session:
        acts = [(row.act, row.detail) for row in audit.lines(session)[:2]]
    assert acts[-1] == ("keys:remove", mark)


def field(content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + content


def line(kind: str, *fields: bytes) -> str:
    return f"{kind} {base64.b64encode(b''.join(map(field, [kind.encode(), *fields]))).decode()}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "It starts with ''"),
        ("ssh-dss AAAA", "It starts with 'ssh-dss'"),
        ("ssh-ed25519", "not that of a key of type ssh-ed25519"),
        ("ssh-ed25519 !!!", "not base64"),
        ("ssh-ed25519 ä", "not base64"),
        ("ssh-ed25519 " + base64.b64encode(b"x" * 60).decode(), "not that of a key"),
        (line("ssh-ed25519", b"short"), "not that of a key"),
        (line("ssh-ed25519", b"x" * 32) + "\nsecond", "It starts with"),
        (line("ssh-rsa", b"\1\0\1", b"\1" * 128), "too short: 1017 bits"),
        (line("ssh-rsa", b"x" * 40), "too short: 0 bits"),
    ],
)
def test_what_is_no_key_is_explained(text: str, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        keys.parse(text)
    assert words in str(caught.value)
    assert caught.value.fix


@given(
    st.one_of(
        st.text(),
        st.tuples(st.sampled_from(keys.KINDS), st.text()).map(" ".join),
        st.tuples(st.sampled_from(keys.KINDS), st.binary()).map(
            lambda pair: f"{pair[0]} {base64.b64encode(field(pair[0].encode()) + pair[1]).decode()}"
        ),
    )
)
def test_any_text_is_a_key_or_refused_for_people(text: str) -> None:
    with suppress(EmpireError):
        public, comment = keys.parse(text)
        assert keys.fingerprint(public).startswith("SHA256:")
        assert "\x1b" not in comment
