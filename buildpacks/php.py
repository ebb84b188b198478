"""PHP apps: composer.json or index.php, served by Apache with its module, .htaccess included."""

import json
import re
from importlib.resources import files
from typing import Any

from buildpacks import apt, errors, procfile, runtimes
from buildpacks.plan import Artifact, Base, Cache, Copy, Plan, Run, Step
from buildpacks.runtimes import Wish
from buildpacks.stack_facts import Stack
from buildpacks.tree import Tree

SUITES = {"8.2": "bookworm", "8.4": "trixie"}
DEFAULT = "8.4"
EXTENSIONS = (
    "bcmath", "curl", "gd", "intl", "mbstring", "mysql", "pgsql", "sqlite3", "xml", "zip",
)  # fmt: skip
# Extensions by composer's name that Debian packs under another, or that PHP always has.
PACKED = {
    "dom": "xml", "simplexml": "xml", "xmlreader": "xml", "xmlwriter": "xml", "mysqli": "mysql",
    "pdo_mysql": "mysql", "pdo_pgsql": "pgsql", "pdo_sqlite": "sqlite3",
}  # fmt: skip
ALWAYS = frozenset(
    [
        "calendar",
        "ctype",
        "date",
        "exif",
        "fileinfo",
        "filter",
        "ftp",
        "gettext",
        "hash",
        "iconv",
        "json",
        "libxml",
        "openssl",
        "pcntl",
        "pcre",
        "pdo",
        "phar",
        "posix",
        "random",
        "readline",
        "reflection",
        "session",
        "shmop",
        "sockets",
        "sodium",
        "spl",
        "standard",
        "sysvmsg",
        "sysvsem",
        "sysvshm",
        "tokenizer",
        "zlib",
        "opcache",
    ]
)
MORE = frozenset(
    [
        "amqp",
        "apcu",
        "bz2",
        "enchant",
        "gmp",
        "gnupg",
        "imagick",
        "imap",
        "igbinary",
        "ldap",
        "mailparse",
        "memcached",
        "mongodb",
        "msgpack",
        "odbc",
        "redis",
        "soap",
        "ssh2",
        "tidy",
        "uuid",
        "xdebug",
        "xsl",
        "yaml",
    ]
)
CONFIGURATION = "/opt/empire/apache.conf"
SERVER = f"exec apache2 -D FOREGROUND -f {CONFIGURATION}"
ROOTS = ("public", "web", "webroot", "html", "www", "htdocs")
HEROKU = re.compile(r"^(?:exec )?(?:vendor/bin/)?heroku-php-(?:apache2|nginx)\b(.*)$")
CACHE = Cache("composer", "/root/.cache/composer")
INSTALL = (
    "COMPOSER_ALLOW_SUPERUSER=1 composer install --no-dev --no-interaction --no-progress "
    "--prefer-dist --optimize-autoloader"
)


def recognises(tree: Tree) -> bool:
    """Tell whether it has a composer.json, or an index.php in the top folder."""
    return "composer.json" in tree or "index.php" in tree


def plan(tree: Tree, stack: Stack) -> Plan:
    """Return how to install the packages and serve."""
    del stack  # the version decides on the Debian release
    required = _required(tree)
    line, note = runtimes.choose("PHP", _wish(required), tuple(SUITES), DEFAULT)
    extensions = _extensions(required)
    needs = [name for name in required if "/" in name]
    processes, because = _processes(tree)
    steps = _steps(tree) if needs else ()
    return Plan(
        "PHP",
        processes,
        notes=(note, _packages(tree, needs), because),
        tools=(apt.install("composer", "git", "unzip"),) if steps else (),
        steps=steps,
        artifacts=(Artifact("/app"),) if steps else (),
        env={"APACHE_ROOT": f"/app/{_root(tree)}".rstrip("/")},
        embedded={CONFIGURATION: files("buildpacks").joinpath("apache.conf").read_bytes()},
        base=_base(line, extensions),
        left_out=("vendor/",) if steps else (),
        takes_code=not steps,
    )


def _base(line: str, extensions: tuple[str, ...]) -> Base:
    """Return the image with the usual extensions; others have an image of their own."""
    more = sorted(set(extensions) - set(EXTENSIONS))
    name = "-".join([line, *more])
    packages = [f"php-{extension}" for extension in (*EXTENSIONS, *more)]
    return Base(f"php:{name}", SUITES[line], ("libapache2-mod-php", "php-cli", *packages))


def _required(tree: Tree) -> dict[str, str]:
    if "composer.json" not in tree:
        return {}
    try:
        content: Any = json.loads(tree.text("composer.json"))
        return {
            str(name).lower(): str(wanted) for name, wanted in content.get("require", {}).items()
        }
    except (ValueError, AttributeError) as error:
        raise errors.unreadable_file("composer.json", str(error)) from None


def _wish(required: dict[str, str]) -> Wish | None:
    wanted = required.get("php", "")
    single = re.sub(r"(?<!\|)\|(?!\|)", "||", wanted.replace(".*", "").replace("@stable", ""))
    return Wish("composer.json", single) if wanted else None


def _extensions(required: dict[str, str]) -> tuple[str, ...]:
    names = [name.removeprefix("ext-") for name in required if name.startswith("ext-")]
    asked = [PACKED.get(name, name) for name in names if name not in ALWAYS]
    for name in asked:
        if name not in MORE and name not in EXTENSIONS:
            raise errors.no_extension(name, sorted(MORE.union(EXTENSIONS)))
    return tuple(asked)


def _packages(tree: Tree, needs: list[str]) -> str:
    if not needs:
        return "Packages: none"
    return (
        "Packages: composer.lock"
        if "composer.lock" in tree
        else "Packages: composer.json, not pinned"
    )


def _steps(tree: Tree) -> tuple[Step, ...]:
    files = tuple(name for name in ("composer.json", "composer.lock") if name in tree)
    early: tuple[Step, ...] = (
        Copy(files, "/app/"),
        Run(f"{INSTALL} --no-scripts --no-autoloader", True, (CACHE,)),
    )
    return (*early, Copy((".",), "/app/"), Run(INSTALL, True, (CACHE,)))


def _root(tree: Tree) -> str:
    if "Procfile" in tree:
        web = procfile.parse(tree.read("Procfile")).get("web", "")
        found = HEROKU.match(web)
        folder = found[1].split()[-1] if found and found[1].split() else ""
        if tree.has_folder(folder.strip("/")):
            return folder.strip("/")
    return next((root for root in ROOTS if f"{root}/index.php" in tree), "")


def _processes(tree: Tree) -> tuple[dict[str, str], str]:
    serving = f"Apache serves {_root(tree) or 'the top folder'}"
    if "Procfile" not in tree:
        return {"web": SERVER}, f"No Procfile: {serving}"
    processes = procfile.parse(tree.read("Procfile"))
    if "web" not in processes or HEROKU.match(processes["web"]):
        return {**processes, "web": SERVER}, f"Procfile: {', '.join(processes)}; {serving}"
    return processes, f"Procfile: {', '.join(processes)}"
