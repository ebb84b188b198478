"""The project descriptor of Cloud Native Buildpacks, project.toml, in its versions 0.1 and 0.2."""

import re
from dataclasses import dataclass, field

from buildpacks import ignore, values
from buildpacks.values import Value

FILE = "project.toml"
KNOWN = ("_", "project", "build", "io")
BUILD = ("include", "exclude", "builder", "buildpacks", "group", "pre", "post", "build", "env")
ENV_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Project:
    """The file, read: buildpacks in their order, the build's environment, what it leaves out."""

    buildpacks: tuple[Value, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    ignored: str = ""
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def is_of_build(self) -> bool:
        """Tell whether it says anything of the build."""
        return bool(self.buildpacks or self.env or self.ignored)


def read(content: bytes) -> Project:
    """Return what the file says of the build; raises InvalidInput with file and line."""
    root = values.of_toml(FILE, content)
    old, new = root["build"], root["io"]["buildpacks"]
    listed = [
        *old["buildpacks"].each(),
        *(one for part in (new["pre"], new, new["post"]) for one in part["group"].each()),
    ]
    variables = (old["env"], new["build"]["env"], new["env"]["build"])
    env = dict(_variable(one) for part in variables for one in part.each())
    patterns, notes = _patterns(old if old["include"] or old["exclude"] else new)
    if env:
        notes.append(f"{FILE}: the build's environment has {', '.join(env)}")
    return Project(
        tuple(map(_named, listed)),
        env,
        ignore.of_patterns(patterns),
        tuple(notes),
        tuple(_doubts(root, old, new)),
    )


def _named(one: Value) -> Value:
    """Return the buildpack's id, or its address; raises InvalidInput for a script in the file."""
    if one["script"]:
        raise one["script"].wrong(
            "Buildpacks that stand in the file itself are not run.",
            "Use a buildpack with a name, or bring a Dockerfile.",
        )
    name = one["id"] or one["uri"]
    name.text()
    return name


def _variable(one: Value) -> tuple[str, str]:
    name, value = one["name"].text(), one["value"]
    if not ENV_NAME.fullmatch(name) or name == "PATH":
        raise one["name"].wrong("A build's environment cannot have a variable of this name.")
    if not isinstance(value.plain, str) or "\n" in value.plain or "\0" in value.plain:
        raise value.wrong("A variable's value is one line of text.")
    return name, value.plain


def _patterns(build: Value) -> tuple[list[str], list[str]]:
    """Return git's patterns of what to leave out, and the words for it."""
    include, exclude = ([one.text() for one in build[key].each()] for key in ("include", "exclude"))
    if include and exclude:
        raise build["exclude"].wrong(
            "The file has include too.", "Keep one of them: the format allows no more."
        )
    if include:
        return ["/**", *(f"!{one}" for one in include)], [
            f"{FILE} includes only {', '.join(include)}"
        ]
    return exclude, [f"{FILE} excludes {', '.join(exclude)}"] if exclude else []


def _doubts(root: Value, old: Value, new: Value) -> list[str]:
    unread = [
        *root.strangers(KNOWN),
        *root["io"].strangers(("buildpacks",)),
        *old.strangers(BUILD),
        *new.strangers(BUILD),
        *(part["builder"] for part in (old, new) if part["builder"]),
    ]
    return [f"{FILE}, line {one.line}: {one.name} is not read." for one in unread]
