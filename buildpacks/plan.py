"""How an app is built: pure frozen values, made by a buildpack and rendered by `dockerfile`."""

from dataclasses import dataclass, field


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
    and caches, none of which stay in the image.
    """

    command: str
    fetches: bool = False
    caches: tuple[Cache, ...] = ()


Step = Copy | Run


@dataclass(frozen=True, slots=True)
class Plan:
    """How to build one app on a base image.

    The build stage runs `tools` (the same for all apps), then `steps`; the image gets `artifacts`
    from it, then the app's code, then `finish` runs. `embedded` are files of ours that the image
    needs, by their path in it; `build_env` is the build stage's environment, `env` the image's.
    """

    buildpack: str
    processes: dict[str, str]
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    tools: tuple[Run, ...] = ()
    steps: tuple[Step, ...] = ()
    artifacts: tuple[str, ...] = ()
    finish: tuple[Run, ...] = ()
    build_env: dict[str, str] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    embedded: dict[str, bytes] = field(default_factory=dict)
    dockerfile: str | None = None
    """The path of the app's own Dockerfile; then everything above but the processes is empty."""
