"""Apps: a name, an owner, a deploy branch. An app owns its releases, config and formation."""

import secrets
from datetime import datetime

from sqlmodel import Field, Session, SQLModel, or_, select

from empire import domains, releases
from empire.actors import Actor, record
from empire.errors import Conflict, NotFound
from empire.manifest import Placement
from empire.names import AppName, Hostname
from empire.store import UtcDateTime, new_id, now, store_of
from empire.users import Role, User

BRANCHES = ("main", "master")  # either may be the first deploy branch


class App(SQLModel, table=True):
    """An app. `deploy_branch` is empty until the first deployment through git is live.

    `handle` is what its dynos, images, repository and logs are named by: the first name that it had.
    It stays when the app is renamed, so that a rename moves and restarts nothing.
    An internal app answers to other apps, not to the world; that is so from its start to its end.
    """

    __tablename__ = "apps"

    id: str = Field(default_factory=new_id, primary_key=True)
    name: AppName = Field(unique=True, index=True)
    handle: AppName = Field(unique=True, index=True)
    owner_id: str = Field(foreign_key="users.id", index=True)
    deploy_branch: str = ""
    is_leaving: bool = False
    is_in_maintenance: bool = False
    capacity: str = ""
    architecture: str = ""
    task_role: str = ""
    is_internal: bool = False
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    updated_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    released_at: datetime | None = Field(default=None, sa_type=UtcDateTime)

    @property
    def placement(self) -> Placement:
        """Where the app's dynos run."""
        return Placement(self.capacity, self.architecture, self.task_role, self.is_internal)


def create(
    session: Session, name: str | None = None, *, is_internal: bool = False, by: Actor
) -> App:
    """Return a new app with its first release, which has no image yet.

    Without a name it gets one. Raises InvalidInput for a bad name, Conflict for a taken one, and
    for an internal app where the server has no internal names.
    """
    checked = AppName(name) if name else _unused_name(session)
    _refuse_taken(session, checked, "empire apps:create NAME")
    if is_internal and not store_of(session).settings.aws_internal_domain:
        raise _no_internal_names()
    app = App(name=checked, handle=_unused_handle(session, checked), owner_id=by.user_id)
    app.is_internal = is_internal
    session.add(app)
    session.flush()
    releases.begin(session, app, by=by)
    record(session, by, "apps:create", checked, "internal" if is_internal else "")
    return app


def rename(session: Session, app: App, name: str, *, by: Actor) -> None:
    """Give the app another name; raises InvalidInput for a bad one, Conflict for a taken one."""
    checked = AppName(name)
    if checked == app.name:
        return
    _refuse_taken(session, checked, "empire apps:rename NAME")
    record(session, by, "apps:rename", checked, f"was {app.name}")
    app.name, app.updated_at = checked, now()
    session.add(app)


def maintain(session: Session, app: App, is_on: bool, *, by: Actor) -> None:
    """Turn maintenance on or off: while it is on, requests get a page and no dyno sees them."""
    record(session, by, f"maintenance:{'on' if is_on else 'off'}", app.name)
    app.is_in_maintenance, app.updated_at = is_on, now()
    session.add(app)


def find(session: Session, name_or_id: str) -> App:
    """Return the app; raises NotFound. It asks no permission: doors use access.require."""
    query = select(App).where(or_(App.name == name_or_id, App.id == name_or_id))
    app = session.exec(query).first()
    if not app:
        raise missing(name_or_id)
    return app


def visible_to(session: Session, actor: Actor) -> list[App]:
    """Return the apps that the person may see, by name."""
    user = session.get(User, actor.user_id)
    query = select(App).order_by(App.name)
    if user is None or user.role == Role.MEMBER:
        query = query.where(App.owner_id == actor.user_id)
    return list(session.exec(query))


def hostnames(session: Session, app: App) -> tuple[Hostname, ...]:
    """Return the host names under which the app answers, the main one first."""
    settings = store_of(session).settings
    zone = settings.aws_internal_domain if app.is_internal else settings.apps_domain
    added = (domain.hostname for domain in domains.of(session, app.id))
    return (Hostname(f"{app.name}.{zone}"), *added)


def missing(name: str) -> NotFound:
    """Return the error for an app that is not there, or not for this person: one text for both."""
    return NotFound(
        f"There is no app {name!r} that you can see.",
        fix="`empire apps` lists your apps; `empire apps:create NAME` makes one.",
    )


def _no_internal_names() -> Conflict:
    return Conflict(
        "This server has no internal apps.",
        why="They need a load balancer inside a network, as on AWS, and a domain of its names.",
        fix="Make a public app, or set EMPIRE_AWS_INTERNAL_DOMAIN.",
    )


def _refuse_taken(session: Session, name: AppName, command: str) -> None:
    if session.exec(select(App).where(App.name == name)).first():
        raise Conflict(
            f"There is already an app named {name}.",
            why="App names are unique on a server.",
            fix=f"Choose another name: {command}",
        )


def _unused_handle(session: Session, name: AppName) -> AppName:
    handle = name
    while session.exec(select(App).where(App.handle == handle)).first():
        handle = AppName(f"{name[:25].rstrip('-')}-{secrets.token_hex(2)}")
    return handle


def _unused_name(session: Session) -> AppName:
    while True:
        name = AppName(
            f"{secrets.choice(_FIRST)}-{secrets.choice(_SECOND)}-{secrets.randbelow(9000) + 1000}"
        )
        if not session.exec(select(App).where(App.name == name)).first():
            return name


_FIRST = (
    "amber",
    "brave",
    "calm",
    "crisp",
    "eager",
    "gentle",
    "lively",
    "quiet",
    "silver",
    "sunny",
)
_SECOND = (
    "anchor",
    "brook",
    "cedar",
    "falcon",
    "harbor",
    "lantern",
    "meadow",
    "orchard",
    "river",
    "summit",
)
