"""Restarts single dynos of a service: their requests end first, then the task stops."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from deployer.aws.account import tolerating
from deployer.aws.cluster import Cluster
from deployer.aws.dynos import Dynos
from deployer.aws.lives import Record
from deployer.aws.tasks import Task

REASON = "Restarted by Empire"
LOOK_SECONDS = 0.5
PARALLEL = 8


class Restarts:
    """Replaces tasks one for one; ECS starts the new ones."""

    def __init__(self, cluster: Cluster, dynos: Dynos) -> None:
        self._cluster = cluster
        self._dynos = dynos

    def restart(self, record: Record, indexes: Sequence[int]) -> None:
        """Let these dynos end; returns when all have been told to."""
        tasks = [self._dynos.task(record, index) for index in indexes]
        self._end_all(record, [task for task in tasks if task])

    def resume(self, record: Record, indexes: Sequence[int]) -> None:
        """End those that an earlier attempt has not ended before it died."""
        life = record.newest
        if life is None or record.before is None or record.before.ids != life.ids:
            return
        tasks = [self._dynos.task(record, index) for index in indexes]
        self._end_all(record, [one for one in tasks if one and one.created_at < life.began_at])

    def _end_all(self, record: Record, tasks: Sequence[Task]) -> None:
        if not tasks:
            return
        with ThreadPoolExecutor(min(len(tasks), PARALLEL), "restart") as pool:
            for future in [pool.submit(self._end, record, task) for task in tasks]:
                future.result()

    def _end(self, record: Record, task: Task) -> None:
        life = record.newest
        if life is not None and life.target_group:
            self._drain(life.target_group, task.address, life.port)
        with tolerating("InvalidParameterException"):  # it has ended by itself
            self._cluster.ecs.stop_task(cluster=self._cluster.name, task=task.arn, reason=REASON)

    def _drain(self, target_group: str, address: str, port: int) -> None:
        """Let the load balancer send nothing more; wait until what is in flight had its time."""
        elb = self._cluster.account.client("elbv2")
        target = {"Id": address, "Port": port}
        with tolerating("InvalidTarget", "TargetGroupNotFound"):
            elb.deregister_targets(TargetGroupArn=target_group, Targets=[target])
        deadline = time.monotonic() + self._cluster.account.settings.aws_deregistration_seconds
        while time.monotonic() < deadline:
            with tolerating("InvalidTarget", "TargetGroupNotFound"):
                answer = elb.describe_target_health(TargetGroupArn=target_group, Targets=[target])
                states = [
                    row["TargetHealth"]["State"] for row in answer["TargetHealthDescriptions"]
                ]
                if "draining" not in states:
                    return
            threading.Event().wait(LOOK_SECONDS)
