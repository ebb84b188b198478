"""What only logs from a Docker Engine do."""

from itertools import islice

import httpx
import pytest

from empire.names import AppName
from tests.contracts.labs import LocalLab, manifest
from tests.fakes import never
from tests.streams import result, wait_until

pytestmark = pytest.mark.docker

APP = AppName("sample")


def texts(local: LocalLab) -> list[str]:
    return [line.text for line in local.logs.recent(APP)]


def test_bytes_that_are_no_text_and_lines_that_are_long(local: LocalLab) -> None:
    (target,) = result(local.scheduler.start(manifest(local), never))
    httpx.get(f"http://{target}/say?text=caf%C3%A9")  # the app writes it as latin-1
    httpx.get(f"http://{target}/say?text={'x' * 40_000}")

    wait_until(lambda: len(texts(local)) == 3)

    assert texts(local)[1:] == ["caf\N{REPLACEMENT CHARACTER}", "x" * 40_000]


def test_a_dyno_that_comes_again_is_followed_on(local: LocalLab) -> None:
    (target,) = result(local.scheduler.start(manifest(local), never))
    lines = local.logs.follow(APP)
    first = next(lines)
    assert first
    assert first.text == "obedient app starts"
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"http://{target}/exit?code=1")

    again = next(line for line in lines if line)

    assert again.text == "obedient app starts"
    assert again.at > first.at
    lines.close()  # type: ignore[attr-defined]


def test_more_lines_than_a_reader_is_ahead(local: LocalLab) -> None:
    command = "for n in $(seq 3000); do echo line $n; done; sleep 1000"
    lines = local.logs.follow(APP, lines=0)
    assert next(lines) is None
    result(local.scheduler.start(manifest(local, web=0, worker=1, command=command), never))

    got = [line.text for line in islice((line for line in lines if line), 3000)]

    assert got == [f"line {n}" for n in range(1, 3001)]
    lines.close()  # type: ignore[attr-defined]


def test_a_reader_may_leave_while_dynos_write(local: LocalLab) -> None:
    result(local.scheduler.start(manifest(local, web=0, worker=1, command="yes"), never))
    lines = local.logs.follow(APP, lines=1)
    assert any(next(lines) for _ in range(50))
    lines.close()  # type: ignore[attr-defined]

    local.scheduler.stop(APP)
    assert local.logs.recent(APP) == []
