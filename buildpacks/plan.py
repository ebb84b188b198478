"""How an app is built: pure frozen values, made by a buildpack and rendered by `dockerfile`."""

from dataclasses import dataclass, field

from buildpacks.tree import Entry


@dataclass(frozen=True, slots=True)
class Cache:
    """A folder that outlives builds of the same app and never gets into the image."""

    name: str
    target: str


@dataclass(frozen=True, slots=True)
class Copy:
    """Files of the source, as paths from its root, copied into a folder of the image."""

    paths: tuple[str, ...]
    target: str


@dataclass(frozen=True, slots=True)
class Run:
    """A shell command of the build.

    `fetches` means that it talks to package indexes: it gets the operator's certificates, indexes
    and caches, none of which stay in the image. `is_told_version` means that it builds the app
    itself and gets the commit as SOURCE_VERSION. It sees the config vars that `config` names as
    files in /tmp/env.
    """

    command: str
    fetches: bool = False
    caches: tuple[Cache, ...] = ()
    is_told_version: bool = False
    config: tuple[str, ...] = ()


Step = Copy | Run


@dataclass(frozen=True, slots=True)
class Base:
    """An image of ours with a language in it, `empire/` + `name`, made when an app first needs it.

    It stands on the base image of a Debian `suite` (empty: on the server's own), with `packages`
    of that suite, and with what `fetches` leave in /fetched laid over /usr/local.
    """

    name: str
    suite: str = ""
    packages: tuple[str, ...] = ()
    fetches: tuple[Run, ...] = ()

    @property
    def image(self) -> str:
        """The image's tag."""
        return f"empire/{self.name}"


@dataclass(frozen=True, slots=True)
class Artifact:
    """A folder of the build stage that the image gets, at `target` where that is another path."""

    path: str
    target: str = ""


@dataclass(frozen=True, slots=True)
class Life:
    """What an app's files say of its life beside the build.

    A new version may take `start_seconds` until it answers, where the server allows less.
    `formation` is for the first version alone: process types with quantity (None: the default's)
    and size (empty: the default). `postdeploy` is a command that runs once in the app's life.
    Config vars are `required`, or `offered` where a file has a value for them.
    """

    health_path: str | None = None
    start_seconds: float = 0
    formation: dict[str, tuple[int | None, str]] = field(default_factory=dict)
    postdeploy: str = ""
    required: tuple[str, ...] = ()
    offered: tuple[str, ...] = ()

    @property
    def formation_told(self) -> str:
        """The formation in words, such as web=2:1X."""
        return ", ".join(
            type_ + ("" if quantity is None else f"={quantity}") + (f":{size}" if size else "")
            for type_, (quantity, size) in self.formation.items()
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """How to build one app on a base image: the server's own where `base` is None.

    The build stage stands on `workbench`, on the same base where that is None.

    The build stage runs `tools` (the same for all apps), then `steps`; the image gets `artifacts`
    from it, then the app's code unless an artifact brings it, then `finish` runs. `embedded` are
    files of ours that the image needs, by their path in it; `build_env` is the build stage's
    environment, `env` the image's. Folders in `left_out` are not taken from the source.
    """

    buildpack: str
    processes: dict[str, str]
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    tools: tuple[Run, ...] = ()
    steps: tuple[Step, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    finish: tuple[Run, ...] = ()
    build_env: dict[str, str] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    embedded: dict[str, bytes] = field(default_factory=dict)
    aids: dict[str, bytes] = field(default_factory=dict)
    """Files of ours that the build stage needs, by their path in it."""
    beside: tuple[Entry, ...] = ()
    """Files of other repositories below buildpacks/, which the build stage gets as /opt/buildpacks."""
    base: Base | None = None
    workbench: Base | None = None
    left_out: tuple[str, ...] = ()
    takes_code: bool = True
    wished_env: dict[str, str] = field(default_factory=dict)
    """What the app adds to the environment of its build's steps; no part of the image's."""
    ignored: str = ""
    """What the app leaves out of its build, in the patterns of a .dockerignore."""
    life: Life = Life()
    dockerfile: str | None = None
    """The path of the app's own Dockerfile; then everything above but processes and life is empty."""
    context: str = ""
    """The folder that the Dockerfile's build sees, where it is not the app's own."""
    arguments: dict[str, str] = field(default_factory=dict)
    target: str = ""
    """The Dockerfile's stage to build, empty for its last one."""
