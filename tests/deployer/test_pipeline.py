"""What enters the line besides plain pushes: config, cancelling, the end of an app, secrets."""

from dataclasses import replace

import pytest

from deployer import journey
from empire import apps, config_vars, releases
from empire import line as entrance
from empire.deployments import Step
from empire.errors import BuildFailed, Conflict, EmpireError, NotFound, StartFailed
from empire.events import Event, Failed, Live
from empire.manifest import Manifest
from empire.names import AppName
from empire.releases import Status
from tests.line import Line
from tests.waiting import wait_until

HELLO = AppName("hello")


def config_of(line: Line, app: str = "hello") -> dict[str, str]:
    """Return the config vars as a person sees them."""
    with line.store.reading() as session:
        found = config_vars.of(session, apps.find(session, app))
    return {name: value.reveal() for name, value in found.items()}


def told_failure(events: list[Event]) -> Failed:
    """Return how a journal ends."""
    assert isinstance(events[-1], Failed)
    return events[-1]


def test_config_given_before_the_first_push_is_there_when_it_runs(line: Line) -> None:
    line.make("hello")
    assert line.config("hello", GREETING="hi") is None
    pushed = line.shipped("hello")
    assert pushed.version == 3
    manifest = line.outside.scheduler.called("start")[0][0]
    assert isinstance(manifest, Manifest)
    assert manifest.env["GREETING"].reveal() == "hi"
    assert line.outside.builder.config["GREETING"].reveal() == "hi"  # it may name it for its build


def test_a_push_tells_how_much_larger_its_image_is(line: Line) -> None:
    line.make("hello")
    image = line.outside.builder.image
    said: list[str] = []
    sizes = (10_000_000, 10_000_100, 13_000_000, 12_000_000)
    for number, size in enumerate(sizes):
        line.outside.builder.image = replace(image, size_bytes=size)
        with line.working():
            told = line.told(line.push("hello", str(number)))
            line.settle()
        said += [str(event).strip() for event in told if "The image is" in str(event)]
    assert said == [
        "The image is 3.0 MB larger than the last release's",
        "The image is 1.0 MB smaller than the last release's",
    ]


def test_a_change_of_config_restarts_the_app_without_a_build(line: Line) -> None:
    line.make("hello")
    line.shipped("hello")
    with line.working():
        changed = line.config("hello", GREETING="hi", EMPTY="")
        assert changed
        assert line.told(changed)[-1] == Live(3, "http://hello.localhost:8080")
        line.settle()
        assert len(line.outside.builder.called("build")) == 1
        removed = line.config("hello", GREETING=None)
        assert removed
        line.told(removed)
        line.settle()
    assert config_of(line) == {"EMPTY": ""}
    assert line.running("hello") == [(removed.number, "web.1")]
    with line.store.reading() as session:
        made = releases.of_app(session, removed.app_id)
    assert [r.description for r in made[:2]] == [
        "Remove GREETING config vars", "Set GREETING, EMPTY config vars",
    ]  # fmt: skip


def test_a_change_of_config_waits_behind_a_push_and_carries_its_image(line: Line) -> None:
    line.make("hello")
    gate = line.outside.builder.hold("build")
    with line.working():
        line.push("hello", "a")
        line.outside.builder.wait_for("build")
        changed = line.config("hello", GREETING="hi")
        assert changed
        assert config_of(line) == {"GREETING": "hi"}
        gate.set()
        assert line.told(changed)[-1] == Live(3, "http://hello.localhost:8080")
    with line.store.reading() as session:
        first, second = releases.of_app(session, changed.app_id)[1::-1]
    assert first.image == second.image
    assert (second.commit, second.description) == ("a" * 40, "Set GREETING config vars")


def test_setting_a_var_back_while_the_change_still_waits_is_a_change(line: Line) -> None:
    line.make("hello")
    line.config("hello", COLOUR="red")
    gate = line.outside.builder.hold("build")
    with line.working():
        line.push("hello")
        line.outside.builder.wait_for("build")
        line.config("hello", COLOUR="green")
        back = line.config("hello", COLOUR="red")
        assert back
        gate.set()
        line.told(back)
    assert config_of(line) == {"COLOUR": "red"}


def test_config_behind_a_first_push_that_fails_is_kept_for_the_next(line: Line) -> None:
    line.make("hello")
    gate = line.outside.builder.hold("build")
    line.outside.builder.fail("build", BuildFailed("It does not compile."))
    with line.working():
        line.push("hello", "a")
        line.outside.builder.wait_for("build")
        changed = line.config("hello", GREETING="hi")
        assert changed
        gate.set()
        assert line.told(changed)[-1] == Live(2, "")
        line.settle()
    assert config_of(line) == {"GREETING": "hi"}
    with line.working():  # a server that starts on such an app has nothing to bring back
        assert isinstance(line.told(line.push("hello", "b"))[-1], Live)
    assert config_of(line) == {"GREETING": "hi"}


def test_config_that_breaks_the_app_is_taken_back(line: Line) -> None:
    line.make("hello")
    line.shipped("hello")
    with line.working():
        broken = line.config("hello", BEHAVE="exit:3")
        assert broken
        assert told_failure(line.told(broken)).what == "It exited with code 3."
        line.settle()
    assert config_of(line) == {}
    with line.store.reading() as session:
        assert releases.of_app(session, broken.app_id)[0].status == Status.FAILED


@pytest.mark.parametrize("port", ["builder.build", "scheduler.start", "registry.push"])
def test_a_cancelled_push_stops_and_says_who_asked(line: Line, port: str) -> None:
    line.make("hello")
    old = line.shipped("hello")
    name, _, method = port.partition(".")
    fake = getattr(line.outside, name)
    gate, before = fake.hold(method), len(fake.called(method))
    with line.working():
        pushed = line.push("hello", "b")
        fake.wait_for(method, before + 1)
        line.cancel(pushed)
        if port == "registry.push":  # it cannot be interrupted: the cancel comes after it
            gate.set()
        told = told_failure(line.told(pushed))
        gate.set()
        line.settle()
    assert (told.code, told.why) == ("cancelled", "ann@example.com cancelled it.")
    assert line.row(pushed).step == Step.CANCELLED
    assert line.running("hello") == [(old.number, "web.1")]
    assert line.routed("hello") == [old.number]


def test_a_push_cancelled_while_the_route_switches_does_not_go_live(line: Line) -> None:
    line.make("hello")
    old = line.shipped("hello")
    with line.working():
        gate = line.outside.router.hold("switch")
        before = len(line.outside.router.called("switch"))
        pushed = line.push("hello", "b")
        line.outside.router.wait_for("switch", before + 1)
        line.cancel(pushed)
        gate.set()
        assert told_failure(line.told(pushed)).code == "cancelled"
        line.settle()
    assert line.routed("hello") == [old.number]
    assert line.outside.sources.landed[HELLO] == {"refs/heads/main": "a" * 40}


def test_a_push_cancelled_while_it_waits_ends_at_once(line: Line) -> None:
    line.make("hello")
    gate = line.outside.builder.hold("build")
    with line.working():
        line.push("hello", "a")
        line.outside.builder.wait_for("build")
        waiting = line.push("hello", "b")
        line.cancel(waiting)
        assert told_failure(line.told(waiting)).code == "cancelled"
        with pytest.raises(Conflict, match="is cancelled already"):
            line.cancel(waiting)
        gate.set()


def test_a_push_cancelled_while_it_waits_for_a_build_slot_ends(line: Line) -> None:
    object.__setattr__(line.store.settings, "build_concurrency", 1)
    line.make("one")
    line.make("two")
    gate = line.outside.builder.hold("build")
    with line.working():
        line.push("one")
        line.outside.builder.wait_for("build")
        waiting = line.push("two")
        wait_until(lambda: bool(line.store.journals.read(waiting.id)[0]), "waiting is said")
        line.cancel(waiting)
        assert told_failure(line.told(waiting)).code == "cancelled"
        gate.set()


def test_destroying_an_app_ends_what_moves_and_frees_the_name(line: Line) -> None:
    line.make("hello")
    line.shipped("hello")
    line.outside.builder.hold("build")
    with line.working():
        moving = line.push("hello", "b")
        line.outside.builder.wait_for("build", 2)
        waiting = line.push("hello", "c")
        leaving = line.destroy("hello")
        wait_until(lambda: not line.unsettled(), "the app is gone")
        with pytest.raises(NotFound):
            line.row(moving)
        assert line.told(leaving) == [Failed("gone", "The app was destroyed.")]
        assert line.told(waiting) == [Failed("gone", "The app was destroyed.")]
        assert line.running("hello") == []
        assert HELLO not in line.outside.router.routes
        assert HELLO not in line.outside.sources.landed
        assert not line.outside.registry.images[HELLO]
        assert line.make("hello") == HELLO


def test_nothing_is_submitted_to_an_app_that_is_being_destroyed(line: Line) -> None:
    line.make("hello")
    leaving = line.destroy("hello")
    for submit in (line.push, line.destroy):
        with pytest.raises(Conflict, match="hello is being destroyed"):
            submit("hello")
    with pytest.raises(Conflict, match="cannot be cancelled"):
        line.cancel(leaving)


def test_a_destroy_that_fails_can_be_asked_for_again(line: Line) -> None:
    line.make("hello")
    with line.working():
        line.outside.router.fail("remove", EmpireError("The router is away."))
        assert told_failure(line.told(line.destroy("hello"))).what == "The router is away."
        line.settle()
        line.destroy("hello")
        line.settle()
    with line.store.reading() as session, pytest.raises(NotFound):
        apps.find(session, "hello")


def test_nobody_submits_to_an_app_that_is_gone(line: Line) -> None:
    line.make("hello")
    with line.store.reading() as session:
        app = apps.find(session, "hello")
    with line.working():
        line.destroy("hello")
        line.settle()
    with line.store.writing() as session, pytest.raises(NotFound, match="no app 'hello'"):
        entrance.submit_destroy(session, app, by=line.ann)


def test_a_journey_of_an_app_that_is_gone_does_not_begin(line: Line) -> None:
    line.make("hello")
    pushed = line.shipped("hello")
    with line.working():
        line.destroy("hello")
        line.settle()
    with pytest.raises(NotFound, match="The app is gone"):
        journey.begin(line.store, line.outside.platform, "w:1", pushed, lambda: False)


def test_no_value_of_a_config_var_stands_in_a_journal_or_a_row(line: Line) -> None:
    key = "-----BEGIN KEY-----\nMIIEabcdefgh\n-----END KEY-----"
    line.make("hello")
    line.config("hello", URL="postgres://ann:pw@db", KEY=key, FLAG="1")
    line.shipped("hello")
    words = "cannot reach postgres://ann:pw@db with\nMIIEabcdefgh and token-token \x1b[31m1"
    line.outside.scheduler.fail("start", StartFailed(words, why=words, fix=words))
    with line.working():
        broken = line.config("hello", TOKEN="token-token")
        assert broken
        told = told_failure(line.told(broken))
        line.outside.builder.output = [f"output: {words}"]
        line.told(line.push("hello", "b"))
    clean = "cannot reach [redacted] with\n[redacted] and [redacted] 1"
    row = line.row(broken)
    assert [told.what, told.why, told.fix, row.what, row.why, row.fix] == [clean] * 6
    everything = b"".join(
        path.read_bytes() for path in (line.store.settings.logs / "deployments").iterdir()
    )
    for secret in (b"postgres://ann", b"MIIEabcdefgh", b"\x1b"):
        assert secret not in everything
