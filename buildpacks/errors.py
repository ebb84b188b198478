"""Every error of the build that a person may read, in one place so that it reads as one voice."""

from collections.abc import Sequence
from pathlib import Path

from empire.errors import BuildFailed, Cancelled, InvalidInput, TimedOut, Unavailable
from empire.names import shown


def nothing_recognised(names: Sequence[str]) -> BuildFailed:
    """No buildpack knows what this app is."""
    seen = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    return BuildFailed(
        "No buildpack recognises this app.",
        why=f"The top folder holds: {seen}." if seen else "The commit holds no files.",
        fix="Add one of: a Dockerfile; Gemfile (Ruby), go.mod (Go), pom.xml or build.gradle (Java), "
        "composer.json or index.php (PHP), requirements.txt, pyproject.toml or app.py (Python), "
        "package.json (Node.js), index.html (a static site), a Procfile. "
        "They belong in the top folder.",
    )


def procfile_line(number: int, line: str, why: str) -> InvalidInput:
    """A line of the Procfile cannot be read."""
    quoted = f": {shown(line)}" if line else ""
    return InvalidInput(
        f"Procfile, line {number}{quoted}", why=why, fix="For example: web: gunicorn app:app"
    )


def unreadable_file(path: str, why: str) -> InvalidInput:
    """A file that says how to build cannot be read."""
    return InvalidInput(f"{path} cannot be read.", why=why)


def wrong_value(where: str, name: str, why: str, fix: str = "") -> InvalidInput:
    """A value in a file of the app is not what it has to be."""
    what = f"{where}: {name} is wrong." if name else f"{where} cannot be read."
    return InvalidInput(what, why=why, fix=fix)


def unknown_buildpack(where: str, name: str, known: Sequence[str]) -> InvalidInput:
    """The app names a buildpack that is none of ours."""
    return InvalidInput(
        f"{where}: there is no buildpack {shown(name, 200)} here.",
        why=f"These can be had: {_either(known, 'and')}.",
        fix="Name one of them, or the URL of a classic buildpack's git repository; or none so that "
        "the app's files decide; or bring a Dockerfile.",
    )


def several_buildpacks(where: str, name: str, last: str) -> InvalidInput:
    """The app names buildpacks that no single one of ours stands for."""
    return InvalidInput(
        f"{where}: {name} cannot build together with {last}.",
        why="Here one buildpack builds an app, and this one does not do the other's work.",
        fix="Name one of them and commit what the other would make, or bring a Dockerfile.",
    )


def not_of_this_kind(where: str, name: str) -> BuildFailed:
    """The app names a buildpack that does not know what to do with it."""
    return BuildFailed(
        f"{where}: {name} does not recognise this app.",
        why="None of the files by which it knows its apps is in the top folder.",
        fix="Name another buildpack, or none so that the app's files decide.",
    )


def no_recipe(where: str) -> InvalidInput:
    """A heroku.yml does not say how to build."""
    return InvalidInput(
        f"{where}: no Dockerfile is named.",
        why="A heroku.yml builds with Docker, and build.docker says with which Dockerfile.",
        fix="Add build: docker: web: Dockerfile, or remove the file and use a Procfile.",
    )


def several_dockerfiles(where: str, built: dict[str, str]) -> InvalidInput:
    """Processes of one app are built differently."""
    told = ", ".join(f"{process} from {shown(path)}" for process, path in built.items())
    return InvalidInput(
        f"{where}: its processes are built differently: {told}.",
        why="A release here is one image, which all its processes share.",
        fix="Name one Dockerfile that holds what all of them need, and give each its command under "
        "run; or make each an app of its own (the config var APP_ROOT names its folder).",
    )


def wrong_root(name: str, value: str, why: str) -> InvalidInput:
    """A folder of a larger repository was named that cannot be it."""
    return InvalidInput(
        f"{name} is {shown(value)}.",
        why=why,
        fix=f"Change it (empire config:set {name}=FOLDER) or remove it (empire config:unset {name}).",
    )


def no_folder(path: str) -> InvalidInput:
    """What should be built is not there."""
    return InvalidInput(f"There is no folder {shown(path)}.")


def unreadable_folder(why: str) -> InvalidInput:
    """Git could not read a folder of this machine."""
    return InvalidInput("Git cannot read this folder.", why=why)


def link_loop(path: str) -> InvalidInput:
    """Symbolic links lead in a circle."""
    return unreadable_file(path, "Its symbolic links lead in a circle.")


def unreadable_objects(name: str) -> BuildFailed:
    """Git could not give an object of the commit."""
    return BuildFailed(
        f"Git cannot read {name} of this push.",
        why="The repository on the server lacks the object or it is damaged.",
        fix="Push again; if it stays so, `git fsck` in your clone tells what is broken.",
    )


def wrong_version(language: str, where: str, wanted: str, lines: Sequence[str]) -> BuildFailed:
    """The app wants a version of its language that cannot be had."""
    return BuildFailed(
        f"This app asks for {language} {shown(wanted)} ({where}), which this server does not have.",
        why=f"It has {language} {_either(lines, 'and')}.",
        fix=f"Let {where} allow {_either(lines, 'or')}, "
        "or bring a Dockerfile that starts with another image.",
    )


def unreadable_version(language: str, where: str, wanted: str, example: str) -> InvalidInput:
    """The wish for a version cannot be read."""
    return InvalidInput(
        f"{where} asks for {shown(wanted)}, which is no {language} version.",
        fix=f"Write a version such as {example}.",
    )


def _either(lines: Sequence[str], word: str) -> str:
    *others, last = lines
    return f"{', '.join(others)} {word} {last}" if others else last


def no_extension(name: str, known: Sequence[str]) -> BuildFailed:
    """A PHP extension that Debian does not pack."""
    return BuildFailed(
        f"The PHP extension {shown(name)} (composer.json) cannot be had.",
        why=f"These can, beside those that PHP always has: {', '.join(known)}.",
        fix="Do without it, or bring a Dockerfile.",
    )


def several_locks(locks: Sequence[str]) -> BuildFailed:
    """Two package tools left their lock files, and nothing says which is meant."""
    return BuildFailed(
        f"The lock files of several package tools are here: {', '.join(locks)}.",
        why="Each of them may install other versions.",
        fix='Remove all but one, or name the tool in package.json: "packageManager": "pnpm@10.0.0".',
    )


def missing_file(path: str, named_by: str) -> BuildFailed:
    """A file that another file includes is not in the commit."""
    return BuildFailed(
        f"{named_by} includes {path}, which is not in this commit.",
        fix=f"Add {path} to git and push again.",
    )


def no_web_command(why: str, fix: str) -> BuildFailed:
    """Nothing says how to start the app."""
    return BuildFailed("Nothing says how to start this app.", why=why, fix=fix)


def base_missing(image: str) -> Unavailable:
    """The base image of the builtin buildpacks is not there."""
    return Unavailable(
        f"The base image {image} is not on this server's engine.",
        fix="The operator makes it with `python -m buildpacks.stack` (scripts/up does so by itself).",
    )


def engine_silent(address: str, why: str) -> Unavailable:
    """The engine cannot be reached."""
    return Unavailable(
        f"The Docker Engine at {address} does not answer.",
        why=why,
        fix="The operator should look whether it runs; then push again.",
    )


def engine_address(address: str) -> Unavailable:
    """The engine's address is of a kind that builds cannot use."""
    return Unavailable(
        f"Builds cannot use the engine address {shown(address)}.",
        fix="Set EMPIRE_DOCKER_HOST to unix:///path/to/docker.sock or tcp://host:port.",
    )


def engine_refused(what: str, why: str) -> Unavailable:
    """The engine answered a request with an error."""
    return Unavailable(f"The Docker Engine could not {what}.", why=why)


def step_failed(step: str, reason: str, tail: Sequence[str], fix: str) -> BuildFailed:
    """A step of the build ended with an error."""
    what = f"The build failed at {step}: {reason}" if step else f"The build failed: {reason}"
    return BuildFailed(what, why="\n".join(tail), fix=fix)


def image_unavailable(image: str, why: str) -> BuildFailed:
    """An image that the Dockerfile names could not be had."""
    return BuildFailed(
        f"The image {image} could not be had.",
        why=why,
        fix="Look whether its name and tag exist and whether this server reaches its registry; "
        "without a registry, build FROM an image that the server has, or without a Dockerfile.",
    )


def needs_buildkit() -> BuildFailed:
    """The Dockerfile mounts something, and the engine's builder cannot."""
    return BuildFailed(
        "This Dockerfile uses RUN --mount, which needs BuildKit.",
        why="This server builds with its engine's classic builder, which has no mounts.",
        fix="Have the operator set EMPIRE_BUILDER=auto on an engine with BuildKit (Docker 18.09 or "
        "later), or write the step without --mount.",
    )


def disk_full(folder: Path, free: int, total: int, reserve: int) -> BuildFailed:
    """There is too little space to begin a build."""
    return BuildFailed(
        f"The server's disk is too full for a build: {free} MiB of {total} MiB are free.",
        why=f"{reserve} MiB at {folder} are kept free for the apps that run.",
        fix="The operator frees some (`docker system df` shows what the engine keeps), or lowers "
        "EMPIRE_DISK_RESERVE_MIB.",
    )


def disk_filled(folder: Path, free: int, total: int, reserve: int) -> BuildFailed:
    """A build, or somebody beside it, used up the space."""
    return BuildFailed(
        f"The server's disk ran full during the build: {free} MiB of {total} MiB are free.",
        why=f"{reserve} MiB at {folder} are kept free for the apps that run.",
        fix="Let the build write less, or have the operator free some space.",
    )


def too_much_disk(used: int, most: int) -> BuildFailed:
    """A build used more of the disk than it may."""
    return BuildFailed(
        f"The build was stopped: it used {used} MiB of disk, and {most} MiB are allowed.",
        fix="Let it write less, or have the operator raise EMPIRE_BUILD_DISK_MAX_MIB.",
    )


def too_much_output(limit_mib: int) -> BuildFailed:
    """The build wrote more than it may."""
    return BuildFailed(
        f"The build wrote more than {limit_mib} MiB of output and was stopped.",
        fix="Make its commands quieter, such as with --quiet.",
    )


def took_too_long(seconds: float) -> TimedOut:
    """The build used up its time."""
    return TimedOut(
        f"The build did not end within {seconds:g} seconds and was stopped.",
        fix="Make it shorter, or have the operator raise EMPIRE_BUILD_SECONDS.",
    )


def cancelled() -> Cancelled:
    """Somebody stopped the build."""
    return Cancelled("The build was stopped.")


def connection_lost() -> BuildFailed:
    """The engine went away in the middle of a build."""
    return BuildFailed(
        "The Docker Engine broke off the build.",
        why="Its connection closed before the image was done; it may have been restarted.",
        fix="Push again.",
    )


def no_such_image(name: str, why: str) -> BuildFailed:
    """Return the error for an image that cannot be had."""
    return BuildFailed(
        f"The image {name} cannot be had.",
        why=why,
        fix="See that the name is right, and that the server may pull it: docker login on its machine.",
    )


def no_command(name: str) -> BuildFailed:
    """Return the error for an image that cannot be started."""
    return BuildFailed(
        f"The image {name} has no command.",
        why="Its CMD is the web process of the app, and it has neither CMD nor ENTRYPOINT.",
        fix="Add a CMD to its Dockerfile.",
    )
