"""One order to the engine: what shall be built, under which name, from which bytes."""

import hmac
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from buildpacks import context, errors, stamps, surroundings, wishes
from buildpacks.dockerfile import APP, OURS, VERSION, Secret, Workshop, mounted, private_id, render
from buildpacks.filesync import Offer
from buildpacks.folder import Folder, Item
from buildpacks.ignore import Ignored, like_git
from buildpacks.plan import Plan
from buildpacks.rewrite import rewritten
from buildpacks.ssh_agent import Key
from buildpacks.tree import Entry, Tree
from buildpacks.wishes import NOTHING, Granted
from empire.manifest import Source

DOCKERFILE = "Dockerfile"
SLUGIGNORE = ".slugignore"
# Directives stand at the very top, before any comment; only other directives may come first.
SYNTAX = re.compile(
    r"\A((?:#[ \t]*\w+[ \t]*=[^\n]*\n)*?)#[ \t]*syntax[ \t]*=[ \t]*(\S+)[^\n]*\n", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Order:
    """A build: the files of ours that head the context, then the commit's files below prefix."""

    tag: str
    labels: dict[str, str]
    first: dict[str, bytes]
    prefix: str
    is_left_out: Callable[[str], bool]
    secrets: dict[str, bytes] = field(default_factory=dict)
    arguments: dict[str, str] = field(default_factory=dict)
    target: str = ""
    keys: dict[str, Key] = field(default_factory=dict, repr=False)
    is_fresh: bool = False
    beside: tuple[Entry, ...] = ()

    def context(self, tree: Tree) -> Iterator[bytes]:
        """Yield the build context as a tar stream."""
        # The engine takes the Dockerfile from the tar itself, so it is sent even if ignored.
        entries = context.kept(
            tree, lambda path: self.prefix + path in self.first or self.is_left_out(path)
        )
        return context.stream(self.first, tree, entries, self.prefix, self.beside)

    def offer(self, tree: Tree, home: Path) -> Offer:
        """Return the build context as folders of which the engine takes what it lacks."""
        dockerfile = self.first[DOCKERFILE]
        own = {path: content for path, content in self.first.items() if path != DOCKERFILE}
        entries = context.kept(tree, self.is_left_out)
        folders = {
            "dockerfile": Folder([Item(DOCKERFILE, 0o100644, len(dockerfile), dockerfile)]),
            "context": Folder.of(own, tree, entries, self.prefix, self.beside),
        }
        return Offer(
            folders,
            tree.git_dir,
            stamps.file_of(home, self.labels.get("empire.app", "_bases")),
            tree.committed_at(),
        )

    def query(self, arguments: dict[str, str]) -> dict[str, str]:
        """Return the query of POST /build that both builders understand."""
        return {
            "t": self.tag,
            "dockerfile": DOCKERFILE,
            "labels": json.dumps(self.labels),
            "buildargs": json.dumps(arguments | self.arguments),
            "target": self.target,
            "nocache": "1" if self.is_fresh else "",
            "rm": "1",
            "forcerm": "1",
        }

    @property
    def syntax(self) -> str:
        """The image of a `# syntax=` line, empty without one."""
        found = SYNTAX.match(self._dockerfile)
        return found[2] if found else ""

    def without_syntax(self) -> "Order":
        """Return the order with the engine's own Dockerfile syntax."""
        text = SYNTAX.sub(r"\1", self._dockerfile).encode("utf-8", "surrogateescape")
        return replace(self, first={**self.first, DOCKERFILE: text})

    @property
    def _dockerfile(self) -> str:
        return self.first[DOCKERFILE].decode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class Shop:
    """What orders of one server have in common."""

    instance: str
    base: str
    cache_key: bytes
    secrets: dict[Secret, bytes]
    has_mounts: bool
    bench: str = ""
    is_beside: bool = False
    """Whether the secrets go to steps of apps' own Dockerfiles too."""
    generation: str = ""
    """Which of the app's caches are used: those of another generation are not."""


def order(
    tree: Tree, source: Source, build: str, plan: Plan, shop: Shop, granted: Granted = NOTHING
) -> Order:
    """Return the order that builds the plan, with what the app's own Dockerfile is granted."""
    labels = {
        "empire.app": source.app,
        "empire.commit": source.commit,
        "empire.instance": shop.instance,
        "empire.build": build,
    }
    tag = tag_of(source, build, shop.instance)
    ignored = left_out(tree, plan)
    if plan.dockerfile:
        dockerfile = tree.read(plan.dockerfile).decode("utf-8", "surrogateescape")
        text, secrets = _theirs(dockerfile, source, shop)
        first = {DOCKERFILE: text.encode("utf-8", "surrogateescape")}
        about = (granted.secrets | secrets, granted.arguments, granted.target, granted.keys)
        return Order(tag, labels, first, "", ignored, *about)
    return Order(
        tag,
        labels,
        _ours(plan, source, shop),
        f"{APP}/",
        ignored,
        secret_files(shop.secrets, has_mounts=shop.has_mounts)[1]
        | _version(source, shop)
        | granted.secrets,
        beside=plan.beside,
    )


def left_out(tree: Tree, plan: Plan) -> Callable[[str], bool]:
    """Return what tells whether a path of the source stays out of the build."""
    ignored = Ignored(_dockerignore(tree, plan.dockerfile or DOCKERFILE))
    if plan.dockerfile:
        return ignored
    slug = Ignored(like_git(tree.text(SLUGIGNORE)) if SLUGIGNORE in tree else "")
    wished = Ignored(plan.ignored)
    return lambda path: (
        path.startswith(plan.left_out) or ignored(path) or slug(path) or wished(path)
    )


def _version(source: Source, shop: Shop) -> dict[str, bytes]:
    return {VERSION: (source.version or source.commit).encode()} if shop.has_mounts else {}


def secret_files(
    secrets: dict[Secret, bytes], *, has_mounts: bool
) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Return which files of secrets go into the context, and which are handed over as mounts."""
    if has_mounts:
        return {}, {secret.id: content for secret, content in secrets.items()}
    return {f"{OURS}/{secret.id}": content for secret, content in secrets.items()}, {}


def tag_of(source: Source, build: str, instance: str) -> str:
    """Return the name under which this server finds a build's image again."""
    return f"empire/{source.app}:b-{re.sub(r'[^A-Za-z0-9_.-]', '-', build)[:100]}-{instance}"


def _theirs(text: str, source: Source, shop: Shop) -> tuple[str, dict[str, bytes]]:
    """Return the app's own Dockerfile as it is sent, and the operator's files for it."""
    if not shop.has_mounts:
        if wishes.has_mounts(text):
            raise errors.needs_buildkit()
        return text, {}
    files, arguments = surroundings.beside(shop.secrets) if shop.is_beside else ({}, [])
    mounts = [mounted(secret) for secret in files]
    key = _key_of(source, shop)
    text = rewritten(text, lambda name: private_id(name, key), mounts, arguments)
    return text, {secret.id: content for secret, content in files.items()}


def _key_of(source: Source, shop: Shop) -> bytes:
    """Return the app's key for the names of its caches."""
    name = f"{source.app} {shop.generation}".rstrip()
    return hmac.digest(shop.cache_key, name.encode(), "sha256")


def _ours(plan: Plan, source: Source, shop: Shop) -> dict[str, bytes]:
    workshop = Workshop(
        shop.base,
        tuple(shop.secrets),
        _key_of(source, shop),
        shop.has_mounts,
        shop.bench,
    )
    files = {f"{OURS}{path}": content for path, content in (plan.embedded | plan.aids).items()}
    files |= secret_files(shop.secrets, has_mounts=shop.has_mounts)[0]
    return {DOCKERFILE: render(plan, workshop).encode(), **files}


def _dockerignore(tree: Tree, dockerfile: str) -> str:
    for path in (f"{dockerfile}.dockerignore", ".dockerignore"):
        if path in tree:
            return tree.text(path)
    return ""
