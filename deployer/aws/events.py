"""What ECS tells through EventBridge and a queue, so that nobody has to ask again and again."""

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from deployer.aws import naming
from deployer.aws.cluster import Cluster
from deployer.aws.tasks import seconds, task_of
from empire.names import AppName

log = structlog.get_logger()

POLL_SECONDS = 20
"""How long AWS keeps a question open until there is an event."""
SIMULATED_POLL_SECONDS = 1
AWAY_SECONDS = 5.0
AT_ONCE = 10
TROUBLES = frozenset(["SERVICE_TASK_PLACEMENT_FAILURE", "SERVICE_TASK_START_IMPAIRED"])

Event = Mapping[str, Any]


class Events:
    """Reads the queue in a thread and lets the cluster's picture follow.

    `on_task` is told of every task of every kind, one-offs too; `on_change` of the apps of which a
    task came or went. Both are called from the thread and must not block.
    """

    def __init__(self, cluster: Cluster) -> None:
        self.on_task: list[Callable[[Event], None]] = []
        self.on_change: list[Callable[[AppName], None]] = []
        self._cluster = cluster
        self._queue = cluster.account.settings.aws_event_queue
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._read, name="ecs-events", daemon=True)
        self._starting = threading.Lock()

    def start(self) -> None:
        """Begin to read, unless it is done already or there is no queue."""
        with self._starting:
            if self._queue and not self._thread.ident:
                self._thread.start()

    def close(self) -> None:
        """Read no more. What waits in the queue is there for the next server."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(SIMULATED_POLL_SECONDS + 1)

    def take(self, event: Event) -> None:
        """Take one event into the picture; one of another cluster or kind changes nothing."""
        kind, detail = event.get("detail-type"), event.get("detail") or {}
        if kind == "ECS Task State Change":
            self._take_task(detail)
            return
        service = next(iter(event.get("resources") or ()), "")
        cluster, _, name = service.partition(":service/")[2].rpartition("/")
        if cluster != self._cluster.name:
            return
        if kind == "ECS Deployment State Change":
            state = detail["eventName"].removeprefix("SERVICE_DEPLOYMENT_")
            self._cluster.seen.see_rollout(detail["deploymentId"], state, detail.get("reason", ""))
        elif detail.get("eventName") == "SERVICE_STEADY_STATE":
            self._cluster.seen.see_steady(name, seconds(detail.get("createdAt")))
        elif detail.get("eventName") in TROUBLES:
            self._cluster.seen.see_trouble(name, detail.get("reason", "") or detail["eventName"])

    def _take_task(self, detail: Event) -> None:
        if naming.id_of(detail.get("clusterArn", "")) != self._cluster.name:
            return
        if task := task_of(detail):
            self._cluster.seen.see([task])
            if task.last_status in ("RUNNING", "STOPPED"):
                for changed in self.on_change:
                    changed(AppName(task.app))
        for told in self.on_task:
            told(detail)

    def _read(self) -> None:
        while not self._ending.is_set():
            try:
                self._read_once()
                self._cluster.refresh()
            except Exception:
                if not self._ending.is_set():
                    log.exception("events could not be read")
                    self._ending.wait(AWAY_SECONDS)

    def _read_once(self) -> None:
        account = self._cluster.account
        sqs = account.client("sqs")
        wait_seconds = SIMULATED_POLL_SECONDS if account.is_simulated else POLL_SECONDS
        answer = sqs.receive_message(
            QueueUrl=self._queue, MaxNumberOfMessages=AT_ONCE, WaitTimeSeconds=wait_seconds
        )
        messages = answer.get("Messages") or ()
        for message in messages:
            self._take_text(message["Body"])
        if messages:
            sqs.delete_message_batch(
                QueueUrl=self._queue,
                Entries=[
                    {"Id": str(index), "ReceiptHandle": message["ReceiptHandle"]}
                    for index, message in enumerate(messages)
                ],
            )

    def _take_text(self, text: str) -> None:
        try:
            self.take(json.loads(text))
        except Exception:  # one that nobody understands must not hold up the others
            log.exception("event not understood", event_text=text[:500])
