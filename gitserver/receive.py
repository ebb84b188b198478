"""A push, from its first line to its report. The deployment it starts outlives the connection."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from subprocess import CalledProcessError

import structlog
from dulwich.errors import GitProtocolError, HangupException
from sqlmodel import Session

from empire import access, apps
from empire.access import Permission
from empire.apps import App
from empire.errors import EmpireError, InternalError, NotFound
from empire.events import Stage
from empire.names import AppName, Sha
from gitserver import deploy, errors, pack, pktlines, push_options, shallow, source
from gitserver.call import Call
from gitserver.pktlines import Request, Update
from gitserver.push_options import PushOptions
from gitserver.reply import Reply
from gitserver.verdicts import Verdicts, judge, refuse_together

log = structlog.get_logger()


def serve(call: Call) -> int:
    """Hold the conversation of a push and return the exit status.

    Raises EmpireError when it cannot even begin.
    """
    repositories = call.door.repositories
    known = _known_app(call)
    refs = repositories.refs(known.handle) if known else {}
    protocol = pktlines.over(call.channel)
    pktlines.advertise(protocol, refs, repositories.shallow(known.handle) if known else set())
    try:
        request = pktlines.read_request(protocol)
    except (GitProtocolError, HangupException):
        return 1
    if request.updates:
        reply = Reply(call, protocol, request.capabilities)
        Push(call, request, reply, refs).carry_out()
    return 0


@dataclass(slots=True)
class Push:
    """One push: what was asked, and the outcome of each ref so far."""

    call: Call
    request: Request
    reply: Reply
    refs: dict[str, Sha]
    verdicts: Verdicts = field(default_factory=dict)
    quarantine: Path | None = None
    is_received: bool = False
    handle: AppName = field(init=False)
    options: PushOptions = field(default_factory=PushOptions)

    def carry_out(self) -> None:
        """Do what may be done and report each ref's outcome."""
        unpacked = "ok"
        try:
            self._decide()
            self._receive()
            self._apply()
        except EmpireError as error:
            unpacked = self._fail(error)
        except Exception:
            unexpected = InternalError.with_reference()
            log.exception("push failed", app=self.call.app, what=unexpected.what)
            unpacked = self._fail(unexpected)
        finally:
            self._discard()
        self.reply.report(unpacked, self.verdicts)
        self._swallow()

    def _decide(self) -> None:
        self.options = push_options.parse(self.request.options)
        app = deploy.would_be(self.call) if self.options.is_dry else self._app()
        self.handle = app.handle
        self.verdicts = judge(self.request, self.refs, app.deploy_branch)
        for error in dict.fromkeys(self.verdicts.values()):
            if error and error.fix:
                self.reply.explain(error)

    def _app(self) -> App:
        """Return the app, made now when there is none; who may do this was asked before."""
        with self.call.door.store.writing() as session:
            try:
                return access.require(session, self.call.actor, self.call.app, Permission.DEPLOY)
            except NotFound:
                app = apps.create(session, self.call.app, by=self.call.actor)
        self.reply.show(Stage(f"Created app {self.call.app}"))
        return app

    def _receive(self) -> None:
        """Read the pack into a quarantine, unless every ref is refused already."""
        if not self.request.has_pack or not self._left():
            return
        repositories, call = self.call.door.repositories, self.call
        fresh = repositories.trial if self.options.is_dry else repositories.quarantine
        self.quarantine = fresh(self.handle)
        shallow.widen(self.quarantine, self.request.shallow)
        limit = call.door.settings.pack_max_mib
        pack.receive(call, self.quarantine, limit, self.reply.progress)
        self.is_received = True
        shallow.trim(self.quarantine, repositories.path(self.handle), self.request.shallow)

    def _apply(self) -> None:
        """Set tags and deploy. Without --atomic each ref has its own fate."""
        if self.options.is_dry:
            self._rehearse()
            return
        is_atomic = "atomic" in self.request.capabilities
        tags = [update for update in self._left() if update.is_tag]
        branches = [update for update in self._left() if update.branch]
        if not is_atomic:
            for tag in tags:
                self._set_tags([tag])
        for update in branches:
            self._deploy(update)
        if is_atomic:
            refuse_together(self.verdicts)
            self._set_tags([tag for tag in tags if not self.verdicts[tag.ref]])

    def _rehearse(self) -> None:
        """Say what would happen; nothing of it does, so every ref is rejected."""
        for update in self._left():
            if update.branch:
                self._deploy(update)
            else:
                self.verdicts[update.ref] = errors.dry_run()

    def _set_tags(self, tags: list[Update]) -> None:
        """Set the tags together; when git cannot, all of them are refused with its words."""
        changes = {tag.ref: (tag.old, tag.new) for tag in tags}
        try:
            if changes:
                self.call.door.repositories.set_refs(self.handle, changes, self.quarantine)
        except CalledProcessError as error:
            words = error.stderr.decode("utf-8", "replace").strip().removeprefix("fatal: ")
            self.verdicts |= dict.fromkeys(changes, errors.unknown_ref_failure(words))

    def _deploy(self, update: Update) -> None:
        try:
            self.verdicts[update.ref] = self._deployed(update)
        except EmpireError as error:
            self.reply.explain(error)
            self.verdicts[update.ref] = error

    def _deployed(self, update: Update) -> EmpireError | None:
        assert update.new
        assert self.quarantine
        call = self.call
        with call.activity.working():
            pushed = source.open_commit(self.handle, self.quarantine, update.new, update.ref)
            for warning in source.analyse(pushed, call.door.settings):
                self.reply.show(warning)
            if self.options.message:
                pushed = replace(pushed, subject=self.options.message)
            is_fresh = self.options.is_fresh
            if self.options.is_dry:
                return deploy.rehearse(call, pushed, self.reply, is_fresh=is_fresh)
            deployment, is_attached = deploy.submit(call, pushed, update.ref, is_fresh=is_fresh)
            if not is_attached:
                self.quarantine = None  # the deployment's from here on
            if self.options.is_detached:
                self.reply.show(errors.detached(deployment.number))
                return None
            return deploy.follow(call, deployment, self.reply)

    def _left(self) -> list[Update]:
        return [update for update in self.request.updates if not self.verdicts[update.ref]]

    def _fail(self, error: EmpireError) -> str:
        self.reply.explain(error)
        for update in self.request.updates:
            self.verdicts[update.ref] = self.verdicts.get(update.ref) or error
        return error.what.partition("\n")[0]

    def _discard(self) -> None:
        if self.quarantine:
            self.call.door.repositories.discard(self.quarantine)

    def _swallow(self) -> None:
        """Let a client that still sends finish, so that it reads the report."""
        if self.request.has_pack and not self.is_received:
            pack.swallow(self.call)


def _known_app(call: Call) -> App | None:
    """Return the app, or None where the push makes it; raises unless the person may push here."""
    door = call.door
    with door.store.reading() as session:
        try:
            return access.require(session, call.actor, call.app, Permission.DEPLOY)
        except NotFound:
            may_create = door.settings.create_apps_on_push and access.may_create_apps(
                session, call.actor
            )
            if not may_create or _is_taken(session, call.app):
                raise errors.no_such_app(call.app) from None
            return None


def _is_taken(session: Session, name: AppName) -> bool:
    try:
        apps.find(session, name)
    except NotFound:
        return False
    return True
