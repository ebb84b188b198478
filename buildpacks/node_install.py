"""How a Node.js app's packages are installed: the tool by packageManager or by the lock file."""

import re
from dataclasses import dataclass

from buildpacks import apt, errors
from buildpacks.node_package import FILE, Package
from buildpacks.plan import Cache, Copy, Run, Step
from buildpacks.tree import Tree

LOCKS = {
    "npm": ("package-lock.json", "npm-shrinkwrap.json"),
    "pnpm": ("pnpm-lock.yaml",),
    "yarn": ("yarn.lock",),
    "bun": ("bun.lock", "bun.lockb"),
}
TOOLS = "/opt/tool"
BESIDE = (".npmrc", ".yarnrc", ".yarnrc.yml", "pnpm-workspace.yaml", ".pnpmfile.cjs", "bunfig.toml")
FOLDERS = (".yarn/releases", ".yarn/patches", ".yarn/plugins", "patches")
CACHES = {
    "npm": Cache("npm", "/root/.npm"),
    "pnpm": Cache("pnpm", "/root/.local/share/pnpm/store"),
    "yarn": Cache("yarn", "/usr/local/share/.cache/yarn"),
    "berry": Cache("berry", "/root/.yarn/berry"),
    "bun": Cache("bun", "/root/.bun/install/cache"),
}
# Berry reads no .npmrc: the operator's registry and certificates are told to it by these.
BERRY = (
    "YARN_NPM_REGISTRY_SERVER=$(npm config get registry) "
    "YARN_HTTPS_CA_FILE_PATH=$NODE_EXTRA_CA_CERTS YARN_ENABLE_TELEMETRY=0 "
)
YARN_PRUNE = (
    "yarn install --frozen-lockfile --non-interactive --production --ignore-scripts "
    "--prefer-offline"
)
INSTALL = {
    "npm": ("npm ci", "npm ci --omit=dev", "npm prune --omit=dev --ignore-scripts"),
    "pnpm": (
        "pnpm install --frozen-lockfile",
        "pnpm install --frozen-lockfile --prod",
        "pnpm prune --prod --ignore-scripts",
    ),
    "yarn": (
        "yarn install --frozen-lockfile --non-interactive --production=false",
        "yarn install --frozen-lockfile --non-interactive --production",
        YARN_PRUNE,
    ),
    "berry": (
        f"{BERRY}yarn install --immutable",
        f"{BERRY}yarn workspaces focus --all --production",
        f"{BERRY}yarn workspaces focus --all --production",
    ),
    "bun": (
        "bun install --frozen-lockfile",
        "bun install --frozen-lockfile --production",
        "bun install --frozen-lockfile --production --ignore-scripts",
    ),
}
UNLOCKED = {
    "npm ci": "npm install --no-package-lock",
    " --frozen-lockfile": "",
    " --immutable": "",
}
COMPILED = ("bcrypt", "better-sqlite3", "canvas", "argon2", "node-pty", "sqlite3", "re2")


@dataclass(frozen=True, slots=True)
class Tool:
    """A package tool, ready to install what one app asks for. `kind` tells old Yarn from Berry.

    `is_whole` says that installing reads and may write any of the app's files.
    """

    kind: str
    note: str
    copies: tuple[Step, ...]
    tools: tuple[Run, ...]
    is_locked: bool
    is_whole: bool
    warnings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The command."""
        return "yarn" if self.kind == "berry" else self.kind

    @property
    def caches(self) -> tuple[Cache, ...]:
        """What it keeps between builds."""
        return (CACHES[self.kind],)

    def install(self, *, with_dev: bool) -> Run:
        """Return the step that installs, with what only development needs or without."""
        command = INSTALL[self.kind][0 if with_dev else 1]
        return Run(f"{self._lockless(command)} && mkdir -p node_modules", True, self.caches)

    @property
    def is_extra(self) -> bool:
        """Tell whether it is not what comes with Node.js."""
        return self.kind != "npm"

    @property
    def prune(self) -> str:
        """The command that takes away what only development needs."""
        return self._lockless(INSTALL[self.kind][2])

    def _lockless(self, command: str) -> str:
        if not self.is_locked:
            for strict, lax in UNLOCKED.items():
                command = command.replace(strict, lax)
        return command


def tool(tree: Tree, package: Package) -> Tool:
    """Return the tool of the app; raises BuildFailed when its files name several."""
    found = {name: [lock for lock in locks if lock in tree] for name, locks in LOCKS.items()}
    named = re.match(r"(npm|pnpm|yarn|bun)@([\w.-]+)", package.text("packageManager"))
    candidates = [name for name, locks in found.items() if locks]
    if len(candidates) > 1 and not named:
        raise errors.several_locks([lock for locks in found.values() for lock in locks])
    name = named[1] if named else next(iter(candidates), "npm")
    locks, version = found[name], named[2] if named else ""
    kind = "berry" if name == "yarn" and _is_berry(tree, version) else name
    return Tool(
        kind,
        _note(name, version, locks),
        _copies(tree, package, locks),
        (*_setup(tree, kind, version), *_compilers(package)),
        bool(locks),
        _is_whole(tree, package),
        () if locks else (_unlocked(name, package),),
    )


def _note(name: str, version: str, locks: list[str]) -> str:
    because = ", ".join(locks) or "no lock file"
    return f"Packages: {name}{f' {version}' if version else ''} ({because})"


def _unlocked(name: str, package: Package) -> str:
    if not package.dependencies:
        return "There is no lock file; with the first dependency, commit it too."
    return f"Without a lock file each build takes the newest packages: commit what `{name} install` makes."


def _copies(tree: Tree, package: Package, locks: list[str]) -> tuple[Step, ...]:
    if _is_whole(tree, package):
        return (Copy((".",), "/app/"),)
    files = tuple(name for name in (FILE, *locks, *BESIDE) if name in tree)
    folders = (folder for folder in FOLDERS if tree.has_folder(folder))
    return (Copy(files, "/app/"), *(Copy((folder,), f"/app/{folder}/") for folder in folders))


def _is_whole(tree: Tree, package: Package) -> bool:
    return package.needs_whole_tree or "pnpm-workspace.yaml" in tree


def _is_berry(tree: Tree, version: str) -> bool:
    if version:
        return not version.startswith(("0.", "1."))
    return ".yarnrc.yml" in tree or "\n__metadata:" in tree.text("yarn.lock")


def _setup(tree: Tree, kind: str, version: str) -> tuple[Run, ...]:
    """Return how the tool itself is installed; npm is in the base image."""
    if kind == "npm" or (kind == "berry" and tree.has_folder(".yarn/releases")):
        return (BERRY_RELEASE,) if kind == "berry" else ()
    package = {
        "pnpm": f"pnpm@{version or _pnpm(tree)}",
        "yarn": f"yarn@{version or '1'}",
        "berry": f"@yarnpkg/cli-dist@{version or '4'}",
        "bun": f"bun@{version or '1'}",
    }[kind]
    return (
        Run(f"npm install --global --silent --prefix {TOOLS} {package}", True, (CACHES["npm"],)),
    )


# The release that the app itself brings is what its .yarnrc.yml runs, whichever yarn starts it.
BERRY_RELEASE = Run(
    f"npm install --global --silent --prefix {TOOLS} yarn@1", True, (CACHES["npm"],)
)


def _pnpm(tree: Tree) -> str:
    """Return the version of pnpm that writes lock files such as the app's."""
    text = tree.text("pnpm-lock.yaml") if "pnpm-lock.yaml" in tree else ""
    found = re.search(r"^lockfileVersion: *'?(\d+)", text, re.MULTILINE)
    return {"5": "7", "6": "8"}.get(found[1] if found else "", "10")


def _compilers(package: Package) -> tuple[Run, ...]:
    if any(name in COMPILED for name in package.dependencies):
        return (apt.install("build-essential"),)
    return ()
