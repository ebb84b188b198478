"""Ruby apps: a Gemfile, with Rails, Rack or a file of their own to start."""

import re

from buildpacks import apt, node_version, procfile, ruby_start, runtimes
from buildpacks.node_package import Package
from buildpacks.plan import Artifact, Base, Cache, Copy, Plan, Run, Step
from buildpacks.runtimes import Wish
from buildpacks.stack_facts import Stack
from buildpacks.tree import Tree

SUITES = {"3.1": "bookworm", "3.3": "trixie"}
DEFAULT = "3.3"
PACKAGES = ("ruby", "bundler", "libyaml-0-2", "libsqlite3-0", "libmariadb3")
# What gems with parts in C are compiled with, and git for gems from repositories.
COMPILERS = apt.install(
    "build-essential", "git", "libffi-dev", "libmariadb-dev", "libpq-dev", "libsqlite3-dev",
    "libyaml-dev", "pkg-config", "ruby-dev", "zlib1g-dev",
)  # fmt: skip
GEMS, KEPT = "/app/vendor/bundle", "/kept/bundle"
SETTINGS = {
    "BUNDLE_DEPLOYMENT": "1",
    "BUNDLE_PATH": GEMS,
    "BUNDLE_VERSION": "system",
    "BUNDLE_WITHOUT": "development:test",
}
ENV = {
    **SETTINGS,
    "RACK_ENV": "production",
    "RAILS_ENV": "production",
    "RAILS_LOG_TO_STDOUT": "1",
    "RAILS_SERVE_STATIC_FILES": "1",
}
CACHE = Cache("gems", "/root/.bundle/cache")
INSTALL = (
    "bundle config set --global global_gem_cache true && bundle install --jobs 4{local} && "
    f"rm -rf {GEMS}/ruby/*/cache && mkdir -p {GEMS}"
)


def recognises(tree: Tree) -> bool:
    """Tell whether it has a Gemfile."""
    return "Gemfile" in tree


def plan(tree: Tree, stack: Stack) -> Plan:
    """Return how to install gems, precompile assets, and start."""
    del stack  # the version decides on the Debian release
    line, note = runtimes.choose("Ruby", _wish(tree), tuple(SUITES), DEFAULT)
    gems = ruby_start.gems(tree)
    processes, because = _processes(tree, gems)
    assets = _assets(tree, gems)
    is_locked = "Gemfile.lock" in tree
    return Plan(
        "Ruby",
        processes,
        notes=(note, f"Gems: {'Gemfile.lock' if is_locked else 'Gemfile'}", because),
        warnings=() if is_locked else (ruby_start.UNLOCKED,),
        tools=(COMPILERS, *_node(tree, assets)),
        steps=(*_copies(tree), Run(_install(tree, is_locked), True, (CACHE,)), *assets),
        artifacts=(Artifact(KEPT, GEMS), Artifact("/app")) if assets else (Artifact(GEMS),),
        build_env=SETTINGS if is_locked else {**SETTINGS, "BUNDLE_DEPLOYMENT": "0"},
        env=ENV if is_locked else {**ENV, "BUNDLE_DEPLOYMENT": "0"},
        base=Base(f"ruby:{line}", SUITES[line], PACKAGES),
        left_out=("vendor/bundle/", "node_modules/"),
        takes_code=not assets,
    )


def _wish(tree: Tree) -> Wish | None:
    """Return what Bundler and version switchers obey: the Gemfile first, its lock last."""
    lock = tree.text("Gemfile.lock") if "Gemfile.lock" in tree else ""
    for where, found in (
        (
            "Gemfile",
            re.search(r"^\s*ruby\s+[\"']([^\"']+)[\"']", tree.text("Gemfile"), re.MULTILINE),
        ),
        (".ruby-version", _first_line(tree, ".ruby-version")),
        ("Gemfile.lock", re.search(r"^RUBY VERSION\n\s+ruby ([\d.]+)", lock, re.MULTILINE)),
    ):
        if found:
            return Wish(where, found[1].replace("~> ", "~>").replace("~>", "~"))
    return None


def _first_line(tree: Tree, path: str) -> re.Match[str] | None:
    return re.match(r"\s*(?:ruby-)?([^\s#]+)", tree.text(path)) if path in tree else None


def _processes(tree: Tree, gems: frozenset[str]) -> tuple[dict[str, str], str]:
    if "Procfile" in tree:
        processes = procfile.parse(tree.read("Procfile"))
        return processes, f"Procfile: {', '.join(processes) or 'empty'}"
    command, because = ruby_start.guess(tree, gems)
    return {"web": command}, f"No Procfile: web is `{command}` ({because})"


def _copies(tree: Tree) -> tuple[Step, ...]:
    """Copy what decides on the gems; a Gemfile that reads other files gets them all."""
    if re.search(
        r"^\s*(gemspec|eval_gemfile)|path:|:path\s*=>", tree.text("Gemfile"), re.MULTILINE
    ):
        return (Copy((".",), "/app/"),)
    files = tuple(path for path in ("Gemfile", "Gemfile.lock", ".ruby-version") if path in tree)
    copies: tuple[Step, ...] = (Copy(files, "/app/"),)
    if tree.has_folder("vendor/cache"):
        copies = (*copies, Copy(("vendor/cache",), "/app/vendor/cache/"))
    return copies


def _install(tree: Tree, is_locked: bool) -> str:
    install = INSTALL.replace("{local}", " --local" if tree.has_folder("vendor/cache") else "")
    return install if is_locked else f"{install} && cp Gemfile.lock {GEMS}/"


def _assets(tree: Tree, gems: frozenset[str]) -> tuple[Step, ...]:
    if "bin/rails" not in tree or not gems & {"sprockets", "sprockets-rails", "propshaft"}:
        return ()
    command = "SECRET_KEY_BASE_DUMMY=1 RAILS_ENV=production bundle exec rails assets:precompile"
    packages = "npm install --no-audit --no-fund && " if "package.json" in tree else ""
    # The gems go apart: their layer outlives changes of code.
    kept = f"rm -rf node_modules tmp/cache && mkdir -p /kept && mv {GEMS} {KEPT}"
    return (Copy((".",), "/app/"), Run(f"{packages}{command}", True, (), True), Run(kept))


def _node(tree: Tree, assets: tuple[Step, ...]) -> tuple[Run, ...]:
    """Return Node.js for assets that JavaScript tools make."""
    if not assets or "package.json" not in tree:
        return ()
    base, _ = node_version.base(tree, Package.of(tree))
    return (*base.fetches, Run("cp -a /fetched/. /usr/local/"))
