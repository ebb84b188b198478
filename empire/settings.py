"""Every knob of the server, with its unit and default. The only reader of the environment."""

import os
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from empire.errors import InvalidInput
from empire.files import write_once, write_whole

SETTINGS_FILE = "settings.env"
"""Where `empire bootstrap` leaves the settings it made, in home."""
Port = Annotated[int, Field(ge=0, le=65535)]


def default_home() -> Path:
    """Return /var/lib/empire for root, else a folder in the person's home."""
    return (
        Path("/var/lib/empire") if os.geteuid() == 0 else Path("~/.local/share/empire").expanduser()
    )


def cores() -> int:
    """Return the number of processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_mib() -> int:
    """Return how much memory the machine has, in MiB."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // (1024 * 1024)


class Settings(BaseSettings):
    """The settings of one server, each from EMPIRE_<NAME> in the environment or its default."""

    model_config = SettingsConfigDict(
        env_prefix="EMPIRE_", frozen=True, extra="ignore", use_attribute_docstrings=True
    )

    home: Path = default_home()
    """Where all state lives, mode 0700."""
    database_url: str = ""
    """A SQLAlchemy URL; empty means SQLite in home."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """How much the server tells on its standard error."""

    # Where the server listens. Loopback until told otherwise.
    listen_host: str = "127.0.0.1"
    """The address of all listeners."""
    ssh_port: Port = 2222
    """Where git pushes go."""
    api_port: Port = 5000
    """Where the API answers."""
    http_port: Port = 8080
    """Where the router takes requests for apps."""
    https_port: Port = 8443
    """Where the router takes requests over TLS."""
    apps_domain: str = "localhost"
    """An app NAME answers at NAME.apps_domain."""

    # Persons and apps.
    create_apps_on_push: bool = True
    """Whether a push to an unknown name makes the app (for those who may create apps)."""

    domains_max: PositiveInt = 100
    """How many domains an app may have."""

    # Git over SSH.
    ssh_max_connections: PositiveInt = 200
    """How many SSH connections are open at a time."""
    ssh_max_connections_per_address: PositiveInt = 100
    """The same from one address."""
    ssh_auth_seconds: PositiveFloat = 20
    """How long a client may take to prove who it is."""
    ssh_auth_tries: PositiveInt = 6
    """How many keys a client may try."""
    ssh_idle_seconds: PositiveFloat = 120
    """A connection on which the client says nothing for so long while we wait for it is closed."""
    ssh_keepalive_seconds: PositiveFloat = 5
    """A side-band keep-alive goes out after so long without output."""
    pack_max_mib: PositiveInt = 2048
    """How large the pack of one push may be."""
    source_max_files: PositiveInt = 100_000
    """How many files the tree of a pushed commit may have."""
    source_max_mib: PositiveInt = 2048
    """How large the files of a pushed commit may be together."""

    registry: str = ""
    """Where built images are kept, such as registry.example.com/team; empty means the engine alone."""
    docker_config: Path = Path(os.environ.get("DOCKER_CONFIG") or "~/.docker").expanduser()
    """The folder of the Docker config (config.json) with the logins of registries."""
    archive_max_mib: PositiveInt = 1024
    """How large an archive with a source may be, as it is sent."""
    archive_fetch_seconds: PositiveFloat = 300
    """How long it may take to fetch an archive from elsewhere."""
    archive_private_hosts: str = ""
    """Hosts, with commas between, that archives come from although their addresses are private."""

    # Builds.
    docker_host: str = ""
    """The engine's address; empty means the local socket (or DOCKER_HOST)."""
    builder: Literal["auto", "buildkit", "classic"] = "auto"
    """How the engine builds; auto takes BuildKit where the engine has it."""
    build_concurrency: PositiveInt = cores()
    """How many builds run at a time; by default one a core."""
    build_seconds: PositiveFloat = 1800
    """How long a build may take."""
    build_memory_mib: PositiveInt = 2048
    """How much memory builds may use."""
    build_cpus: PositiveFloat = float(cores())
    """How many cores builds may use."""
    build_processes: PositiveInt = 4096
    """How many processes builds may have together."""
    build_cgroup: str = "docker/buildkit"
    """The control group of the engine's build steps: `<its cgroup-parent>/buildkit`."""
    build_disk_max_mib: PositiveInt = 16384
    """By how much a build may lessen the free space of the disk."""
    build_cache_max_mib: PositiveInt = 40960
    """How much build cache the engine keeps in all, least recently used first to go."""
    build_cache_max_mib_per_app: PositiveInt = 4096
    """How much of it the cache mounts of one app's builds may hold."""
    disk_reserve_mib: NonNegativeInt = 1024
    """How much space of the disk builds leave free; with less, none begins."""
    metadata_reachable: bool = False
    """Whether containers reach the cloud's metadata addresses, and so the machine's role there."""
    build_output_max_mib: PositiveInt = 20
    """How much output of a build is kept; more ends it."""
    build_ca_bundle: Path | None = Path("/etc/ssl/certs/ca-certificates.crt")
    """Mounted over the trust store of build steps, never copied into an image."""
    build_dockerfiles_trust: bool = False
    """Whether steps of apps' own Dockerfiles get the certificates and package indexes too."""
    build_syntax_images: str = "docker/dockerfile,docker/dockerfile-upstream"
    """The images that a `# syntax=` line may name, with commas between; they see all images."""
    build_http_proxy: str = ""
    """The proxy of build steps for http."""
    build_https_proxy: str = ""
    """The proxy of build steps for https."""
    build_no_proxy: str = ""
    """Host names that build steps reach without the proxy."""
    build_pip_index_url: str = ""
    """The Python package index of build steps; empty means the public one."""
    build_npm_registry: str = ""
    """The npm registry of build steps; empty means the public one."""
    build_git_hosts: str = "*"
    """Where submodules and buildpacks may come from, with commas between: hosts, asked over https; `http://HOST:PORT` without TLS; `*` is any host but this machine."""
    build_git_seconds: PositiveFloat = 120
    """How long fetching one of them may take."""
    build_git_max_mib: PositiveInt = 512
    """How large one of them may be."""
    base_image: str = "empire/python:3"
    """The image that builtin buildpacks build on; `scripts/up` makes it where it is missing."""
    debian_mirror: str = ""
    """Where the packages of the base image come from; empty means this machine's apt sources."""
    debian_suite: str = "trixie"
    """The Debian release of the base image; the machine's own where the mirror lacks it."""

    # Deployments.
    lease_seconds: PositiveFloat = 15
    """After how long another worker takes over a deployment whose worker fell silent."""
    start_seconds: PositiveFloat = 120
    """How long a new version may take until it is healthy."""
    worker_uptime_seconds: NonNegativeFloat = 2
    """How long a process without a port must run to count as started."""
    drain_seconds: NonNegativeFloat = 30
    """How long requests in flight may take to end before their dyno gets SIGTERM."""
    stop_grace_seconds: NonNegativeInt = 10
    """How long a dyno has between SIGTERM and SIGKILL."""
    release_seconds: PositiveFloat = 3600
    """How long the release phase of a push may take."""
    run_seconds: PositiveFloat = 86400
    """How long a one-off of `empire run` may run."""
    deployments_concurrency: PositiveInt = 64
    """How many deployments of different apps move at a time (builds have their own limit)."""
    releases_kept: PositiveInt = 10
    """How many releases of an app keep their image."""
    default_size: str = "1X"
    """The size of dynos that nobody sized."""
    dynos_max: int = 100
    """How many dynos a process type may be scaled to."""
    dyno_memory_max_mib: int = memory_mib()
    """How much memory the size of a dyno may have; by default what the machine has."""

    # Logs.
    logs_max_mib_per_app: int = 64
    """How much of an app's log is kept; the oldest goes first."""

    # Where apps run.
    backend: Literal["local", "aws"] = "local"
    """Where apps run: on this machine's Docker, or on an AWS account."""
    aws_endpoint_url: str = ""
    """Where AWS answers; empty means AWS itself (a simulator's address to try things out)."""
    aws_region: str = "us-east-1"
    """The region of everything."""
    aws_cluster: str = "empire"
    """The ECS cluster that apps run on."""
    aws_vpc: str = ""
    """The VPC of the apps."""
    aws_private_subnets: str = ""
    """The subnets of tasks, with commas between."""
    aws_public_subnets: str = ""
    """The subnets of the public load balancer, with commas between."""
    aws_task_security_group: str = ""
    """The security group of tasks: it lets the load balancers in, and nobody else."""
    aws_public_listener: str = ""
    """The listener that takes requests of public apps; with commas where there are several."""
    aws_internal_listener: str = ""
    """The listener that takes requests of internal apps; with commas where there are several."""
    aws_rules_max: PositiveInt = 100
    """How many rules a load balancer may have: the account's quota."""
    aws_execution_role: str = ""
    """The role with which ECS pulls images, reads config and writes logs."""
    aws_task_role: str = ""
    """The role of the apps that have none of their own."""
    aws_log_group: str = "/empire/apps"
    """Where the apps' output is kept."""
    aws_public_zone: str = ""
    """The id of the hosted zone of public names; empty means that somebody else keeps the names."""
    aws_private_zone: str = ""
    """The id of the hosted zone of internal names."""
    aws_internal_domain: str = ""
    """An internal app NAME answers at NAME.aws_internal_domain."""
    aws_event_queue: str = ""
    """The URL of the queue with the cluster's events; empty means asking again and again."""
    aws_capacity: Literal["FARGATE", "FARGATE_SPOT", "EC2"] = "FARGATE"
    """What runs the tasks of apps that say nothing else."""
    aws_architecture: Literal["X86_64", "ARM64"] = "X86_64"
    """The processor of the tasks of apps that say nothing else."""
    aws_deregistration_seconds: NonNegativeInt = 10
    """How long requests in flight may take to end before their task gets SIGTERM."""

    @cached_property
    def instance(self) -> str:
        """Eight hexadecimal digits that tell this server's dynos from another server's."""
        return write_once(self.home / "instance", lambda: os.urandom(4).hex().encode()).decode()

    @property
    def database(self) -> str:
        """The database's URL."""
        return self.database_url or f"sqlite:///{self.home / 'empire.db'}"

    @property
    def repositories(self) -> Path:
        """Where the apps' git repositories live."""
        return self.home / "repos"

    @property
    def logs(self) -> Path:
        """Where logs of deployments and apps live."""
        return self.home / "logs"

    @classmethod
    def read(cls) -> Self:
        """Return the settings of the environment, and below it those of `settings.env` in home.

        Raises InvalidInput that names the wrong ones.
        """
        try:
            home = cls().home
            return cls(_env_file=home / SETTINGS_FILE)
        except ValidationError as error:
            wrong = [
                f"EMPIRE_{'_'.join(map(str, one['loc'])).upper()}: {one['msg']}"
                for one in error.errors()
            ]
            raise InvalidInput(
                "A setting is not what it must be.",
                why="\n".join(wrong),
                fix="docs/settings.md lists all settings with their units.",
            ) from None

    def prepare_home(self) -> None:
        """Make the home folder, for this user alone."""
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.home.chmod(0o700)


def keep(home: Path, values: dict[str, str]) -> None:
    """Write variables into `settings.env` in home, for this user alone; others in it stay.

    An empty value takes its variable out.
    """
    path = home / SETTINGS_FILE
    old = path.read_text().splitlines() if path.exists() else []
    lines = [line for line in old if line.partition("=")[0].strip() not in values]
    lines += [f"{name}={value}" for name, value in values.items() if value]
    write_whole(path, "".join(f"{line}\n" for line in lines).encode())


def page() -> str:
    """Return the reference page of all settings, as Markdown."""
    rows = [
        f"| `EMPIRE_{name.upper()}` | {_default(name, field.default)} | {field.description or ''} |"
        for name, field in Settings.model_fields.items()
    ]
    head = (
        "# Settings\n\nEach is an environment variable of the server, or a line of `settings.env` in "
        "its home (the environment wins). "
        "This page is made from `empire/settings.py`.\n\n"
        "| variable | default | what it is |\n|---|---|---|\n"
    )
    return head + "\n".join(rows) + "\n"


def _default(name: str, value: object) -> str:
    said = {
        "docker_config": "`DOCKER_CONFIG`, else `~/.docker`",
        "home": "`/var/lib/empire` for root, else `~/.local/share/empire`",
        "build_concurrency": "the number of cores",
        "build_cpus": "the number of cores",
        "dyno_memory_max_mib": "the machine's memory",
    }
    return said.get(name) or (f"`{value}`" if value not in ("", None) else "")
