"""Every error about repositories beside the pushed one: submodules and classic buildpacks."""

from collections.abc import Sequence

from empire.errors import BuildFailed, InvalidInput
from empire.names import shown


def wrong_address(url: str, why: str) -> InvalidInput:
    """A repository's address is not one that the server fetches from."""
    return InvalidInput(f"{shown(url)} cannot be fetched from.", why=why)


def not_fetched(address: str, why: str) -> BuildFailed:
    """Git did not bring what was asked for."""
    return BuildFailed(f"{address} could not be fetched.", why=why)


def too_large(limit_mib: int) -> str:
    """Say that a fetch was cut off for its size."""
    return f"It is larger than {limit_mib} MiB (EMPIRE_BUILD_GIT_MAX_MIB)."


def too_slow(seconds: float) -> str:
    """Say that a fetch was cut off for its time."""
    return f"It took longer than {seconds:g} seconds (EMPIRE_BUILD_GIT_SECONDS)."


def submodule(path: str, url: str, commit: str, why: str) -> BuildFailed:
    """A submodule's files cannot be had."""
    where = f" ({url} at {commit[:12]})" if url else f" (at {commit[:12]})"
    return BuildFailed(
        f"The submodule {shown(path)}{where} could not be fetched.",
        why=why,
        fix="Push its commit to a repository that this server reaches over https and name that in "
        ".gitmodules; or commit the files themselves; or, if the app does without them, name the "
        "folder in .slugignore (with a Dockerfile: in .dockerignore).",
    )


def too_many_submodules(path: str, most: int, deepest: int) -> BuildFailed:
    """There are more submodules, or they are nested deeper, than a build fetches."""
    return BuildFailed(
        f"The submodule {shown(path)} is one too many.",
        why=f"A build fetches up to {most} submodules, nested up to {deepest} deep.",
        fix="Commit the files themselves, or leave the folder out with .slugignore.",
    )


def submodules_too_large(files: int, mib: int, most_files: int, most_mib: int) -> BuildFailed:
    """With its submodules the tree is larger than a push may be."""
    return BuildFailed(
        f"With its submodules this commit has {files} files of {mib} MiB together.",
        why=f"{most_files} files and {most_mib} MiB are allowed.",
        fix="Leave out what the app does without, in .slugignore or .dockerignore.",
    )


def unreadable_tree(path: str, why: Sequence[str]) -> BuildFailed:
    """Git refused a tree of a submodule."""
    return BuildFailed(f"The files of the submodule {shown(path)} are refused.", why="\n".join(why))


def wrong_buildpack(where: str, what: str, why: str) -> InvalidInput:
    """A buildpack's address is not one that the server fetches from."""
    return InvalidInput(
        f"{where}: {what}",
        why=why,
        fix="Name its git repository: https://HOST/PATH, with #BRANCH, #TAG or #COMMIT if wanted.",
    )


def no_buildpack(address: str, commit: str, missing: Sequence[str]) -> BuildFailed:
    """What was fetched has not the programs that make a classic buildpack."""
    return BuildFailed(
        f"{address} is no classic buildpack.",
        why=f"At {commit[:12]} it has no {' and no '.join(missing)}.",
        fix="Name a repository whose bin folder has detect and compile.",
    )


def refused(number: int, name: str, said: Sequence[str]) -> BuildFailed:
    """A buildpack's bin/detect said no."""
    before = f"Those before it ({number - 1}) said yes." if number > 1 else ""
    return BuildFailed(
        f"Buildpack {number} said no to this app: {name}.",
        why="\n".join([*said, "Its bin/detect does not recognise the app.", before]).strip(),
        fix="Name another one in BUILDPACK_URL, .buildpacks or app.json, or add the file that it "
        "looks for; without any, the app's files decide.",
    )


def failed(number: int, what: str, said: Sequence[str]) -> BuildFailed:
    """A program of a buildpack ended with an error."""
    return BuildFailed(f"Buildpack {number} failed: {what}.", why="\n".join(said))


def no_processes() -> BuildFailed:
    """Neither the buildpacks nor a Procfile say what runs."""
    return BuildFailed(
        "Nothing says how to start this app.",
        why="There is no Procfile, and the last buildpack names no default process types.",
        fix="Add a Procfile with a line such as: web: ./server",
    )


def buildpacks_need_buildkit() -> BuildFailed:
    """The engine's builder cannot hand config vars to a step without keeping them."""
    return BuildFailed(
        "Classic buildpacks need BuildKit.",
        why="This server builds with its engine's classic builder, whose layers would keep the "
        "config vars that buildpacks read.",
        fix="Have the operator set EMPIRE_BUILDER=auto on an engine with BuildKit (Docker 18.09 or "
        "later), or build without BUILDPACK_URL and .buildpacks.",
    )
