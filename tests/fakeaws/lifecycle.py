"""The life of a task, from PROVISIONING to STOPPED: each in a thread of its own."""

import threading
import time
from typing import Any

import structlog
from docker.errors import APIError

from tests.fakeaws import secret_values, shipping
from tests.fakeaws.cloud import Cloud
from tests.fakeaws.engine import override_of
from tests.fakeaws.secret_values import CannotStart
from tests.fakeaws.tasks import Launch, Task

log = structlog.get_logger()


def start(cloud: Cloud, launch: Launch) -> Task:
    """Begin a task's life."""
    task = Task(launch)
    with cloud.lock:
        cloud.tasks[task.arn] = task
        cloud.events.task(task)
    threading.Thread(target=_live, args=(cloud, task), name=f"task {task.id}", daemon=True).start()
    return task


def stop(cloud: Cloud, task: Task, code: str, reason: str, *, drains: bool = False) -> None:
    """Ask a task to stop: its targets are deregistered, and it gets SIGTERM.

    With `drains` SIGTERM waits until the load balancers have nothing in flight to it.
    """
    with cloud.lock:
        if not task.is_wanted or task.is_over:
            return
        if task.last_status == "RUNNING":
            change(cloud, task, last_status="DEACTIVATING")
        task.desired_status = "STOPPED"
        now = time.time()
        change(cloud, task, stop_code=code, stopped_reason=reason, stopping_at=now)
    name = f"stop {task.id}"
    threading.Thread(target=_stop, args=(cloud, task, drains), name=name, daemon=True).start()


def change(cloud: Cloud, task: Task, **fields: Any) -> None:
    """Set what has changed of a task and tell of it."""
    with cloud.lock:
        for name, value in fields.items():
            setattr(task, name, value)
        task.version += 1
        cloud.events.task(task)


def _stop(cloud: Cloud, task: Task, drains: bool) -> None:
    cloud.targets.deregister_task(task, waits=drains)
    with cloud.lock:
        if not task.started_at or task.is_over:
            return
        change(cloud, task, last_status="STOPPING")
    cloud.engine.stop(task, task.definition.stop_seconds)


def _live(cloud: Cloud, task: Task) -> None:
    try:
        stream = _begin(cloud, task)
    except CannotStart as error:
        _end(cloud, task, code="TaskFailedToStart", reason=str(error))
        return
    except Exception as error:
        log.exception("task broken", task=task.id)
        _end(cloud, task, code="TaskFailedToStart", reason=f"CannotStartContainerError: {error}")
        return
    if not task.is_wanted and not task.started_at:
        _end(cloud, task)
        return
    _follow(cloud, task, stream)


def _begin(cloud: Cloud, task: Task) -> str:
    """Bring the task to RUNNING, unless it is to stop before. Return its log stream."""
    change(cloud, task, last_status="PENDING", pulled_at=time.time())
    env = _environment(cloud, task)
    stream = shipping.open_stream(task)
    _pull(cloud, task)
    try:
        cloud.engine.create(task, env)
        with cloud.lock:
            if not task.is_wanted:
                return stream
        cloud.engine.start(task)
    except APIError as error:
        raise CannotStart(_refusal(task, error)) from None
    with cloud.lock:
        change(cloud, task, last_status="ACTIVATING", started_at=time.time())
        if task.is_wanted:
            cloud.targets.register_task(task)
            change(cloud, task, last_status="RUNNING")
        else:
            threading.Thread(target=_stop, args=(cloud, task, False), daemon=True).start()
    return stream


def _environment(cloud: Cloud, task: Task) -> dict[str, str]:
    container = task.definition.container
    env = {pair["name"]: pair["value"] for pair in container.get("environment", [])}
    env |= secret_values.resolve(container)
    env |= {pair["name"]: pair["value"] for pair in override_of(task).get("environment", [])}
    return {"AWS_DEFAULT_REGION": cloud.region, "AWS_REGION": cloud.region, **env}


def _pull(cloud: Cloud, task: Task) -> None:
    image = task.definition.container["image"]
    try:
        task.digest = cloud.registry.digest_of(image)
        cloud.engine.ensure_image(image, cloud.registry.login)
    except (LookupError, APIError):
        raise CannotStart(
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): "
            f"failed to resolve ref {image}: {image}: not found"
        ) from None


def _refusal(task: Task, error: APIError) -> str:
    text = str(error.explanation or error).strip()
    if "executable file not found" in text or "no such file or directory" in text:
        return f"CannotStartContainerError: failed to create new container runtime task: {text}"
    return f"CannotStartContainerError: {text}"


def _follow(cloud: Cloud, task: Task, stream: str) -> None:
    """Ship the output until the container ends, and close the task's books."""
    shipping.ship(task, stream, cloud.engine.output(task))
    exit_code, is_out_of_memory = cloud.engine.end(task)
    with cloud.lock:
        task.exit_code = exit_code
        if is_out_of_memory:
            task.container_reason = "OutOfMemoryError: Container killed due to memory usage"
        task.execution_stopped_at = time.time()
    cloud.targets.deregister_task(task, waits=False)
    _end(cloud, task, code="EssentialContainerExited", reason="Essential container in task exited")


def _end(cloud: Cloud, task: Task, code: str = "", reason: str = "") -> None:
    """Let the task be STOPPED, for this reason unless another one was given before."""
    now = time.time()
    with cloud.lock:
        task.desired_status = "STOPPED"
        if not task.stop_code:
            task.stop_code, task.stopped_reason = code, reason
        task.stopping_at = task.stopping_at or now
        change(cloud, task, last_status="DEPROVISIONING")
    if task.container:
        cloud.engine.remove(task)
    change(cloud, task, last_status="STOPPED", stopped_at=now)
