"""From a manifest to what the engine shall create. Pure translation, no calls."""

from dataclasses import dataclass
from typing import Any

from deployer import launcher
from deployer.local.engine import SHARES_BOOTING
from empire.manifest import Manifest, Process, Size

DEFAULT_PORT = 8080
"""Many sample apps that ignore PORT listen here."""
PIDS_LIMIT = 1024
LOGS = {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "2"}}
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Place:
    """One dyno that a manifest asks for, and the deployment that starts it."""

    manifest: Manifest
    process: Process
    index: int
    start: int

    @property
    def dyno(self) -> str:
        """The dyno's name as people know it, such as web.1."""
        return f"{self.process.type}.{self.index}"

    @property
    def port(self) -> int:
        """Where the dyno listens: what the app's own PORT says, else the default."""
        own = self.manifest.env.get("PORT")
        text = own.reveal() if own else ""
        return int(text) if text.isdecimal() and 0 < int(text) < 65536 else DEFAULT_PORT

    def name(self, instance: str) -> str:
        """Return the container's name: the same whenever the same dyno is asked for."""
        app = self.manifest.app
        return f"empire-{instance}-{app}-d{self.start}-{self.process.type}-{self.index}"


def places(manifest: Manifest) -> list[Place]:
    """Return every dyno that the manifest asks for."""
    return [Place(manifest, process, index, start) for process, index, start in manifest.places()]


def creation(
    place: Place, instance: str, *, cores: int, is_published: bool, grace_seconds: int
) -> dict[str, Any]:
    """Return the body of the engine's create call."""
    process, port = place.process, f"{place.port}/tcp"
    host = confined(process.size, cores)
    body: dict[str, Any] = {
        "Image": place.manifest.image,
        "Labels": labels(place, instance),
        "Env": [f"{name}={value}" for name, value in environment(place).items()],
        "StopTimeout": grace_seconds,
        "HostConfig": host,
    }
    if arguments := launcher.launch(process.command):
        body |= {"Entrypoint": arguments, "Cmd": []}
    if is_published and process.is_routed:
        body["ExposedPorts"] = {port: {}}
        host["PortBindings"] = {port: [{"HostIp": LOOPBACK, "HostPort": ""}]}
    return body


def labels(place: Place, instance: str) -> dict[str, str]:
    """Return what a container says of itself: enough to know its dyno without any database."""
    manifest, process = place.manifest, place.process
    return {
        "empire.instance": instance,
        "empire.app": manifest.app,
        "empire.version": str(manifest.version),
        "empire.deployment": str(place.start),
        "empire.process": process.type,
        "empire.index": str(place.index),
        "empire.size": process.size.name,
        "empire.command": process.command,
        "empire.port": str(place.port) if process.is_routed else "",
    }


def labels_of(instance: str, app: str | None = None) -> list[str]:
    """Return the filter for the dynos of one server, or of one of its apps.

    Only dynos have an index; the containers of builds inherit the other labels from their image.
    """
    return [f"empire.instance={instance}", "empire.index", *([f"empire.app={app}"] if app else [])]


def environment(place: Place) -> dict[str, str]:
    """Return the dyno's environment. The only place where its secrets are revealed to run."""
    manifest = place.manifest
    return {
        **{name: secret.reveal() for name, secret in manifest.env.items()},
        **launcher.environment(place.process.command),
        "PORT": str(place.port),
        "EMPIRE_APP": manifest.name or manifest.app,
        "EMPIRE_RELEASE": f"v{manifest.version}",
        "EMPIRE_PROCESS": place.process.type,
        "EMPIRE_DYNO": place.dyno,
    }


def confined(size: Size, cores: int) -> dict[str, Any]:
    """Return what the engine shall allow a container of ours, and how it treats it."""
    memory_bytes = size.memory_mib * 1024 * 1024
    return {
        "Memory": memory_bytes,
        "MemorySwap": memory_bytes,
        "NanoCpus": int(min(size.cpus, cores) * 1e9),
        "PidsLimit": PIDS_LIMIT,
        # The init reaps orphans and hands SIGTERM on, which a process with id 1 would ignore.
        "Init": True,
        "RestartPolicy": {"Name": "no"},
        "CpuShares": SHARES_BOOTING,
        "SecurityOpt": ["no-new-privileges"],
        # Raw sockets on the shared bridge would let one app pose as another.
        "CapDrop": ["NET_RAW", "MKNOD"],
        "LogConfig": LOGS,
    }
