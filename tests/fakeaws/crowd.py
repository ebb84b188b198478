"""Tasks that are only said to run: many apps are there to be listed, without their containers."""

import time

from tests.fakeaws.cloud import Cloud
from tests.fakeaws.operations import Fields
from tests.fakeaws.tasks import Launch, Task


def gather(cloud: Cloud, wish: Fields) -> None:
    """Let `apps` apps have `each` tasks of a definition in a cluster."""
    definition = cloud.definitions.get(wish["definition"])
    with cloud.lock:
        for number in range(wish["apps"] * wish["each"]):
            group = f"service:crowd-{number // wish['each']}_web"
            launch = Launch(wish["cluster"], definition, group)
            task = Task(launch, last_status="RUNNING", started_at=time.time())
            cloud.tasks[task.arn] = task
