"""One-offs in the simulated account: what the contract of all adapters does not ask."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deployer.aws.account import Account
from deployer.aws.one_offs import EcsOneOffs
from deployer.aws.run_definition import LONGEST_OVERRIDE
from empire.errors import NotFound, ReleaseFailed
from empire.events import Line
from empire.manifest import OneOff, Size
from empire.names import AppName, ImageRef
from empire.secrets import Secret
from empire.settings import Settings
from empire.store import Store
from tests.fakeaws.simulator import Simulator
from tests.fakes import image_ref, never
from tests.streams import played, result

pytestmark = pytest.mark.docker
APP = AppName("once")
NAME = "release.7"


class Server:
    """A server that can be started again on the same store."""

    def __init__(self, settings: Settings) -> None:
        self.store = Store(settings)
        self.store.migrate()
        self.account = Account(settings)
        self.port = EcsOneOffs(self.account, self.store)

    def tasks(self) -> list[str]:
        ecs, cluster = self.account.client("ecs"), self.account.settings.aws_cluster
        return [
            arn
            for status in ("RUNNING", "STOPPED")
            for arn in ecs.list_tasks(cluster=cluster, desiredStatus=status)["taskArns"]
        ]

    def begin_and_die(self, *, knows_task: bool) -> None:
        """Do as a server that was killed around its call to start the task."""
        record = replace(self.port._found(APP, NAME), begun_at=1_900_000_000.0)
        self.port._note(record)
        if knows_task:
            self.port._run(record)

    def close(self) -> None:
        self.port.remove(APP)
        self.port.close()
        self.store.close()
        self.account.close()


@pytest.fixture
def server(simulator: Simulator, tmp_path: Path) -> Iterator[Server]:
    made = {k.removeprefix("EMPIRE_").lower(): v for k, v in simulator.settings().items()}
    made["aws_cluster"] = f"once-{tmp_path.name[-12:]}".replace("_", "-")
    server = Server(Settings(home=tmp_path, **made))  # type: ignore[arg-type]
    server.account.client("ecs").create_cluster(clusterName=made["aws_cluster"])
    yield server
    server.close()


def one_off(image: ImageRef, command: str) -> OneOff:
    return OneOff(
        APP, NAME, 7, image, command, Size("1X", 0.5, 128), {"A": Secret("b")}, seconds=60
    )


@pytest.mark.parametrize("knows_task", [True, False])
def test_a_server_that_dies_while_it_starts_one_starts_it_once(
    server: Server, obedient: ImageRef, knows_task: bool
) -> None:
    server.port.create(one_off(obedient, "echo $A; exit 3"))
    server.begin_and_die(knows_task=knows_task)

    for _ in range(2):
        EcsOneOffs(server.account, server.store).start(APP, NAME)

    assert played(server.port.output(APP, NAME, never)) == ([Line("b")], 3)
    assert len(server.tasks()) == 1


def test_one_that_may_have_started_long_ago_is_not_started_again(
    server: Server, obedient: ImageRef
) -> None:
    server.port.create(one_off(obedient, "true"))
    server.port._note(replace(server.port._found(APP, NAME), begun_at=1.0))

    with pytest.raises(NotFound):
        server.port.start(APP, NAME)
    assert server.tasks() == []


def test_an_image_that_is_gone_is_told(server: Server) -> None:
    place = f"{server.account.settings.aws_region}.example.com/none"
    server.port.create(one_off(ImageRef(f"{place}@{image_ref('gone')}"), "true"))
    server.port.start(APP, NAME)

    with pytest.raises(ReleaseFailed) as caught:
        result(server.port.output(APP, NAME, never))
    assert "CannotPullContainerError" in caught.value.why


def test_a_long_command_runs_too(server: Server, obedient: ImageRef) -> None:
    server.port.create(one_off(obedient, f": {'x' * LONGEST_OVERRIDE}; echo long"))
    server.port.start(APP, NAME)

    assert played(server.port.output(APP, NAME, never)) == ([Line("long")], 0)
