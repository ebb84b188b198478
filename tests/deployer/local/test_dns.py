import contextlib
import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.local import dns

TARGETS = [("172.17.0.2", 8080), ("172.17.0.3", 5000)]


def find(hostname: str) -> list[tuple[str, int]]:
    return TARGETS if hostname == "hello.localhost" else []


def answer(name: str, kind: int) -> bytes:
    return dns.answer(dns.question(name, kind, 77), find, lambda: "12 abc")


def records(reply: bytes) -> int:
    count: int = struct.unpack_from("!6H", reply)[3]
    return count


def test_a_route_is_found_under_any_generation() -> None:
    for generation in ("1", "2345"):
        reply = answer(f"{generation}.hello.localhost", dns.SRV)
        assert records(reply) == 2
        assert struct.pack("!H", 8080) + b"\x0dip-172-17-0-2\x08internal\0" in reply


def test_names_are_found_in_any_case() -> None:
    assert records(answer("1.Hello.LOCALHOST", dns.SRV)) == 2


def test_an_answer_carries_the_number_of_its_question() -> None:
    assert answer("1.hello.localhost", dns.SRV)[:2] == struct.pack("!H", 77)


def test_an_unknown_name_has_an_empty_answer() -> None:
    reply = answer("1.other.localhost", dns.SRV)
    assert (records(reply), reply[3] & 0x0F) == (0, 0)


def test_more_targets_than_a_packet_holds_are_sampled() -> None:
    many = [(f"10.250.250.{number}", 65000) for number in range(100, 160)]
    query = dns.question(f"1.{'a' * 60}.{'b' * 60}.example.com", dns.SRV)
    reply = dns.answer(query, lambda _: many, str)
    assert 20 <= records(reply) < 60
    assert len(reply) <= dns.ANSWER_MAX_BYTES


@pytest.mark.parametrize("host", ["127.0.0.1", "172.17.0.2", "255.255.255.255"])
def test_a_targets_name_resolves_to_its_address(host: str) -> None:
    reply = answer(dns.target_name(host), dns.A)
    assert reply.endswith(socket.inet_aton(host))


def test_an_ipv6_targets_name_resolves_to_its_address() -> None:
    reply = answer(dns.target_name("fd00::2"), dns.AAAA)
    assert reply.endswith(socket.inet_pton(socket.AF_INET6, "fd00::2"))


@pytest.mark.parametrize("kind", [dns.A, dns.AAAA, dns.TXT, 65])
def test_other_questions_have_an_empty_answer(kind: int) -> None:
    assert records(answer("1.hello.localhost", kind)) == 0


def test_the_status_is_a_text() -> None:
    assert dns.read_text(answer(dns.STATUS, dns.TXT)) == "12 abc"


@pytest.mark.parametrize("host", ["web", "1.2.3", "1.2.3.4.5", "::x"])
def test_a_target_must_be_an_address(host: str) -> None:
    with pytest.raises(OSError, match=r"illegal IP|not known|Invalid"):
        dns.target_name(host)


@given(st.binary(max_size=64))
def test_nonsense_raises_nothing_but_the_errors_of_malformed_packets(packet: bytes) -> None:
    with contextlib.suppress(ValueError, IndexError, struct.error, OSError):
        dns.answer(packet, find, str)
