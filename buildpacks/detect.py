"""Which buildpack an app gets: the first that recognises it. A new language is a file and a line.

What the app's files say of the build in other platforms' formats comes on top of its plan.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from buildpacks import (
    app_json,
    dockerfile_app,
    errors,
    golang,
    heroku_buildpack,
    heroku_yml,
    java,
    listed,
    node,
    php,
    procfile_app,
    project_toml,
    python,
    ruby,
    static,
)
from buildpacks.heroku_buildpack import Classic
from buildpacks.ignore import Ignored
from buildpacks.plan import Plan
from buildpacks.stack_facts import Stack
from buildpacks.tree import Tree
from buildpacks.values import Value
from empire.platform import NOTHING
from empire.secrets import Secret


class Buildpack(Protocol):
    """What a language's module offers."""

    def recognises(self, tree: Tree) -> bool:
        """Tell whether the app is of this kind."""
        ...

    def plan(self, tree: Tree, stack: Stack) -> Plan:
        """Return how to build it; raises BuildFailed or InvalidInput with what to change."""
        ...


LANGUAGES: dict[str, Buildpack] = {
    "ruby": ruby,
    "golang": golang,
    "java": java,
    "php": php,
    "python": python,
    "node": node,
    "static": static,
    "procfile_app": procfile_app,
}
OWN: tuple[Buildpack, ...] = (heroku_yml, dockerfile_app)
"""Apps that bring a Dockerfile."""


@dataclass(frozen=True, slots=True)
class Detected:
    """The buildpack for an app, and what its plan has to say of this choice."""

    buildpack: Buildpack
    notes: tuple[str, ...] = ()

    @property
    def needs_base(self) -> bool:
        """Tell whether it builds on the server's base image."""
        return self.buildpack not in OWN

    def plan(self, tree: Tree, stack: Stack) -> Plan:
        """Return the plan with what the app's files add; raises BuildFailed, InvalidInput."""
        plan = self.buildpack.plan(_seen(tree) if self.needs_base else tree, stack)
        plan = replace(plan, notes=(*self.notes, *plan.notes))
        for add in (_with_heroku_yml, _with_app_json, _with_project_toml):
            plan = add(plan, tree)
        return plan


def detect(tree: Tree, config: Mapping[str, Secret] = NOTHING) -> Detected:
    """Return the buildpack for the app; raises BuildFailed, InvalidInput when none fits.

    The config var BUILDPACK_URL comes first, then heroku.yml, then what .buildpacks, project.toml
    or app.json lists, then the app's own files.
    """
    named = heroku_buildpack.of_config(config)
    if not named and heroku_yml.recognises(tree):
        unused = app_json.FILE in tree and app_json.buildpacks(tree.read(app_json.FILE))
        note = f"{app_json.FILE}'s buildpacks are not used: {heroku_yml.FILE} builds the app."
        return Detected(heroku_yml, (note,) if unused else ())
    named = named or _listed(tree)
    if heroku_buildpack.has_addresses(named):
        unread = ("The Dockerfile is not used",) if dockerfile_app.recognises(tree) else ()
        return Detected(Classic(tuple(named)), unread)
    if asked := listed.chosen(named):
        return _asked(tree, *asked)
    if dockerfile_app.recognises(tree):
        return Detected(dockerfile_app)
    seen = _seen(tree)
    for buildpack in LANGUAGES.values():
        if buildpack.recognises(seen):
            return Detected(buildpack)
    raise errors.nothing_recognised(sorted({path.partition("/")[0] for path in seen.entries}))


def _seen(tree: Tree) -> Tree:
    """Return what project.toml lets buildpacks see."""
    if project_toml.FILE not in tree:
        return tree
    return tree.without(Ignored(project_toml.read(tree.read(project_toml.FILE)).ignored))


def _listed(tree: Tree) -> list[Value]:
    """Return the buildpacks that the app names itself: .buildpacks', project.toml's, app.json's."""
    if named := heroku_buildpack.of_file(tree):
        return named
    if project_toml.FILE in tree:
        found = project_toml.read(tree.read(project_toml.FILE)).buildpacks
        if named := list(found):
            return named
    return app_json.buildpacks(tree.read(app_json.FILE)) if app_json.FILE in tree else []


def _asked(tree: Tree, module: str, name: Value) -> Detected:
    buildpack = LANGUAGES[module]
    if not buildpack.recognises(_seen(tree)):
        raise errors.not_of_this_kind(name.where, name.text())
    note = f"{name.file} asks for {name.text()}"
    unread = " (the Dockerfile is not used)" if dockerfile_app.recognises(tree) else ""
    return Detected(buildpack, (note + unread,))


def _with_heroku_yml(plan: Plan, tree: Tree) -> Plan:
    if heroku_yml.FILE not in tree:
        return plan
    setup = heroku_yml.setup(tree)
    life = replace(plan.life, offered=setup.offered)
    return replace(plan, life=life, warnings=(*plan.warnings, *setup.warnings))


def _with_app_json(plan: Plan, tree: Tree) -> Plan:
    if app_json.FILE not in tree:
        return plan
    found = app_json.read(tree.read(app_json.FILE))
    offered = tuple(dict.fromkeys((*plan.life.offered, *found.life.offered)))
    warnings = [
        f"{app_json.FILE}'s formation names {type_}, and the app has no such process."
        for type_ in found.life.formation
        if plan.processes and type_ not in plan.processes  # some are known after the build alone
    ]
    return replace(
        plan,
        life=replace(found.life, offered=offered),
        notes=(*plan.notes, *found.notes),
        warnings=(*plan.warnings, *found.warnings, *warnings),
    )


def _with_project_toml(plan: Plan, tree: Tree) -> Plan:
    if project_toml.FILE not in tree:
        return plan
    found = project_toml.read(tree.read(project_toml.FILE))
    if plan.dockerfile:
        unread = (
            f"{project_toml.FILE} is for buildpacks; the Dockerfile's build does not read it.",
        )
        return replace(plan, warnings=(*plan.warnings, *(unread if found.is_of_build else ())))
    return replace(
        plan,
        wished_env=found.env,
        ignored=found.ignored,
        notes=(*plan.notes, *found.notes),
        warnings=(*plan.warnings, *found.warnings),
    )
