"""What all parts of the simulator share: one lock, the tasks, the services, and each other."""

import threading
import uuid

from tests.fakeaws import account
from tests.fakeaws.definitions import Definitions
from tests.fakeaws.engine import Engine
from tests.fakeaws.events import Events
from tests.fakeaws.operations import Refusal
from tests.fakeaws.registry import Registry
from tests.fakeaws.services import Service
from tests.fakeaws.targets import Targets
from tests.fakeaws.tasks import Task

KEPT_SECONDS = 3600


class Cloud:
    """One simulated account. `pace` says how many times faster than AWS its clocks run."""

    region = account.REGION

    def __init__(self, registry: Registry, pace: float = 10) -> None:
        self.id = uuid.uuid4().hex[:8]
        self.pace = pace
        self.lock = threading.RLock()
        self.registry = registry
        self.engine = Engine(self.id)
        self.events = Events()
        self.targets = Targets(pace)
        self.definitions = Definitions()
        self.tasks: dict[str, Task] = {}
        self.services: dict[tuple[str, str], Service] = {}

    def cluster(self, name: str | None) -> str:
        """Return the short name of an existing cluster, given its name or ARN."""
        short = (name or "default").rpartition("/")[2]
        if short not in account.ecs().clusters:
            raise Refusal("ClusterNotFoundException", "Cluster not found.")
        return short

    def close(self) -> None:
        """Remove all containers and stop what runs."""
        self.targets.close()
        self.engine.close()
        self.events.close()
        self.registry.close()
