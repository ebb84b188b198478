"""Renders a plan as a Dockerfile: a build stage for dependencies, then an image with code on top.

The context that belongs to it has the app's files under `app/`, ours under `empire/`.
"""

import hmac
import json
import re
from dataclasses import dataclass

from buildpacks import apt
from buildpacks.plan import Artifact, Base, Copy, Plan, Run, Step

APP = "app"
OURS = "empire"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
# Each tool has its own word for "trust this bundle".
TRUST = (
    "SSL_CERT_FILE",
    "PIP_CERT",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "NODE_EXTRA_CA_CERTS",
)
OWNER = "1000:1000"
VERSION = "source-version"
"""The id of the secret that holds the commit: as a secret it makes no step run again."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A file that build steps see at `target` and that stays in no layer."""

    id: str
    target: str


@dataclass(frozen=True, slots=True)
class Workshop:
    """What the operator's side adds to every plan; `bench` is the build stage's base if not `base`.

    Without `has_mounts` (the engine's classic builder) secrets are copied into the build stage,
    which is not part of the image, and there are no caches.
    """

    base: str
    secrets: tuple[Secret, ...] = ()
    cache_key: bytes = b""
    has_mounts: bool = True
    bench: str = ""


def render(plan: Plan, workshop: Workshop) -> str:
    """Return the Dockerfile of a builtin buildpack's plan."""
    lines = [*_build_stage(plan, workshop), *_image_stage(plan, workshop)]
    return "\n".join(lines) + "\n"


def render_base(base: Base, workshop: Workshop) -> str:
    """Return the Dockerfile of a language's image, which stands on the workshop's base."""
    lines = []
    if base.fetches:
        lines += [f"FROM {workshop.base} AS fetch", *_trust(workshop)]
        lines += [*(_step(run, workshop) for run in base.fetches), ""]
    lines += [f"FROM {workshop.base}"]
    if base.packages:
        lines += [_step(apt.install(*base.packages), workshop)]
    if base.fetches:
        lines += ["COPY --from=fetch /fetched/ /usr/local/"]
    return "\n".join(lines) + "\n"


def _build_stage(plan: Plan, workshop: Workshop) -> list[str]:
    if not plan.artifacts:
        return []
    lines = [f"FROM {workshop.bench or workshop.base} AS build", "WORKDIR /app"]
    lines += _env(plan.build_env)
    lines += [f"ENV {name}={_quoted(value)}" for name, value in plan.wished_env.items()]
    lines += _trust(workshop)
    lines += [f"COPY {OURS}{path} {path}" for path in sorted(plan.aids)]
    lines += ["COPY buildpacks/ /opt/buildpacks/"] if plan.beside else []
    steps: tuple[Step, ...] = (*plan.tools, *plan.steps)
    return [*lines, *(_step(step, workshop) for step in steps), ""]


def _image_stage(plan: Plan, workshop: Workshop) -> list[str]:
    lines = [f"FROM {workshop.base}", "WORKDIR /app"]
    lines += _env(plan.env)
    lines += [f"COPY {OURS}{path} {path}" for path in sorted(plan.embedded)]
    lines += map(_taken, plan.artifacts)
    if plan.takes_code:
        lines += [f"COPY --chown={OWNER} {APP}/ /app/"]
    lines += [f"USER {OWNER}"]
    if plan.finish:  # an ARG is in the environment of what follows, and in none of the image's
        lines += [f"ARG {name}={_quoted(value)}" for name, value in plan.wished_env.items()]
    lines += [_step(run, workshop) for run in plan.finish]
    if command := plan.processes.get("web"):
        lines += ["CMD " + json.dumps(["/bin/sh", "-c", command], ensure_ascii=False)]
    return lines


def _trust(workshop: Workshop) -> list[str]:
    lines = []
    if any(secret.target == BUNDLE for secret in workshop.secrets):
        lines += _env(dict.fromkeys(TRUST, BUNDLE))
    if not workshop.has_mounts:
        lines += [f"COPY {OURS}/{secret.id} {secret.target}" for secret in workshop.secrets]
    return lines


def _taken(artifact: Artifact) -> str:
    target = artifact.target or artifact.path
    return f"COPY --from=build --chown={OWNER} {artifact.path} {target}"


def _env(variables: dict[str, str]) -> list[str]:
    pairs = [
        f"{name}={json.dumps(value) if ' ' in value else value}"
        for name, value in sorted(variables.items())
    ]
    return ["ENV " + " \\\n    ".join(pairs)] if pairs else []


def _quoted(value: str) -> str:
    """Return the value as it stands in a Dockerfile without any of it being replaced."""
    return '"' + re.sub(r'([\\"$])', r"\\\1", value) + '"'


def _step(step: Step, workshop: Workshop) -> str:
    if isinstance(step, Copy):
        sources = [f"{APP}/{path}" for path in step.paths]
        return "COPY " + json.dumps([*sources, step.target], ensure_ascii=False)
    mounts = "".join(f"{mount} " for mount in _mounts(step, workshop))
    told = step.is_told_version and workshop.has_mounts
    version = f"export SOURCE_VERSION=$(cat /run/secrets/{VERSION}) && " if told else ""
    return f"RUN {mounts}{version}{step.command}"


def mounted(secret: Secret) -> str:
    """Return the flag of RUN that lets the step see the file."""
    return f"--mount=type=secret,id={secret.id},target={secret.target},mode=0444"


def config_id(name: str) -> str:
    """Return the id of the secret that is a config var's value."""
    return f"config-{name}"


def private_id(name: str, key: bytes, shown: str = "own") -> str:
    """Return a cache's id that no other app's Dockerfile can guess and fill with its own files."""
    digest = hmac.new(key, name.encode("utf-8", "replace"), "sha256").hexdigest()
    return f"empire-{shown}-{digest[:20]}"


def _mounts(run: Run, workshop: Workshop) -> list[str]:
    if not workshop.has_mounts:
        return []
    key = workshop.cache_key
    caches = [
        f"--mount=type=cache,id={private_id(cache.name, key, cache.name)},target={cache.target}"
        for cache in run.caches
    ]
    secrets = [mounted(secret) for secret in (workshop.secrets if run.fetches else ())]
    version = [f"--mount=type=secret,id={VERSION}"] if run.is_told_version else []
    config = [mounted(Secret(config_id(name), f"/tmp/env/{name}")) for name in run.config]  # noqa: S108
    return caches + secrets + version + config
