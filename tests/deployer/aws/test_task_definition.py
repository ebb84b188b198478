"""What ECS is told to run: compared with the request as it was written down."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from deployer.aws import sizes
from deployer.aws.task_definition import fingerprint, of_process
from empire.errors import InvalidInput
from empire.manifest import Manifest, Placement, Process, Size
from empire.names import AppName, Hostname, ImageRef, ProcessType
from empire.secrets import Secret
from empire.settings import Settings

SNAPSHOTS = Path(__file__).with_name("snapshots")
WEB = Process(ProcessType("web"), "python3 app.py --fast", 2, Size("1X", 1, 512), "/health")
WORKER = Process(ProcessType("worker"), "", 1, Size("PX", 4, 8192))
IMAGE = ImageRef("registry.example.com/empire/hello@sha256:" + "a" * 64)
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:empire/hello-x1"


@pytest.fixture
def aws(tmp_path: Path) -> Settings:
    (tmp_path / "instance").write_text("0a1b2c3d")
    return Settings(
        home=tmp_path,
        aws_execution_role="arn:aws:iam::123456789012:role/empire-exec",
        aws_task_role="arn:aws:iam::123456789012:role/empire-task-default",
    )


def manifest(**changes: object) -> Manifest:
    made = Manifest(
        app=AppName("hello"),
        version=7,
        deployment=12,
        image=IMAGE,
        processes=(WEB, WORKER),
        hostnames=(Hostname("hello.example.com"),),
        env={"COLOUR": Secret("hidden green"), "PORT": Secret("5000")},
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def request(settings: Settings, process: Process = WEB, **changes: object) -> dict[str, object]:
    wanted = manifest(**changes)
    references = {name: f"{SECRET}:{name}::11111111" for name in wanted.env}
    return of_process(wanted, process, settings, references)


@pytest.mark.parametrize(
    ("name", "process", "changes"),
    [
        ("web", WEB, {}),
        ("worker", WORKER, {"env": {}}),
        (
            "own-instances",
            replace(WEB, command="./prepare && ./serve", size=Size("1X", 0.5, 100)),
            {
                "placement": Placement(
                    "EC2", "ARM64", "arn:aws:iam::123456789012:role/empire-task-hello"
                )
            },
        ),
    ],
)
def test_requests(aws: Settings, name: str, process: Process, changes: dict[str, object]) -> None:
    made = json.dumps(request(aws, process, **changes), indent=1, sort_keys=True) + "\n"
    snapshot = SNAPSHOTS / f"{name}.json"
    if not snapshot.exists():
        snapshot.parent.mkdir(exist_ok=True)
        snapshot.write_text(made)
        pytest.fail(f"{snapshot.name} was missing; it is written now: read it")

    assert made == snapshot.read_text()
    assert "hidden" not in made


def test_a_release_alone_makes_no_other_definition(aws: Settings) -> None:
    first = fingerprint(request(aws))

    assert fingerprint(request(aws, version=8, deployment=13)) == first
    assert fingerprint(request(aws, name="renamed")) != first
    assert fingerprint(request(aws, replace(WEB, command="python3 app.py"))) != first


@pytest.mark.parametrize(
    ("cpus", "memory_mib", "task"),
    [
        (0.1, 64, (256, 512)),
        (0.25, 513, (256, 1024)),
        (0.25, 4096, (512, 4096)),
        (1, 512, (1024, 2048)),
        (4, 8192, (4096, 8192)),
        (9, 1024, (16384, 32768)),
        (1, 100_000, (16384, 106496)),
    ],
)
def test_fargate_sizes(cpus: float, memory_mib: int, task: tuple[int, int]) -> None:
    assert sizes.fargate(Size("any", cpus, memory_mib)) == task


def test_what_fargate_has_not() -> None:
    with pytest.raises(InvalidInput, match="too large for Fargate"):
        sizes.fargate(Size("huge", 17, 512))
    assert sizes.instance(Size("tiny", 0.01, 16)) == (128, 16)
