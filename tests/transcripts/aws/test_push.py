"""Pushes to an AWS account: what goes well, what fails and how it is told."""

import pytest

from tests.cloud import Cloud, left_of
from tests.samples import SERVER, with_dockerfile, with_worker
from tests.waiting import wait_until

pytestmark = pytest.mark.docker

NOBODY = (301, 404)
"""What no app is asked answers: plain HTTP leads to HTTPS, and there is nothing."""


def push(aws: Cloud, app: str, files: dict[str, str]) -> str:
    """Push a version that must go live, and return what git said."""
    repository = aws.folder / app
    if repository.exists():
        aws.commit(repository, files, "Another version")
        return aws.push(repository).stderr
    return aws.push(aws.repository(app, files)).stderr


def refused(aws: Cloud, app: str, files: dict[str, str]) -> str:
    """Push a version that must not go live, and return what git said."""
    aws.commit(aws.folder / app, files, "A bad version")
    done = aws.push(aws.folder / app, check=False)
    assert done.returncode != 0
    assert "[remote rejected]" in done.stderr
    return done.stderr


def test_a_first_push_goes_live_and_the_next_replaces_it(aws: Cloud) -> None:
    first = push(aws, "first", with_worker("one"))

    assert "web.1 takes requests" in first
    assert "v2 is live at http://first.example.com" in first
    assert aws.ask("first") == (200, "version one")

    second = push(aws, "first", with_worker("two"))

    assert "v3 is live" in second
    assert aws.ask("first") == (200, "version two")
    wait_until(lambda: len(aws.containers("first")) == 1, "the old task is gone")
    assert aws.services("first") == ["first_web"]


def test_a_crash_ends_the_push_with_exit_code_and_last_lines(aws: Cloud) -> None:
    push(aws, "crashing", with_dockerfile("one"))
    crash = 'print("no database", flush=True)\nraise SystemExit(3)\n'

    told = refused(aws, "crashing", {"app.py": crash})

    assert "exited with code 3" in told
    assert "no database" in told
    assert aws.ask("crashing") == (200, "version one")
    wait_until(lambda: len(aws.containers("crashing")) == 1, "the new task is gone")
    push(aws, "crashing", with_dockerfile("two"))
    assert aws.ask("crashing") == (200, "version two")


def test_a_version_that_answers_no_probe_is_not_let_in(aws: Cloud) -> None:
    push(aws, "silent", with_dockerfile("one"))
    broken = SERVER.replace("{version}", "two").replace("send_response(200)", "send_response(503)")

    told = refused(aws, "silent", {"app.py": broken})

    assert "web.1 did not become healthy." in told
    assert "503 from /" in told
    assert aws.ask("silent") == (200, "version one")
    wait_until(lambda: len(aws.containers("silent")) == 1, "the new task is gone")


def test_an_image_that_is_gone_is_told(aws: Cloud) -> None:
    push(aws, "imageless", with_dockerfile("one"))
    ids = [{"imageDigest": digest} for digest in aws.images("imageless")]
    aws.client("ecr").batch_delete_image(repositoryName="empire/imageless", imageIds=ids)

    done = aws.empire("config:set", "A=1", "-a", "imageless", check=False)

    assert done.returncode == 1
    assert "image" in done.stderr
    assert aws.ask("imageless") == (200, "version one")


def test_config_that_is_gone_is_told(aws: Cloud) -> None:
    push(aws, "secretless", with_dockerfile("one"))
    aws.empire("config:set", "A=1", "-a", "secretless")
    aws.client("secretsmanager").delete_secret(
        SecretId="empire/secretless", ForceDeleteWithoutRecovery=True
    )

    done = aws.empire("ps:restart", "-a", "secretless", check=False)

    assert done.returncode == 1
    assert "secret" in done.stderr.lower()
    assert aws.ask("secretless") == (200, "version one")
    aws.empire("config:set", "A=2", "-a", "secretless")
    assert aws.ask("secretless", "/env/A") == (200, "2")


def test_the_release_phase_runs_once_and_guards_the_version(aws: Cloud) -> None:
    procfile = "web: python3 -u app.py\nrelease: echo moving $A; exit $CODE\n"
    aws.empire("apps:create", "migrating", "--no-remote")
    aws.empire("config:set", "A=tables", "CODE=0", "-a", "migrating")

    told = push(aws, "migrating", {**with_dockerfile("one"), "Procfile": procfile})

    assert told.count("moving tables") == 1
    aws.empire("config:set", "CODE=4", "-a", "migrating")
    told = refused(aws, "migrating", with_dockerfile("two"))
    assert "The release command exited with code 4." in told
    assert aws.ask("migrating") == (200, "version one")


def test_going_back_brings_image_and_config_back(aws: Cloud) -> None:
    push(aws, "back", with_dockerfile("one"))
    aws.empire("config:set", "A=1", "-a", "back")
    push(aws, "back", with_dockerfile("two"))
    aws.empire("config:set", "A=2", "-a", "back")
    assert (aws.ask("back")[1], aws.ask("back", "/env/A")[1]) == ("version two", "2")

    aws.empire("rollback", "v3", "-a", "back")

    assert (aws.ask("back")[1], aws.ask("back", "/env/A")[1]) == ("version one", "1")


def test_scaling_starts_only_what_is_missing(aws: Cloud) -> None:
    push(aws, "scaled", with_worker("one"))
    [before] = aws.containers("scaled")

    told = aws.empire("ps:scale", "web=2", "worker=1", "-a", "scaled").stderr

    assert "web.2" in told
    assert before in aws.containers("scaled")
    assert len(aws.containers("scaled")) == 3
    listed = aws.empire("ps", "-a", "scaled").stdout
    assert [line.split()[:2] for line in listed.splitlines()[1:]] == [
        ["web.1", "up"], ["web.2", "up"], ["worker.1", "up"],
    ]  # fmt: skip
    aws.empire("ps:scale", "web=1", "worker=0", "-a", "scaled")
    wait_until(lambda: len(aws.containers("scaled")) == 1, "two are gone")


def test_a_command_runs_with_its_status_and_inside_a_dyno(aws: Cloud) -> None:
    push(aws, "running", with_dockerfile("one"))
    aws.empire("config:set", "A=1", "-a", "running")

    run = aws.empire("run", "-a", "running", "echo $A; exit 42", check=False)
    inside = aws.empire("ps:exec", "-a", "running", "web.1", "echo $A; exit 7", check=False)

    assert (run.stdout, run.returncode) == ("1\n", 42)
    assert (inside.stdout, inside.returncode) == ("1\n", 7)


def test_what_an_app_says_is_in_its_log_after_its_end(aws: Cloud) -> None:
    push(aws, "talking", with_dockerfile("one"))
    push(aws, "talking", with_dockerfile("two"))

    def said() -> str:
        return aws.empire("logs", "-a", "talking", "-n", "200").stdout

    wait_until(lambda: "listening, version two" in said(), "the log has it")
    lines = [line for line in said().splitlines() if "listening" in line]
    assert [line.split("app[")[1] for line in lines] == [
        "web.1]: listening, version one",
        "web.1]: listening, version two",
    ]


def test_a_destroyed_app_leaves_nothing_and_frees_its_name(aws: Cloud) -> None:
    push(aws, "leaving", with_worker("one"))
    aws.empire("config:set", "A=1", "-a", "leaving")
    aws.empire("ps:scale", "worker=1", "-a", "leaving")
    assert set(left_of(aws, "leaving")) == {
        "tasks", "services", "images", "target groups", "secrets", "definitions",
    }  # fmt: skip

    aws.empire("apps:destroy", "-a", "leaving", "--confirm", "leaving")

    wait_until(lambda: left_of(aws, "leaving") == {}, "nothing is left")
    assert aws.ask("leaving")[0] in NOBODY
    push(aws, "leaving", with_dockerfile("two"))
    assert aws.ask("leaving") == (200, "version two")


def test_a_domain_of_ones_own_gets_its_certificate(aws: Cloud) -> None:
    push(aws, "shop", with_dockerfile("one"))
    zone = aws.client("route53").create_hosted_zone(Name="example.org", CallerReference="ours")

    aws.empire("domains:add", "www.example.org", "-a", "shop")
    wait_until(lambda: validation_of(aws, "www.example.org") != {}, "its record is known")
    aws.client("route53").change_resource_record_sets(
        HostedZoneId=zone["HostedZone"]["Id"],
        ChangeBatch={"Changes": [upserted(validation_of(aws, "www.example.org"))]},
    )
    aws.empire("domains:wait", "www.example.org", "-a", "shop")

    assert aws.ask_host("www.example.org") == (200, "version one")
    aws.empire("domains:remove", "www.example.org", "-a", "shop")
    assert aws.ask_host("www.example.org")[0] in NOBODY


def validation_of(aws: Cloud, name: str) -> dict[str, str]:
    """Return the record that proves whose the name is; empty as long as nobody asked for it."""
    acm = aws.client("acm")
    for row in acm.list_certificates()["CertificateSummaryList"]:
        found = acm.describe_certificate(CertificateArn=row["CertificateArn"])["Certificate"]
        for option in found["DomainValidationOptions"]:
            if option["DomainName"] == name:
                record: dict[str, str] = option["ResourceRecord"]
                return record
    return {}


def upserted(record: dict[str, str]) -> dict[str, object]:
    """Return the change that writes the record."""
    rows = [{"Value": record["Value"]}]
    written = {"Name": record["Name"], "Type": record["Type"], "TTL": 60, "ResourceRecords": rows}
    return {"Action": "UPSERT", "ResourceRecordSet": written}


def test_an_account_that_is_asked_too_much_slows_pushes_down_and_fails_none(aws: Cloud) -> None:
    assert aws.simulator
    names = ("busy-a", "busy-b", "busy-c")
    for name in names:
        aws.repository(name, with_worker("one"))
    aws.simulator.throttle(True)
    try:
        running = [aws.pushing(aws.folder / name) for name in names]
        assert [one.wait(200) for one in running] == [0, 0, 0]
        assert [aws.ask(name) for name in names] == [(200, "version one")] * 3
    finally:
        aws.simulator.throttle(False)


def test_an_internal_app_answers_inside_alone(aws: Cloud) -> None:
    assert aws.simulator
    aws.empire("apps:create", "inner", "--internal", "--no-remote")

    push(aws, "inner", with_dockerfile("one"))

    public, aws.http_port = aws.http_port, aws.simulator.internal_port
    try:
        assert aws.ask_host("inner.empire.internal") == (200, "version one")
    finally:
        aws.http_port = public
    assert aws.ask_host("inner.empire.internal")[0] in NOBODY
    assert aws.ask("inner")[0] in NOBODY
