"""The wire: Heroku's resources, field by field (platform API schema), and our own deployment.

Every field that the schema lists is there; what this platform has nothing for is null.
"""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import NAMESPACE_URL, uuid5

from pydantic import BaseModel, PlainSerializer


def as_written(time: datetime) -> str:
    """Return the time in ISO 8601, UTC, to the second."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def stable_id(kind: str, name: str) -> str:
    """Return the same UUID for the same thing, for what the domain knows by another name."""
    return str(uuid5(NAMESPACE_URL, f"empire:{kind}:{name}"))


Time = Annotated[datetime, PlainSerializer(as_written)]


class Shape(BaseModel):
    """A resource on the wire."""


class Named(Shape):
    """A reference to something that has a name."""

    id: str
    name: str


class Person(Shape):
    """A reference to a person."""

    id: str
    email: str


class Reference(Shape):
    """A reference by id alone."""

    id: str


class App(Shape):
    """Heroku's app."""

    acm: bool = False
    archived_at: Time | None = None
    buildpack_provided_description: str | None = None
    build_stack: Named
    created_at: Time
    generation: Named
    git_url: str
    id: str
    internal_routing: bool | None = False
    maintenance: bool = False
    name: str
    owner: Person
    organization: Named | None = None
    team: Named | None = None
    region: Named
    released_at: Time | None
    repo_size: int | None = None
    slug_size: int | None = None
    space: Named | None = None
    stack: Named
    updated_at: Time
    web_url: str | None


class Account(Shape):
    """Heroku's account: the person who asks."""

    allow_tracking: bool = False
    beta: bool = False
    created_at: Time
    email: str
    federated: bool = False
    id: str
    identity_provider: None = None
    last_login: Time | None = None
    name: str | None
    sms_number: str | None = None
    suspended_at: Time | None = None
    delinquent_at: Time | None = None
    two_factor_authentication: bool = False
    updated_at: Time
    verified: bool = True
    country_of_residence: str | None = None
    default_organization: None = None
    default_team: None = None


class Domain(Shape):
    """Heroku's domain; `status` is pending until it has its certificate, none where it needs none."""

    acm_status: str | None = None
    acm_status_reason: str | None = None
    app: Named
    cname: str | None
    created_at: Time
    hostname: str
    id: str
    kind: str
    updated_at: Time
    status: str = "none"
    sni_endpoint: Named | None = None


class Key(Shape):
    """Heroku's key; the fingerprint is OpenSSH's present form."""

    comment: str
    created_at: Time
    email: str
    fingerprint: str
    id: str
    public_key: str
    updated_at: Time


class ReleaseReference(Shape):
    """A reference to a release."""

    id: str
    version: int


class Dyno(Shape):
    """Heroku's dyno."""

    attach_url: str | None = None
    command: str
    created_at: Time
    id: str
    name: str
    release: ReleaseReference
    app: Named
    size: str
    state: str
    type: str
    updated_at: Time


class Artifact(Shape):
    """What a release runs."""

    type: str = "slug"
    id: str


class Release(Shape):
    """Heroku's release."""

    addon_plan_names: list[str] = []
    artifacts: list[Artifact]
    app: Named
    created_at: Time
    description: str
    id: str
    updated_at: Time
    slug: Reference | None
    status: str
    user: Person
    version: int
    current: bool
    output_stream_url: str | None = None
    eligible_for_rollback: bool


class Buildpack(Shape):
    """What built an image."""

    name: str
    url: str


class SourceBlob(Shape):
    """Heroku's place of a source; of one that came through git `version` is the commit."""

    checksum: str | None = None
    url: str = ""
    version: str | None
    version_description: str | None = None


class Build(Shape):
    """Heroku's build."""

    app: Reference
    buildpacks: list[Buildpack] | None
    created_at: Time
    generation: str = "cedar"
    id: str
    output_stream_url: str
    source_blob: SourceBlob
    release: Reference | None
    slug: Reference | None
    stack: str = "container"
    status: str
    updated_at: Time
    user: Person


class BuildLine(Shape):
    """One line of a build's output."""

    line: str
    stream: str


class BuildState(Shape):
    """What became of a build."""

    id: str
    status: str
    output_stream_url: str


class BuildResult(Shape):
    """Heroku's result of a build; `exit_code` is None while it runs."""

    build: BuildState
    exit_code: int | None
    lines: list[BuildLine]


class Formation(Shape):
    """Heroku's formation: one process type."""

    app: Named
    command: str
    created_at: Time
    dyno_size: Named
    id: str
    quantity: int
    size: str
    type: str
    updated_at: Time


class LogSession(Shape):
    """Heroku's log session."""

    created_at: Time
    id: str
    logplex_url: str
    updated_at: Time


class Change(Shape):
    """Our own: one difference between two releases; empty where it is not there."""

    what: str
    old: str
    new: str


class Collaborator(Shape):
    """Heroku's collaborator."""

    app: Named
    created_at: Time
    id: str
    permissions: list[dict[str, str]] = []
    role: str | None
    updated_at: Time
    user: "Collaborating"


class Collaborating(Person):
    """A person who works on an app."""

    federated: bool = False


class Extended(Shape):
    """What `?extended=true` tells of a dyno: Heroku's fields, and our own from `restarts` on."""

    region: str = "local"
    execution_plane: str | None = None
    fleet: str | None = None
    instance: str
    ip: str | None
    port: int | None
    az: str | None = None
    route: str | None = None
    restarts: int
    exit_code: int | None
    is_out_of_memory: bool
    last_lines: list[str]


class ExtendedDyno(Dyno):
    """A dyno with all that is known of it."""

    extended: Extended


class Failure(Shape):
    """Why a deployment did not go live."""

    code: str
    what: str
    why: str
    fix: str


class Deployment(Shape):
    """Our own: the journey of one change to live."""

    id: str
    number: int
    app: Named
    kind: str
    step: str
    is_open: bool
    description: str
    ref: str
    commit: str
    user: Person
    version: int | None
    failure: Failure | None
    created_at: Time
    updated_at: Time


Config = dict[str, str]
Nothing = dict[str, Any]

STACK = Named(id=stable_id("stack", "container"), name="container")
GENERATION = Named(id=stable_id("generation", "cedar"), name="cedar")
"""Heroku's word for apps with endless logs and slugs; its CLI reads `fir` as another kind."""
REGION = Named(id=stable_id("region", "local"), name="local")


def slug_of(image: str | None) -> Reference | None:
    """Return the image as Heroku's slug."""
    return Reference(id=stable_id("slug", image)) if image else None
