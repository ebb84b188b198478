"""The frozen values that cross boundaries: no table, no connection, no secret in a repr."""

from dataclasses import dataclass, field
from pathlib import Path

from empire.names import AppName, Hostname, ImageRef, ProcessType, Sha
from empire.secrets import Secret


@dataclass(frozen=True, slots=True)
class Source:
    """The tree of one commit, immutable, readable with git from `git_dir`.

    `git_dir` is a bare repository. While a push is not live yet it is the push's quarantine, which
    borrows the app's objects; afterwards it is the app's own repository. `version` is what its
    owner calls it, where that is not the commit.
    """

    app: AppName
    commit: Sha
    tree: Sha
    git_dir: Path
    subject: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Image:
    """A built image: its id, its process types with their commands, and where it listens.

    An empty command means the image's own default. `health_path` is None when nothing is known.
    `start_seconds` is how long web may take until it answers where the server allows less.
    Of the app's first version `formation` is the wish for quantity (None: the default) and size
    (empty: the default), and `postdeploy` a command of its release phase.
    Builds with equal keys make equal images; an empty key is equal to none.
    """

    ref: ImageRef
    processes: dict[ProcessType, str]
    health_path: str | None = None
    release_command: str | None = None
    size_bytes: int = 0
    buildpack: str = ""
    start_seconds: float = 0
    formation: dict[ProcessType, tuple[int | None, str]] = field(default_factory=dict)
    postdeploy: str = ""
    key: str = ""


UNBUILT = ImageRef(f"sha256:{'0' * 64}")
"""The name of an image that a build would make."""


@dataclass(frozen=True, slots=True)
class Size:
    """What one dyno may use. `cpus` is in cores, memory in MiB."""

    name: str
    cpus: float
    memory_mib: int


@dataclass(frozen=True, slots=True)
class Process:
    """One process type as it shall run. An empty command means the image's own.

    `starts` says of each dyno, by index, which deployment asked for it to start: a dyno that an
    earlier one started stays as it is. Empty means that the manifest's own deployment starts all.
    `start_seconds` is how long a dyno may take until it is healthy, if that is longer than usual.
    """

    type: ProcessType
    command: str
    quantity: int
    size: Size
    health_path: str | None = None
    starts: tuple[int, ...] = ()
    start_seconds: float = 0

    @property
    def is_routed(self) -> bool:
        """Tell whether the router sends requests to it."""
        return self.type == "web"


@dataclass(frozen=True, slots=True)
class Placement:
    """Where an app's dynos run, on backends that have a choice. Empty is the server's own setting.

    `capacity` is FARGATE, FARGATE_SPOT or EC2, `architecture` X86_64 or ARM64, and `task_role` the
    ARN of the role that the app's code has. An internal app is reached from inside the network only.
    """

    capacity: str = ""
    architecture: str = ""
    task_role: str = ""
    is_internal: bool = False


ANYWHERE = Placement()


@dataclass(frozen=True, slots=True)
class Manifest:
    """All that a scheduler may know of a release.

    `app` is the app's handle, which stays when the app is renamed; `name` is what it is called now.
    `deployment` is the number of the journey that carries this manifest to live. It grows with
    every deployment of the server, so it also says which dynos are older.
    """

    app: AppName
    version: int
    deployment: int
    image: ImageRef
    processes: tuple[Process, ...]
    hostnames: tuple[Hostname, ...]
    env: dict[str, Secret] = field(default_factory=dict)
    name: str = ""
    placement: Placement = ANYWHERE

    def places(self) -> list[tuple[Process, int, int]]:
        """Return every dyno that shall run: its process, its index, the deployment that starts it."""
        return [
            (process, index, process.starts[index - 1] if process.starts else self.deployment)
            for process in self.processes
            for index in range(1, process.quantity + 1)
        ]

    def holds(self, dyno: "Dyno") -> bool:
        """Tell whether a running dyno is one of these."""
        wanted = {(process.type, index, start) for process, index, start in self.places()}
        return (dyno.process, dyno.index, dyno.deployment) in wanted


@dataclass(frozen=True, slots=True)
class Target:
    """Where a routed dyno takes requests."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Dyno:
    """One running instance of a process as the scheduler sees it now.

    `state` is one of starting, up, crashed, down; the API adds stopping for one that was replaced. `started_at` is seconds since the epoch.
    `is_out_of_memory` says that it ended because it used more than its size has.
    """

    app: AppName
    process: ProcessType
    index: int
    version: int
    deployment: int
    state: str
    command: str
    size: str
    started_at: float
    id: str
    target: Target | None = None
    restarts: int = 0
    exit_code: int | None = None
    is_out_of_memory: bool = False

    @property
    def name(self) -> str:
        """The dyno's name as people know it, such as web.1."""
        return f"{self.process}.{self.index}"


@dataclass(frozen=True, slots=True)
class OneOff:
    """One run of a command beside the formation.

    `app` is the app's handle and `app_name` what it is called now; `name` is its dyno's: run.1234, or release.N for the release phase of deployment N.
    Somebody holds the other end of an attached one; any other writes to the log. `seconds` is how
    long it may run.
    """

    app: AppName
    name: str
    version: int
    image: ImageRef
    command: str
    size: Size
    env: dict[str, Secret] = field(default_factory=dict)
    app_name: str = ""
    is_attached: bool = False
    has_terminal: bool = False
    seconds: float = 86400
    placement: Placement = ANYWHERE

    @property
    def type(self) -> ProcessType:
        """The first part of its name."""
        return ProcessType(self.name.partition(".")[0])


@dataclass(frozen=True, slots=True)
class Run:
    """A one-off as it is seen now. The times are seconds since the epoch; `ended_at` 0 is not yet."""

    dyno: Dyno
    is_attached: bool
    must_end_at: float
    ended_at: float = 0


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of an app's log. `at` is seconds since the epoch; `source` is app, router, build...

    `position` is where the log goes on after it; it grows along the log.
    """

    at: float
    source: str
    dyno: str
    text: str
    position: int = 0
