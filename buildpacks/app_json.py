"""What app.json says, in Heroku's words and, for health checks, in Dokku's."""

from dataclasses import dataclass

from buildpacks import values
from buildpacks.plan import Life
from buildpacks.values import Value
from empire import formation
from empire.errors import InvalidInput
from empire.names import ProcessType

FILE = "app.json"
KNOWN = (
    "$schema", "name", "description", "keywords", "website", "repository", "logo", "success_url",
    "scripts", "env", "formation", "addons", "buildpacks", "environments", "stack", "image",
    "healthchecks",
)  # fmt: skip
# What Heroku calls the sizes that have other names here.
SIZES = {
    "free": "1X", "hobby": "1X", "eco": "1X", "basic": "1X",
    "performance-m": "PX", "performance-l": "PX", "performance": "PX",
}  # fmt: skip
KINDS = ("startup", "readiness", "liveness")
"""The kinds of health checks, the likeliest first to tell whether a new version is up."""
READ = ("type", "name", "description", "path")
TIMES = {"initialDelay": 0.0, "attempts": 3.0, "timeout": 5.0, "wait": 5.0}
"""When checks are made, and what Dokku takes where one of these is not said."""
LONGEST_START_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class AppJson:
    """The file, read. `notes` and `warnings` are what a person should know of it."""

    life: Life
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def read(content: bytes) -> AppJson:
    """Return what the file says of the app's life; raises InvalidInput with file and line."""
    app = values.of_json(FILE, content)
    health, doubts = _health(app["healthchecks"])
    required, offered = _env(app["env"])
    life = Life(
        health,
        max(map(_seconds, app["healthchecks"]["web"].each()), default=0),
        _formation(app["formation"]),
        _postdeploy(app["scripts"]),
        required,
        offered,
    )
    return AppJson(life, tuple(_notes(life)), (*doubts, *_doubts(app)))


def buildpacks(content: bytes) -> list[Value]:
    """Return the buildpacks that the file lists, each a text: a name or an address, in order."""
    listed = values.of_json(FILE, content)["buildpacks"].each()
    found = [one if isinstance(one.plain, str) else one["url"] for one in listed]
    for one in found:
        one.text()
    return found


def _env(env: Value) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the config vars that have to be set, and those for which the file has a value."""
    required, offered = [], []
    for name, about in env.items():
        is_plain = isinstance(about.plain, str)
        value = about.plain if is_plain else about["value"].plain
        if value or (not is_plain and about["generator"]):
            offered.append(name)
        elif is_plain or about["required"].plain is not False:
            required.append(name)
    return tuple(required), tuple(offered)


def _formation(wished: Value) -> dict[str, tuple[int | None, str]]:
    return {
        _type(type_, about): (_quantity(about["quantity"]), _size(about["size"]))
        for type_, about in wished.items()
    }


def _type(name: str, about: Value) -> str:
    try:
        return str(ProcessType(name))
    except InvalidInput as error:
        raise about.wrong(error.why) from None


def _quantity(wished: Value) -> int | None:
    number = wished.plain
    if number is not None and (not isinstance(number, int) or number is True or number < 0):
        raise wished.wrong("A quantity is a whole number of dynos.")
    return number


def _size(wished: Value) -> str:
    if not wished:
        return ""
    name = wished.text().lower()
    try:
        return formation.size_of(SIZES.get(name, name)).name
    except InvalidInput as error:
        raise wished.wrong(f"{error.what} {error.why}") from None


def _postdeploy(scripts: Value) -> str:
    script = scripts["postdeploy"]
    if isinstance(script.plain, dict):
        script = script["command"]
    return script.text() if script else ""


def _health(checks: Value) -> tuple[str | None, list[str]]:
    """Return the path by which a new version is asked whether it is up, and what is not done."""
    asking = [(check, check["path"]) for check in checks["web"].each() if check["path"]]
    for _, path in asking:
        if not path.text().startswith("/"):
            raise path.wrong("The path of a health check starts with a slash.")
    asking.sort(key=lambda pair: _rank(pair[0]["type"]))
    others = [type_ for type_, _ in checks.items() if type_ != "web"]
    read = (*READ, *TIMES)
    unread = {key for check in checks["web"].each() for key, _ in check.items() if key not in read}
    doubts = []
    if others:
        doubts.append(f"Health checks of {', '.join(others)} are not made, only those of web.")
    if checks["web"].each() and not asking:
        doubts.append("None of web's health checks has a path, so any answer will do.")
    elif len(checks["web"].each()) > 1:
        doubts.append(f"Of web's health checks only that of {asking[0][1].text()} is made.")
    if unread:
        doubts.append(
            f"Of web's health checks these are not read: {', '.join(sorted(unread))}. A new version is "
            "up when it answers with a status from 200 to 399."
        )
    return (asking[0][1].text() if asking else None), [f"{FILE}: {doubt}" for doubt in doubts]


def _seconds(check: Value) -> float:
    """Return how long a check lets a new version take, 0 where it says nothing of that."""
    if not any(check[name] for name in TIMES):
        return 0
    delay, attempts, timeout, wait = (_number(check[name], usual) for name, usual in TIMES.items())
    seconds = delay + attempts * (timeout + wait)
    if seconds > LONGEST_START_SECONDS:
        raise check.wrong(
            f"It may take {LONGEST_START_SECONDS} seconds, and this takes {seconds:g}."
        )
    return seconds


def _number(wished: Value, usual: float) -> float:
    number = usual if wished.plain is None else wished.plain
    if isinstance(number, bool) or not isinstance(number, int | float) or not number >= 0:
        raise wished.wrong("It is a number of seconds or of attempts.")
    return float(number)


def _rank(kind: Value) -> int:
    name = kind.text() if kind else KINDS[0]
    if name not in KINDS:
        raise kind.wrong(f"A health check is one of {', '.join(KINDS)}.")
    return KINDS.index(name)


def _notes(life: Life) -> list[str]:
    notes = []
    if life.health_path:
        notes.append(f"a new version is up when web answers at {life.health_path}")
    if life.start_seconds:
        notes.append(
            f"a new version has {life.start_seconds:g} seconds to answer, or EMPIRE_START_SECONDS "
            "if that is more"
        )
    if life.formation:
        notes.append(f"the app's first version starts with {life.formation_told}")
    if life.postdeploy:
        notes.append(f"runs once, before the app's first version starts: {life.postdeploy}")
    return [f"{FILE}: {note}" for note in notes]


def _doubts(app: Value) -> list[str]:
    doubts = [f"{FILE}, line {one.line}: {one.name} is not read." for one in app.strangers(KNOWN)]
    doubts += [
        f"{FILE}, line {one.line}: {one.name} is not run; only postdeploy is."
        for one in app["scripts"].strangers(("postdeploy", "pr-predestroy"))
    ]
    return [*doubts, *no_addons(app["addons"])]


def no_addons(asked: Value) -> list[str]:
    """Return the warning that nobody makes the add-ons that a file asks for."""
    names = [
        one.text() if isinstance(one.plain, str) else one["plan"].text() for one in asked.each()
    ]
    if not names:
        return []
    told = f"{asked.where}: add-ons are asked for, and there are none here: {', '.join(names)}. "
    return [told + "Run such services yourself and set their addresses as config vars."]
