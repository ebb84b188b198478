"""Classic Heroku buildpacks by git URL: their programs run in the stack's image, in one build step."""

import hashlib
import hmac
import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files

from buildpacks import listed, procfile, yaml_file
from buildpacks import repository_errors as errors
from buildpacks.git_address import Address, parsed
from buildpacks.git_fetch import Fetches
from buildpacks.heroku_steps import STACK
from buildpacks.plan import Artifact, Base, Cache, Copy, Plan, Run
from buildpacks.stack_facts import Stack
from buildpacks.tree import Entry, Tree
from buildpacks.values import Value
from empire.errors import BuildFailed, InvalidInput
from empire.events import Event, Line, Stage, Stream
from empire.manifest import Source
from empire.names import Sha
from empire.secrets import Secret

NAME = "Heroku"
URL, FILE = "BUILDPACK_URL", ".buildpacks"
STEPS, SHELL, RESULT = "/opt/empire/heroku_steps.py", "/usr/bin/sh", "/opt/empire/heroku"
NEEDED = ("bin/detect", "bin/compile")
ARCHIVE = re.compile(r"\.(tgz|tar\.gz|zip)(#.*)?", re.IGNORECASE)
OWNED = re.compile(r"(?:urn:buildpack:)?([\w-]+)/([\w-]+)")
FAILED = re.compile(r"buildpack (\d+) (said no|failed): (.*)")
# What buildpacks expect to find, of what Heroku's images have.
RUNNING = ("bzip2", "curl", "file", "jq", "less", "openssl", "procps", "python3", "unzip",
           "xz-utils", "zip", "zstd")  # fmt: skip
BUILDING = ("autoconf", "automake", "bison", "build-essential", "git", "libbz2-dev", "libffi-dev",
            "libpq-dev", "libreadline-dev", "libsqlite3-dev", "libssl-dev", "libyaml-dev",
            "openssh-client", "pkg-config", "python3-dev", "zlib1g-dev")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Brought:
    """A buildpack's repository at one commit, with its files."""

    address: Address
    commit: str
    entries: tuple[Entry, ...] = ()

    @property
    def shown(self) -> str:
        """The buildpack as people may read it."""
        return f"{self.address.shown} at {self.commit[:12]}"


@dataclass(frozen=True, slots=True)
class Classic:
    """The buildpacks that an app asks for; what is `brought` has to be there before the plan.

    `config` are the names of the config vars that they get, `mark` differs when a value does.
    """

    asked: tuple[Value, ...]
    brought: tuple[Brought, ...] = ()
    config: tuple[str, ...] = ()
    mark: str = ""

    def recognises(self, tree: Tree) -> bool:  # noqa: ARG002 - bin/detect decides, in the build
        """Tell that the app asked for them."""
        return True

    def plan(self, tree: Tree, stack: Stack) -> Plan:  # noqa: ARG002 - any Debian will do
        """Return how to run them; process types of theirs are known after the build."""
        declared = procfile.parse(tree.read("Procfile")) if "Procfile" in tree else {}
        return Plan(
            NAME,
            declared,
            notes=tuple(self._notes()),
            warnings=tuple(
                f"{one.address.shown} has submodules, which are not fetched."
                for one in self.brought
                if any(entry.is_submodule for entry in one.entries)
            ),
            steps=(Copy((".",), "/tmp/build/"), self._run()),  # noqa: S108 - in the container
            artifacts=(Artifact("/tmp/result", RESULT), Artifact("/tmp/build", "/app")),  # noqa: S108
            embedded={SHELL: files("buildpacks").joinpath("heroku_shell.sh").read_bytes()},
            aids={STEPS: files("buildpacks").joinpath("heroku_steps.py").read_bytes()},
            base=Base("heroku:24", packages=RUNNING),
            workbench=Base("heroku-build:24", packages=(*RUNNING, *BUILDING)),
            env={"HOME": "/app", "STACK": STACK},
            beside=tuple(self._beside()),
            takes_code=False,
        )

    def fetched(self, allowed: str, fetches: Fetches) -> Stream["Classic"]:
        """Return the same with the buildpacks at their commits; raises BuildFailed, InvalidInput."""
        brought = []
        for one in self.asked:
            address = address_of(one, allowed)
            yield Line(f"Fetching the buildpack {address.shown}")
            commit = fetches.commit(address)
            source = Source(fetches.app, Sha(commit), Sha(commit), fetches.git_dir)
            with Tree(source) as tree:
                if missing := [path for path in NEEDED if path not in tree]:
                    raise errors.no_buildpack(address.shown, commit, missing)
                brought.append(Brought(address, commit, tuple(tree.entries.values())))
        return replace(self, brought=tuple(brought))

    def told(self, config: Mapping[str, Secret], key: bytes) -> "Classic":
        """Return the same with the names of config vars that it gets, as files and in no layer."""
        names = tuple(sorted(name for name in config if name != URL))
        values = json.dumps([(name, config[name].reveal()) for name in names])
        mark = hmac.new(key, values.encode(), hashlib.sha256).hexdigest()[:20] if names else ""
        return replace(self, config=names, mark=mark)

    def _run(self) -> Run:
        names = shlex.quote(json.dumps([one.shown for one in self.brought]))
        # A secret's value alone runs no step again; what buildpacks make does depend on it.
        mark = f"CONFIG={self.mark} " if self.mark else ""
        cache = Cache("heroku", "/tmp/cache")  # noqa: S108 - in the container
        return Run(f"{mark}python3 {STEPS} {names}", True, (cache,), True, self.config)

    def _notes(self) -> Iterator[str]:
        yield f"{self.asked[0].where} asks for classic buildpacks, on the stack {STACK}"
        for number, one in enumerate(self.brought, start=1):
            yield f"Buildpack {number}: {one.shown}"
        yield "Process types: those of the last one's bin/release, and over them the Procfile's"
        if self.config:
            yield f"Config vars in ENV_DIR: {', '.join(self.config)}"

    def _beside(self) -> Iterator[Entry]:
        for number, one in enumerate(self.brought, start=1):
            for entry in one.entries:
                if not entry.is_submodule:
                    yield replace(entry, path=f"buildpacks/{number:02}/{entry.path}")


def of_config(config: Mapping[str, Secret]) -> list[Value]:
    """Return what the config var BUILDPACK_URL asks for."""
    wanted = config[URL].reveal().strip() if URL in config else ""
    return [Value(URL, wanted, lambda *_: 0)] if wanted else []


def of_file(tree: Tree) -> list[Value]:
    """Return what the file .buildpacks asks for: one a line, in order."""
    lines = tree.text(FILE).splitlines() if FILE in tree else []
    return [
        Value(FILE, line.strip(), lambda *_, number=number: number)
        for number, line in enumerate(lines, start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]


def has_addresses(asked: Sequence[Value]) -> bool:
    """Tell whether any of them is a repository that no builtin buildpack stands for."""
    texts = [one.text() for one in asked]
    return any(
        re.search(r"://|@.*:|^\.{0,2}/", text) and not listed.builtin(text) for text in texts
    )


def processes(released: bytes, declared: bytes | None) -> dict[str, str]:
    """Return the process types after a build: bin/release's, and over them the Procfile's.

    Raises InvalidInput for what cannot be read, BuildFailed when there are none.
    """
    types = yaml_file.of_yaml("bin/release", released)["default_process_types"]
    found = {name: command.text() for name, command in types.items()}
    found |= procfile.parse(declared) if declared is not None else {}
    if not found:
        raise errors.no_processes()
    return found


def as_heroku_says(events: Stream[tuple[str, str]]) -> Stream[tuple[str, str]]:
    """Show the buildpacks' own headlines as such, and say plainly which of them failed."""
    try:
        while True:
            yield _shown(next(events))
    except StopIteration as end:
        made: tuple[str, str] = end.value
        return made
    except BuildFailed as error:
        *lines, last = error.why.splitlines() or [""]
        if found := FAILED.fullmatch(last):
            kind = errors.refused if found[2] == "said no" else errors.failed
            raise kind(int(found[1]), found[3], lines) from None
        raise
    finally:
        events.close()  # whoever stops listening ends the build


def _shown(event: Event) -> Event:
    if isinstance(event, Line):
        if event.text.startswith("-----> "):
            return Stage(event.text.removeprefix("-----> "))
        return Line(event.text.removeprefix(" " * 7))
    return event


def address_of(one: Value, allowed: str) -> Address:
    """Return where the buildpack is fetched from; raises InvalidInput with file and line."""
    text = one.text()
    if found := OWNED.fullmatch(text):
        text = f"https://github.com/{found[1]}/heroku-buildpack-{found[2]}"
    if ARCHIVE.search(text):
        raise one.wrong("It is an archive; name the buildpack's git repository.")
    try:
        return parsed(text, allowed)
    except InvalidInput as error:
        raise errors.wrong_buildpack(one.where, error.what, error.why) from None
