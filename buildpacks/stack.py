"""The base image of the builtin buildpacks, made from Debian packages without Docker Hub.

It needs the engine and a Debian mirror, and neither root nor debootstrap. `python -m buildpacks.stack`
makes it and shows the progress.
"""

import fcntl
import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.resources import files
from typing import IO, Any

import docker
from docker.errors import DockerException, ImageNotFound
from docker.models.containers import Container

from buildpacks.debian import archive, mirror, rootfs, sources
from buildpacks.debian.archive import Archive
from buildpacks.debian.mirror import Reader
from buildpacks.debian.packages import Package, resolve
from empire.errors import BuildFailed, EmpireError, Unavailable
from empire.events import Event, Failed, Line, Stage, Stream
from empire.names import ImageRef
from empire.settings import Settings

OURS = "empire/"
RECIPE = "empire.stack"
WORK = "empire.stack.work"
DOWNLOADS = 12
LOCK_POLL_SECONDS = 0.1
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "armhf"}

# What apps were found to miss: Django and zoneinfo need tzdata, servers media-types and netbase.
WANTED = [
    "usr-is-merged",
    "apt",
    "base-files",
    "base-passwd",
    "bash",
    "ca-certificates",
    "libpq5",
    "media-types",
    "netbase",
    "passwd",
    "python-is-python3",
    "python3",
    "python3-venv",
    "tzdata",
]

# Debian's own list of what a small system does without, and apt told to leave no caches in layers.
CONFIGURATION = {
    "etc/dpkg/dpkg.cfg.d/empire": "".join(
        f"path-exclude=/{folder}*\n" for folder in rootfs.LEFT_OUT
    )
    + "path-include=/usr/share/doc/*/copyright\npath-include=/usr/share/locale/locale.alias\n",
    "etc/apt/apt.conf.d/docker-clean": (
        'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; };\n'
        'Dir::Cache::pkgcache "";\nDir::Cache::srcpkgcache "";\n'
        'Acquire::GzipIndexes "true";\nAcquire::Languages "none";\n'
        'Apt::AutoRemove::SuggestsImportant "false";\n'
    ),
}
CHANGES = [
    "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "ENV LANG=C.UTF-8",
    "WORKDIR /app",
    'CMD ["/bin/bash"]',
]


def ensure_base(settings: Settings) -> Stream[ImageRef | None]:
    """Make the base image unless the engine has it, and return its id.

    An image that is not ours (`python:3.12-slim`) is left to the builder, which pulls it: None.
    Raises Unavailable where the engine or the mirror does not answer.
    """
    if not settings.base_image.startswith(OURS):
        return None
    return (yield from _ensure(settings, is_strict=False))


def ensure_suite(settings: Settings, image: str, suite: str) -> Stream[ImageRef | None]:
    """Make the same of another Debian release under its own tag, unless the engine has it."""
    other = settings.model_copy(update={"base_image": image, "debian_suite": suite})
    return (yield from _ensure(other, is_strict=True))


def _ensure(settings: Settings, *, is_strict: bool) -> Stream[ImageRef]:
    with _engine(settings) as engine, alone(settings):
        if found := _existing(engine, settings.base_image):
            return found
        yield Stage(f"Making the base image {settings.base_image} (once, about half a minute)")
        _clear_leftovers(engine, settings.instance)
        return (yield from _make(engine, settings, is_strict=is_strict))


def recipe() -> str:
    """Return the digest of everything that decides what the image has, but the packages' versions."""
    text = json.dumps([WANTED, CONFIGURATION, CHANGES, _install_script().decode()])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _make(engine: docker.DockerClient, settings: Settings, *, is_strict: bool) -> Stream[ImageRef]:
    architecture = ARCHITECTURES.get(engine.info()["Architecture"], "amd64")
    with mirror.connected() as reader, tempfile.TemporaryFile() as tar:
        found = yield from archive.find(
            reader,
            _mirrors(settings),
            settings.debian_suite,
            architecture,
            is_strict=is_strict,
        )
        first = resolve(found.index, ["base-files", "base-passwd", "dpkg", *found.index.essential])
        wanted = {package.name: package for package in [*first, *resolve(found.index, WANTED)]}
        size = sum(package.size for package in wanted.values())
        yield Line(f"Downloading {len(wanted)} packages, {size >> 20} MiB")
        debs = _downloaded(reader, list(wanted.values()))
        yield Line("Unpacking")
        _write(tar, found, {package.name: debs.pop(package.name) for package in first}, debs)
        tar.seek(0)
        unpacked = _imported(engine, tar, [f"LABEL {WORK}={settings.instance}"])
    yield Line("Installing")
    image = _installed(engine, settings, unpacked, found)
    yield Line(f"{settings.base_image} is {image.removeprefix('sha256:')[:12]}")
    return ImageRef(image)


def _mirrors(settings: Settings) -> list[sources.AptSource]:
    if not settings.debian_mirror:
        return sources.read()
    return [sources.AptSource(settings.debian_mirror.rstrip("/"), settings.debian_suite, ("main",))]


def _downloaded(reader: Reader, packages: list[Package]) -> dict[str, bytes]:
    with ThreadPoolExecutor(DOWNLOADS) as pool:
        contents = pool.map(lambda p: reader.fetch(p.address, p.sha256), packages)
        return {package.name: deb for package, deb in zip(packages, contents, strict=True)}


def _write(
    tar: IO[bytes], found: Archive, first: dict[str, bytes], others: dict[str, bytes]
) -> None:
    configuration = {path: text.encode() for path, text in CONFIGURATION.items()}
    configuration["etc/apt/sources.list.d/debian.sources"] = _apt_sources(found).encode()
    configuration[f"{rootfs.PACKAGES}/install"] = _install_script()
    rootfs.write(tar, first, others, configuration)


def _apt_sources(found: Archive) -> str:
    """Return the image's own apt sources: the mirror it was made from."""
    parts = [(found.mirror, f"{found.suite} {found.suite}-updates")]
    if found.security:
        parts.append((found.security, f"{found.suite}-security"))
    return "\n".join(
        f"Types: deb\nURIs: {uri}\nSuites: {suites}\nComponents: main\n"
        f"Signed-By: {mirror.KEYRINGS[0]}\n"
        for uri, suites in parts
    )


def _install_script() -> bytes:
    return files("buildpacks.debian").joinpath("install.sh").read_bytes()


def _installed(
    engine: docker.DockerClient, settings: Settings, unpacked: str, found: Archive
) -> str:
    """Run the second stage in a container without network, and flatten it into the tagged image."""
    container = engine.containers.create(
        unpacked,
        ["/bin/sh", f"/{rootfs.PACKAGES}/install"],
        labels={WORK: settings.instance},
        network_mode="none",
        user="0:0",
    )
    try:
        container.start()
        if code := container.wait()["StatusCode"]:
            raise _installation_failed(code, container.logs().decode(errors="replace"))
        changes = [*CHANGES, f"LABEL {RECIPE}={recipe()}", f"LABEL {RECIPE}.suite={found.suite}"]
        return _imported(engine, _exported(container), changes, settings.base_image)
    finally:
        container.remove(force=True, v=True)
        engine.images.remove(unpacked, force=True)


def _exported(container: Container) -> Iterator[bytes]:
    stream: Any = container.export()  # the stubs call it text
    yield from stream


def _imported(
    engine: docker.DockerClient, tar: IO[bytes] | Iterator[bytes], changes: list[str], tag: str = ""
) -> str:
    repository, _, version = tag.partition(":")
    # The client sends a file with its length and an iterator in chunks; its stubs know names alone.
    source: Any = tar
    answer = engine.api.import_image(
        source, repository=repository or None, tag=version or None, changes=changes
    )
    return _image_id(answer)


def _image_id(answer: str) -> str:
    """Return the id on the last line of the engine's answer, which may also be an error."""
    last = json.loads(answer.strip().splitlines()[-1])
    if "error" in last:
        raise Unavailable("The Docker Engine refused the base image.", why=last["error"])
    return str(last["status"])


def _existing(engine: docker.DockerClient, tag: str) -> ImageRef | None:
    try:
        image = engine.images.get(tag)
    except ImageNotFound:
        return None
    is_current = image.labels.get(RECIPE) in {None, recipe()}
    return ImageRef(str(image.id)) if is_current else None


def _clear_leftovers(engine: docker.DockerClient, instance: str) -> None:
    """Remove what an attempt of this server that was killed left on the engine."""
    mark: dict[str, str | list[str] | bool] = {"label": f"{WORK}={instance}"}
    for container in engine.containers.list(all=True, filters=mark):
        container.remove(force=True, v=True)
    for image in engine.images.list(filters=mark):
        engine.images.remove(str(image.id), force=True)


@contextmanager
def _engine(settings: Settings) -> Iterator[docker.DockerClient]:
    try:
        address = settings.docker_host
        engine = (
            docker.DockerClient(address, timeout=600) if address else docker.from_env(timeout=600)
        )
        engine.ping()
    except DockerException as error:
        raise _engine_silent(error) from error
    try:
        yield engine
    except DockerException as error:
        raise Unavailable("The Docker Engine failed.", why=str(error)) from error
    finally:
        engine.close()


@contextmanager
def alone(settings: Settings, check: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Let one maker of images at a time go on; the lock dies with its holder.

    `check` is called while others are waited for, and may raise to give up.
    """
    settings.prepare_home()
    with (settings.home / "stack.lock").open("w") as file:
        while not _locked(file):
            check()
            time.sleep(LOCK_POLL_SECONDS)
        yield


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _engine_silent(error: Exception) -> EmpireError:
    return Unavailable(
        "The Docker Engine does not answer.",
        why=str(error),
        fix="Start it (`systemctl start docker`), or let `scripts/up` install and start it. "
        "A user other than root must be in the group `docker`.",
    )


def _installation_failed(code: int, log: str) -> EmpireError:
    tail = "\n".join(log.splitlines()[-20:])
    return BuildFailed(f"Installing Debian's packages ended with exit code {code}.", why=tail)


def _show(event: Event) -> None:
    sys.stdout.write(f"{event}\n")
    sys.stdout.flush()


def main() -> int:
    """Make the base image, show the progress, and return the exit code."""
    try:
        for event in ensure_base(Settings()):
            _show(event)
    except EmpireError as error:
        _show(Failed.of(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
