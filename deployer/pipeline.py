"""The story of a deployment, one function per step.

Each yields what a person should see and ends with the one transaction that writes its result and
the next station together. Each may run again after a crash: it looks first, then acts.
"""

from collections.abc import Callable

from deployer import archives, release_phase
from deployer.journey import Journey
from empire import (
    access,
    builds,
    config_vars,
    deployments,
    leases,
    manifests,
    one_offs,
    releases,
    remains,
    routing,
    unchanged,
)
from empire.apps import App
from empire.builds import Build
from empire.deployments import ARRIVING, Deployment, Kind, Step
from empire.events import Line, Released, Stage, Stream
from empire.manifest import Image, Manifest
from empire.releases import Status
from empire.store import now


def build(journey: Journey) -> Stream[None]:
    """Turn the source that came into an image."""
    with journey.store.reading() as session:
        config = releases.config_of(session, releases.newest(session, journey.app.id))
        size_before = builds.newest_size(session, journey.app.id)
    source = yield from archives.source_of(journey)
    image = yield from journey.platform.builder.build(
        source,
        journey.deployment.id,
        journey.is_cancelled,
        config,
        unchanged.known_to(journey.store, journey.platform, journey.app.id),
        is_fresh=journey.deployment.is_fresh,
    )
    yield from _kept(journey, image, size_before)


def take(journey: Journey) -> Stream[None]:
    """Find the image that was built elsewhere; another app's is for those who may see that app."""
    with journey.store.reading() as session:
        name = deployments.image_name_of(session, journey.deployment)
        size_before = builds.newest_size(session, journey.app.id)
    image, maker = yield from journey.platform.builder.take(name, journey.is_cancelled)
    if maker and maker != journey.app.handle:
        with journey.store.reading() as session:
            access.require_handle(session, journey.deployment.actor, maker, name)
    yield from _kept(journey, image, size_before)


def _kept(journey: Journey, image: Image, size_before: int) -> Stream[None]:
    if told := _growth(image.size_bytes - size_before, size_before):
        yield Line(told)
    image = yield from journey.platform.registry.push(
        journey.app.handle, image, f"d{journey.number}"
    )
    with journey.advancing(Step.BUILT) as (session, deployment):
        builds.succeed(session, _build_of(session.get(Build, deployment.id)), image)


def release(journey: Journey) -> Stream[None]:
    """Make the numbered release: the new image with the app's config, or the other way round."""
    with journey.advancing(Step.RELEASED) as (session, deployment):
        app, actor = session.get_one(App, journey.app.id), deployment.actor
        if deployment.kind in ARRIVING:
            build = _build_of(session.get(Build, deployment.id))
            text, commit = _described(deployment)
            made = releases.of_image(session, app, builds.image_of(build), text, commit, by=actor)
            build.release_id = made.id
        elif deployment.kind == Kind.ROLLBACK:
            to = deployments.rollback_target_of(session, deployment)
            made = releases.of_rollback(session, app, to, deployment.subject, by=actor)
        else:
            config = releases.config_of(session, releases.newest(session, app.id))
            config = config_vars.applied(config, deployments.change_of(session, deployment))
            made = releases.of_config(session, app, config, deployment.subject, by=actor)
        deployment.version = made.version
    yield Released(made.version)


def prepare(journey: Journey) -> Stream[None]:
    """Run the release phase of a new version that asks for one."""
    with journey.store.reading() as session:
        one_off = one_offs.of_release_phase(session, journey.app, journey.deployment)
    if one_off:
        yield from release_phase.run(journey, one_off)
    with journey.advancing(Step.PREPARED):
        pass
    if one_off:
        journey.platform.one_offs.remove(one_off.app, one_off.name)


def start(journey: Journey) -> Stream[None]:
    """Start the new version beside the old one and wait until it is healthy."""
    manifest = journey.manifest()
    if manifest is None and journey.deployment.kind != Kind.CONFIG:
        raise releases.none_to_run(journey.app)  # the first version, which it was for, failed
    if manifest is None:  # config vars before the first version: they wait for it in their release
        with journey.advancing(Step.LIVE):
            return
    yield Stage(_announced(journey.deployment, manifest))
    journey.targets = yield from journey.platform.scheduler.start(manifest, journey.is_cancelled)
    with journey.advancing(Step.STARTED) as (_, deployment):
        deployment.version = manifest.version


def route(journey: Journey) -> Stream[None]:
    """Let the new version serve. It is live when this is committed, and not before."""
    manifest = journey.manifest()
    assert manifest is not None, "what has no image is live without a start"
    if journey.targets is None:  # after a restart: what was healthy then may be gone now
        journey.targets = yield from journey.platform.scheduler.start(
            manifest, journey.is_cancelled
        )
    # Who else sets the route asks the database what is live: not between the switch and the commit.
    with journey.store.turns.of(journey.app.id):
        routing.switch(journey.store, journey.platform, journey.app, journey.targets)
        # Only now: the first request need not wait for it, and what is live is always kept.
        journey.platform.scheduler.keep(manifest)
        with journey.advancing(Step.LIVE) as (session, deployment):
            if deployment.is_cancelled:  # whoever asked was told that it will not go live
                raise deployments.cancellation(deployment)
            app = session.get_one(App, journey.app.id)
            app.released_at = app.updated_at = now()
            app.deploy_branch = deployment.ref.removeprefix("refs/heads/") or app.deploy_branch
            manifests.went_live(session, app, manifest)
            if deployment.kind in deployments.MAKING_RELEASES:
                made = releases.find(session, app.id, str(deployment.version))
                releases.finish(session, made, Status.SUCCEEDED)


def destroy(journey: Journey) -> Stream[None]:
    """Take the app away: what runs, what routes to it, what it is made of, and at last its rows."""
    platform, app = journey.platform, journey.app
    platform.router.remove(app.handle)
    platform.scheduler.stop(app.handle)
    platform.one_offs.remove(app.handle)
    platform.registry.delete(app.handle, frozenset())
    platform.builder.remove(app.handle)
    platform.sources.remove(app.handle)
    platform.logs.remove(app.handle)
    with journey.store.reading() as session:
        journals = [d.id for d in deployments.of_app(session, app.id, limit=1_000_000)]
    for journal in journals:
        journey.store.journals.remove(journal)
    with journey.store.writing() as session:
        leases.held(session, journey.number, journey.owner)
        remains.forget(session, session.get_one(App, app.id))
    yield from ()


STORY: dict[tuple[Kind, Step], Callable[[Journey], Stream[None]]] = {
    (Kind.PUSH, Step.RECEIVED): build,
    (Kind.PUSH, Step.BUILT): release,
    (Kind.PUSH, Step.RELEASED): prepare,
    (Kind.PUSH, Step.PREPARED): start,
    (Kind.PUSH, Step.STARTED): route,
    (Kind.SOURCE, Step.RECEIVED): build,
    (Kind.SOURCE, Step.BUILT): release,
    (Kind.SOURCE, Step.RELEASED): prepare,
    (Kind.SOURCE, Step.PREPARED): start,
    (Kind.SOURCE, Step.STARTED): route,
    (Kind.IMAGE, Step.RECEIVED): take,
    (Kind.IMAGE, Step.BUILT): release,
    (Kind.IMAGE, Step.RELEASED): prepare,
    (Kind.IMAGE, Step.PREPARED): start,
    (Kind.IMAGE, Step.STARTED): route,
    (Kind.CONFIG, Step.BUILT): release,
    (Kind.CONFIG, Step.RELEASED): start,
    (Kind.CONFIG, Step.STARTED): route,
    (Kind.ROLLBACK, Step.BUILT): release,
    (Kind.ROLLBACK, Step.RELEASED): start,
    (Kind.ROLLBACK, Step.STARTED): route,
    (Kind.SCALE, Step.PREPARED): start,
    (Kind.SCALE, Step.STARTED): route,
    (Kind.RESTART, Step.PREPARED): start,
    (Kind.RESTART, Step.STARTED): route,
    (Kind.DESTROY, Step.RECEIVED): destroy,
}


def next_step(deployment: Deployment) -> Callable[[Journey], Stream[None]]:
    """Return the function that carries the deployment on from where it is."""
    return STORY[deployment.kind, deployment.step]


def _described(deployment: Deployment) -> tuple[str, str]:
    """Return the description of an arriving version's release, and its commit if git brought it."""
    if deployment.kind != Kind.PUSH:
        return f"Deploy {deployment.subject}", ""
    text = f"Deploy {deployment.commit[:8]}: {deployment.subject}".removesuffix(": ")
    return text, deployment.commit


def _announced(deployment: Deployment, manifest: Manifest) -> str:
    if deployment.kind not in deployments.MAKING_RELEASES:
        return deployment.subject
    count = sum(start == manifest.deployment for _, _, start in manifest.places())
    return f"Starting v{manifest.version} ({count} {'dyno' if count == 1 else 'dynos'})"


def _growth(difference: int, before: int) -> str:
    """Return how the image's size differs from the last release's, empty where hardly."""
    if not before or abs(difference) < 50_000:
        return ""
    word = "larger" if difference > 0 else "smaller"
    return f"The image is {abs(difference) / 1e6:.1f} MB {word} than the last release's"


def _build_of(build: Build | None) -> Build:
    assert build is not None, "a push and its build are submitted in one transaction"
    return build
