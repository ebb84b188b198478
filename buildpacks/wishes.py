"""What an app's own Dockerfile asks of the server by name: build arguments, secrets, a target stage.

The Dockerfile's `ARG NAME` and `RUN --mount=type=secret,id=NAME` are how an app names the config vars
that its build may see. It sees no other.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from buildpacks.ssh_agent import DEFAULT_ID, Key
from empire.secrets import Secret

TARGET = "DOCKER_BUILD_TARGET"
DEPLOY_KEY = "BUILD_SSH_KEY"
INSTRUCTION = re.compile(r"[ \t]*([A-Za-z]+)[ \t]+(.*)", re.DOTALL)
HEREDOC = re.compile(r"<<(-?)([\"']?)(\w+)\2")
MOUNT = re.compile(r"--mount=(\S+)")
LOOKS_SECRET = re.compile(r"(?i)KEY|TOKEN|SECRET|PASS|CREDENTIAL|://[^/\s:@]*:[^/\s@]+@")


@dataclass(frozen=True, slots=True)
class Granted:
    """The config vars that a build gets, and what there is to say about it."""

    arguments: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, bytes] = field(default_factory=dict, repr=False)
    target: str = ""
    keys: dict[str, Key] = field(default_factory=dict, repr=False)
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


NOTHING = Granted()


def granted(dockerfile: str, config: Mapping[str, Secret]) -> Granted:
    """Return which of the config vars the Dockerfile names, and how it wants them."""
    named = [name for name in _arguments(dockerfile) if name in config]
    arguments = {name: config[name].reveal() for name in named}
    asked = {id_: _var(id_, config) for id_ in _mounted(dockerfile, "secret")}
    wanted = {id_: _key_var(id_, config) for id_ in _mounted(dockerfile, "ssh")}
    keys = {id_: Key.of(name, config[name].reveal()) for id_, name in wanted.items() if name}
    secrets = {
        id_: config[name].reveal().encode("utf-8", "surrogateescape")
        for id_, name in asked.items()
        if name
    }
    notes = [f"Build arguments from config vars: {', '.join(arguments)}"] if arguments else []
    notes += [f"Secrets from config vars: {', '.join(secrets)}"] if secrets else []
    notes += (
        [f"SSH keys from config vars: {', '.join(filter(None, wanted.values()))}"] if keys else []
    )
    warnings = [_kept(name) for name, value in arguments.items() if _is_secret(name, value)]
    warnings += [_unset(id_) for id_, name in asked.items() if not name]
    warnings += [_keyless(id_) for id_, name in wanted.items() if not name]
    target = config[TARGET].reveal() if TARGET in config else ""
    return Granted(arguments, secrets, target, keys, tuple(notes), tuple(warnings))


def has_mounts(dockerfile: str) -> bool:
    """Tell whether a step mounts something, which only BuildKit can."""
    return any(MOUNT.search(rest) for word, rest in instructions(dockerfile) if word == "RUN")


def instructions(dockerfile: str) -> Iterator[tuple[str, str]]:
    """Yield each instruction's word in capitals and the rest, continued lines as one."""
    lines = iter(dockerfile.splitlines())
    for line in lines:
        text = line
        while text.rstrip().endswith("\\"):
            text = text.rstrip()[:-1] + " " + _next_line(lines)
        if found := INSTRUCTION.fullmatch(text):
            yield found[1].upper(), found[2]
            if found[1].upper() in ("RUN", "COPY", "ADD"):
                for _, _, end in HEREDOC.findall(found[2]):
                    next((line for line in lines if line.lstrip("\t") == end), None)


def _next_line(lines: Iterator[str]) -> str:
    """Return the line that continues an instruction; comments between do not."""
    return next((line for line in lines if not line.lstrip().startswith("#")), "")


def names_argument(dockerfile: str, name: str) -> bool:
    """Tell whether an ARG of the Dockerfile has this name."""
    return name in _arguments(dockerfile)


def _arguments(dockerfile: str) -> Iterator[str]:
    for word, rest in instructions(dockerfile):
        if word == "ARG":
            yield from re.findall(r"(?:^|(?<=\s))([A-Za-z_]\w*)(?:=(?:\"[^\"]*\"|\S*))?", rest)


def _mounted(dockerfile: str, kind: str) -> Iterator[str]:
    """Yield the ids of what steps mount of a kind: secret or ssh."""
    for word, rest in instructions(dockerfile):
        for mount in MOUNT.findall(rest) if word == "RUN" else ():
            options = dict(part.partition("=")[::2] for part in mount.split(","))
            target = options.get("target") or options.get("dst") or options.get("destination", "")
            if options.get("type") == kind:
                other = DEFAULT_ID if kind == "ssh" else target.rpartition("/")[2]
                yield options.get("id") or other


def _key_var(id_: str, config: Mapping[str, Secret]) -> str:
    """Return the config var that holds the key of an ssh mount."""
    return _var(DEPLOY_KEY if id_ == DEFAULT_ID else id_, config)


def _var(id_: str, config: Mapping[str, Secret]) -> str:
    """Return the config var that a secret's id means: itself, or npm-token for NPM_TOKEN."""
    capitals = re.sub(r"[-.]", "_", id_).upper()
    return next((name for name in (id_, capitals) if name in config), "")


def _is_secret(name: str, value: str) -> bool:
    return bool(LOOKS_SECRET.search(name) or LOOKS_SECRET.search(value))


def _kept(name: str) -> str:
    return (
        f"{name} reaches the build as a build argument, and the image's history keeps those: "
        f"use RUN --mount=type=secret,id={name} instead of ARG {name}."
    )


def _unset(id_: str) -> str:
    return f"The Dockerfile asks for the secret {id_}, and there is no config var of that name."


def _keyless(id_: str) -> str:
    name = DEPLOY_KEY if id_ == DEFAULT_ID else id_
    return (
        f"The Dockerfile asks for an SSH key, and there is no config var {name}: "
        f'empire config:set {name}="$(cat PRIVATE_KEY_FILE)".'
    )
