"""The Builder: from a commit to an image on the engine, with its output on the way."""

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property
from typing import Any

import structlog

from buildpacks import (
    errors,
    generations,
    git_fetch,
    heroku_buildpack,
    likeness,
    limits,
    metadata,
    stamps,
    surroundings,
    taking,
)
from buildpacks.bases import Bases
from buildpacks.cache import Caches, usage
from buildpacks.disk import disk_of
from buildpacks.dispatch import Dispatch
from buildpacks.engine import Engine
from buildpacks.gathering import gathered
from buildpacks.git_fetch import Fetches
from buildpacks.introduction import introduction, unset
from buildpacks.job import Job, granted
from buildpacks.limits import Limits
from buildpacks.order import DOCKERFILE, Order, Shop, order, tag_of
from buildpacks.origins import Policy
from buildpacks.repository_errors import buildpacks_need_buildkit
from buildpacks.roots import Roots
from buildpacks.space import space
from buildpacks.stack_facts import Stack
from buildpacks.tree import Tree
from buildpacks.watch import Watch
from empire import events
from empire.disk import Space
from empire.errors import BuildFailed, EmpireError
from empire.events import Line, Stage, Stream
from empire.files import write_once
from empire.manifest import UNBUILT, Image, Source
from empire.names import AppName, ImageName
from empire.platform import NOTHING, IsCancelled, Known, nothing_known
from empire.secrets import Secret
from empire.settings import Settings

OURS = "empire/"
SPACE_SECONDS = 50.0
"""How long a person waits for the engine to count; the next time it knows most of it."""

log = structlog.get_logger()


class Builder:
    """Builds on one engine. Any number of builds may run at a time, each in its own thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._engine = Engine(settings.docker_host)
        self._caches = Caches(self._engine, settings)

    def build(
        self,
        source: Source,
        build: str,
        is_cancelled: IsCancelled,
        config: Mapping[str, Secret] = NOTHING,
        known: Known = nothing_known,
        *,
        is_fresh: bool = False,
    ) -> Stream[Image]:
        """Yield the build's output and return the image.

        The same build name again uses the image that an earlier attempt got done. Raises
        BuildFailed, InvalidInput, TimedOut, Cancelled, Unavailable.
        """
        started = time.monotonic()
        disk = disk_of(self._settings, self._facts)
        disk.refuse()
        watching = Watch(is_cancelled, self._settings.build_seconds, disk.begin().breach)
        with ExitStack() as opened, watching as watch, self._caches.used_by(source.app):
            job = yield from self._job(source, build, config, opened, watch)
            found, summary = self._earlier(source, build), "made by an earlier attempt"
            dispatch = Dispatch(self._engine, self._settings, self._has_buildkit, watch)
            if is_fresh and found is None:
                generations.begin(self._settings.home, source.app, build)
                yield Line("No cache is used (no-cache)")
            wanted = yield from self._order(job, dispatch)
            key = self._key(job, wanted)
            if key and not is_fresh and (same := known(key)):
                yield Stage(f"Nothing changed since {same[0]}: its image is used")
                return job.reused(same[1])
            if found is None:
                wanted = replace(wanted, is_fresh=is_fresh)
                found, summary = yield from self._made(wanted, job.tree, dispatch, watch)
        yield Line(
            f"Built in {time.monotonic() - started:.1f} s: "
            f"{found['Size'] / 1e6:.0f} MB image, {summary}"
        )
        if job.plan.beside:
            job = yield from self._with_processes(job, found["Id"])
        return job.image(found, key)

    def forecast(
        self,
        source: Source,
        is_cancelled: IsCancelled,
        config: Mapping[str, Secret] = NOTHING,
        known: Known = nothing_known,
    ) -> Stream[Image]:
        """Yield what a build would do and return the image it would make; nothing is built."""
        watching = Watch(is_cancelled, self._settings.build_seconds)
        with ExitStack() as opened, watching as watch:
            job = yield from self._job(source, "", config, opened, watch)
            watch.check()
            base, bench = self._bases(job).found_both(job.plan)
            if base is None or bench is None:
                yield Line("The images that it is built on would be made first")
            elif (key := self._key(job, self._ordered(job, base, bench))) and (same := known(key)):
                yield Stage(f"Nothing changed since {same[0]}: its image would be used")
                return job.reused(same[1])
            return job.image({"Id": UNBUILT, "Size": 0}, "")

    def take(self, name: ImageName, is_cancelled: IsCancelled) -> Stream[tuple[Image, str]]:
        """Return an image that is there already, and the app that it was built for here, if any."""
        return (yield from taking.take(self._settings, name, is_cancelled))

    def remove(self, app: AppName) -> None:
        """Forget what builds of the app noted for the next one."""
        stamps.forget(self._settings.home, app)
        git_fetch.forget(self._settings.home, app)
        generations.forget(self._settings.home, app)

    def space(self, apps: Sequence[AppName]) -> Space:
        """Return what images and caches take up; raises Unavailable."""
        place = disk_of(self._settings, self._facts)
        found = usage(self._engine, SPACE_SECONDS)
        return space(found, apps, self._settings.instance, self._caches, place)

    def tidy(self) -> None:
        """Bring the build caches back to their budgets, unless a build runs."""
        if self._has_buildkit:
            self._caches.tidy(disk_of(self._settings, self._facts))

    def limits_problem(self) -> str:
        """Return why builds run without memory and processor limits, empty when they have them."""
        if not self._has_buildkit:
            return ""
        settings = self._settings
        together = settings.build_concurrency
        allowed = Limits(
            settings.build_memory_mib * together,
            settings.build_cpus * together,
            settings.build_processes,
            settings.build_cgroup,
        )
        return limits.apply(allowed, self._facts)

    def _job(
        self,
        source: Source,
        build: str,
        config: Mapping[str, Secret],
        opened: ExitStack,
        watch: Watch,
    ) -> Stream[Job]:
        """Say what will be built and why, and return it."""
        roots = Roots.of(config)
        fetches = Fetches(self._settings, source.app, watch.check)
        key = self._shop.cache_key
        source, tree, buildpack = yield from gathered(
            source, config, self._settings, fetches, key, opened
        )
        stack = self._stack(has_to_be_there=buildpack.needs_base)
        plan = buildpack.plan(tree, stack)
        if plan.beside and not self._has_buildkit:
            raise buildpacks_need_buildkit()
        given = granted(tree, plan, config, source.version or source.commit)
        if plan.dockerfile:
            self._policy(source).check(tree.text(plan.dockerfile), given.arguments)
        if (folder := roots.context_of(plan)) != roots.app:
            plan, tree = roots.seen(plan), opened.enter_context(Tree(source, folder))
        yield from introduction(plan, tree, self._settings.base_image)
        yield from unset(plan.life, config)
        yield from map(Line, given.notes)
        yield from map(events.Warning, given.warnings)
        return Job(tree, source, build, plan, stack, given)

    def _order(self, job: Job, dispatch: Dispatch) -> Stream[Order]:
        """Return the order of the job; what it stands on is there then."""
        bases, plan = self._bases(job), job.plan
        base, bench = bases.found_both(plan)
        if base is None or bench is None:
            self._protect()
            base = yield from bases.ensure(plan.base, job.tree, dispatch)
            bench = ""
            if plan.workbench:
                bench = yield from bases.ensure(plan.workbench, job.tree, dispatch)
        return self._ordered(job, base, bench)

    def _ordered(self, job: Job, base: str, bench: str) -> Order:
        generation = generations.of(self._settings.home, job.source.app)
        shop = replace(self._shop, base=base, bench=bench, generation=generation)
        return order(job.tree, job.source, job.build, job.plan, shop, job.granted)

    def _bases(self, job: Job) -> Bases:
        return Bases(
            self._engine, self._settings, job.stack.suite, self._shop.secrets, self._has_buildkit
        )

    def _key(self, job: Job, wanted: Order) -> str:
        """Return the build's key, empty where an image that it stands on cannot be told apart."""
        dockerfile = wanted.first[DOCKERFILE].decode("utf-8", "surrogateescape")
        names = likeness.images_of(dockerfile, wanted.arguments)
        if names is None:
            return ""
        images = {name: (self._engine.image(name) or {}).get("Id", "") for name in names}
        if not all(id_ or "@sha256:" in name for name, id_ in images.items()):
            return ""
        about = f"{job.plan.life.health_path} {self._has_buildkit}"
        return likeness.key_of(wanted, job.tree, images, about, self._shop.cache_key)

    def _protect(self) -> None:
        """Put the limits on the engine's builds; where that cannot be done the log says why."""
        if problem := self.limits_problem():
            log.warning("build limits cannot be applied", why=problem)
        if not self._settings.metadata_reachable and (problem := metadata.block()):
            log.warning("metadata addresses cannot be blocked", why=problem)

    def _made(
        self, wanted: Order, tree: Tree, dispatch: Dispatch, watch: Watch
    ) -> Stream[tuple[dict[str, Any], str]]:
        self._protect()
        try:
            try:
                sent = dispatch.send(wanted, tree)
                told = heroku_buildpack.as_heroku_says(sent) if wanted.beside else sent
                image, summary = yield from told
            except BuildFailed as error:
                plain = _with_own_syntax(wanted, error)
                yield events.Warning(
                    f"The syntax image {wanted.syntax} could not be had; "
                    "building with the engine's own Dockerfile syntax."
                )
                image, summary = yield from dispatch.send(plain, tree)
            watch.check()
        except EmpireError:
            if watch.verdict:
                self._engine.remove_tag(wanted.tag)
            raise
        return self._engine.image(image) or {"Id": image, "Size": 0}, summary

    def _with_processes(self, job: Job, image: str) -> Stream[Job]:
        """Return the job with the process types that classic buildpacks made known."""
        name = f"empire-{self._settings.instance}-look-{image[-12:]}"
        released, declared = (
            self._engine.file(image, f"{heroku_buildpack.RESULT}/{file}", name)
            for file in ("release.yml", "Procfile")
        )
        processes = heroku_buildpack.processes(released or b"", declared)
        yield Line(f"Process types: {', '.join(processes)}")
        return replace(job, plan=replace(job.plan, processes=processes))

    def _earlier(self, source: Source, build: str) -> dict[str, Any] | None:
        """Return the image of an attempt under the same name that was cut off after its build."""
        found = self._engine.image(tag_of(source, build, self._settings.instance))
        labels = ((found or {}).get("Config") or {}).get("Labels") or {}
        return found if labels.get("empire.commit") == source.commit else None

    def _policy(self, source: Source) -> Policy:
        syntaxes = frozenset(self._settings.build_syntax_images.split(","))
        registry = self._settings.registry.rstrip("/")
        return Policy(source.app, self._settings.instance, self._engine.image, syntaxes, registry)

    def _stack(self, *, has_to_be_there: bool) -> Stack:
        """Look at the base image; one that is not ours may be pulled by the engine later."""
        name = self._settings.base_image
        found = self._engine.image(name)
        if found is None and has_to_be_there and name.startswith(OURS):
            raise errors.base_missing(name)
        return Stack.of(name, found["Config"] if found else None)

    @cached_property
    def _shop(self) -> Shop:
        settings = self._settings
        return Shop(
            settings.instance,
            settings.base_image,
            write_once(settings.home / "build.key", lambda: os.urandom(32)),
            surroundings.secrets(settings),
            self._has_buildkit,
            is_beside=settings.build_dockerfiles_trust,
        )

    @cached_property
    def _has_buildkit(self) -> bool:
        """Tell whether the engine builds with BuildKit: Docker's own since API 1.39, not Podman."""
        if self._settings.builder != "auto":
            return self._settings.builder == "buildkit"
        about = self._engine.get("/version") or {}
        numbers = tuple(int(part) for part in about.get("ApiVersion", "0").split("."))
        names = " ".join(str(part.get("Name")) for part in about.get("Components") or [])
        return numbers >= (1, 39) and "Podman" not in names

    @cached_property
    def _facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = self._engine.get("/info") or {}
        return facts


def _with_own_syntax(wanted: Order, error: BuildFailed) -> Order:
    """Return the order without its syntax line if that was what failed; raises the error if not."""
    image = wanted.syntax
    if not image or image.partition(":")[0] not in f"{error.what} {error.why}":
        raise error
    return wanted.without_syntax()
