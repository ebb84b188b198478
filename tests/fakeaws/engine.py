"""The Docker Engine as the place where tasks run: one container a task, on an address of its own."""

import random
from collections.abc import Iterator
from contextlib import suppress

import docker
from docker.errors import APIError, ImageNotFound, NotFound
from docker.types import LogConfig

from tests.fakeaws.operations import Fields
from tests.fakeaws.tasks import Task

SECOND = 10**9


class Engine:
    """Containers of one simulator, known by its label."""

    def __init__(self, simulator: str) -> None:
        self.api = docker.APIClient(version="auto", timeout=60, num_pools=100)
        self._simulator = simulator

    @property
    def marks(self) -> dict[str, str]:
        """The labels of everything it makes."""
        return {"empire.test": "1", "empire.simulator": self._simulator}

    def ensure_image(self, image: str, login: dict[str, str]) -> None:
        """Pull the image unless it is here. Raises APIError."""
        try:
            self.api.inspect_image(image)  # type: ignore[no-untyped-call]
        except ImageNotFound:
            self.api.pull(image, auth_config=login)

    def create(self, task: Task, env: dict[str, str]) -> None:
        """Make the task's container and choose its address; do not start it. Raises APIError."""
        wish = _container(task, env)
        task.address = _address()
        bindings = {port: (task.address, port) for port in wish["ports"]}
        limits = self.api.create_host_config(
            port_bindings=bindings,
            mem_limit=f"{_memory(task)}m",
            memswap_limit=f"{_memory(task)}m",
            init=task.definition.container.get("linuxParameters", {}).get("initProcessEnabled"),
            read_only=bool(task.definition.container.get("readonlyRootFilesystem")),
            log_config=LogConfig(type=LogConfig.types.JSON, config={"max-size": "20m"}),
        )
        task.container = self.api.create_container(
            **wish,
            host_config=limits,
            name=f"sim-{self._simulator}-{task.id}",
            labels={**self.marks, "empire.simulator.task": task.id},
        )["Id"]

    def start(self, task: Task) -> None:
        """Start the container. Raises APIError, and then it is gone."""
        try:
            self.api.start(task.container)
        except APIError:
            self.remove(task)
            raise

    def output(self, task: Task) -> Iterator[bytes]:
        """Yield what the container writes, each line with its time, until it has ended."""
        yield from self.api.logs(
            task.container, stream=True, follow=True, timestamps=True, stdout=True, stderr=True
        )

    def end(self, task: Task) -> tuple[int, bool]:
        """Return the ended container's exit code, and whether it ran out of memory."""
        self.api.wait(task.container)
        state = self.api.inspect_container(task.container)["State"]
        return int(state["ExitCode"]), bool(state["OOMKilled"])

    def stop(self, task: Task, grace_seconds: int) -> None:
        """Send SIGTERM, and SIGKILL when the grace is over."""
        with suppress(NotFound):
            self.api.stop(task.container, timeout=grace_seconds)

    def remove(self, task: Task) -> None:
        """Remove the container."""
        with suppress(NotFound, APIError):
            self.api.remove_container(task.container, force=True, v=True)

    def health_changes(self) -> Iterator[tuple[str, str]]:
        """Yield task id and HEALTHY or UNHEALTHY whenever a container's own check changes it."""
        wish = {"label": f"empire.simulator={self._simulator}", "event": "health_status"}
        for event in self.api.events(decode=True, filters=wish):
            status = event["status"].partition(": ")[2].upper()
            yield event["Actor"]["Attributes"]["empire.simulator.task"], status

    def close(self) -> None:
        """Remove every container of this simulator."""
        mine = {"label": f"empire.simulator={self._simulator}"}
        for row in self.api.containers(all=True, filters=mine):
            with suppress(APIError):
                self.api.remove_container(row["Id"], force=True, v=True)
        self.api.close()


def _container(task: Task, env: dict[str, str]) -> Fields:
    container = task.definition.container
    override = override_of(task)
    return {
        "image": container["image"],
        "command": override.get("command") or container.get("command"),
        "entrypoint": container.get("entryPoint"),
        "environment": env,
        "user": container.get("user"),
        "working_dir": container.get("workingDirectory"),
        "hostname": f"ip-{task.id[:12]}",
        "ports": [ports["containerPort"] for ports in container.get("portMappings", [])],
        "healthcheck": _healthcheck(container.get("healthCheck")),
        "tty": bool(container.get("pseudoTerminal")),
        "stdin_open": bool(container.get("interactive")),
    }


def override_of(task: Task) -> Fields:
    """Return what RunTask asked to be different in the task's container."""
    name = task.definition.container["name"]
    for override in task.launch.overrides.get("containerOverrides", []):
        if override.get("name") == name:
            found: Fields = override
            return found
    return {}


def _healthcheck(check: Fields | None) -> Fields | None:
    if not check:
        return None
    return {
        "test": check["command"],
        "interval": max(SECOND // 2, check.get("interval", 30) * SECOND // 10),
        "timeout": check.get("timeout", 5) * SECOND,
        "retries": check.get("retries", 3),
        "start_period": check.get("startPeriod", 0) * SECOND // 10,
    }


def _memory(task: Task) -> int:
    container = task.definition.container.get("memory")
    return int(container or task.view()["memory"])


def _address() -> str:
    """Return a loopback address: of so many, hardly ever one that is in use."""
    numbers = (random.randint(64, 127), random.randint(0, 255), random.randint(1, 254))
    return "127." + ".".join(map(str, numbers))
