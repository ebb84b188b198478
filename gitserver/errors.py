"""Every sentence that this door says to people."""

from collections.abc import Sequence

from empire.errors import EmpireError, Forbidden, InvalidInput, NotFound, TooMuch, Unavailable
from empire.events import Line, Stage, Warning  # noqa: A004 - the word people know from git
from empire.names import AppName, Sha, shown

WHAT_WORKS = (
    "What works over SSH: git push, git clone, git fetch and git ls-remote, "
    "for example: git push empire main"
)


def greeting(name: str) -> str:
    """Return what a person without a command is told."""
    return f"Hi {name}! Your key is known, but Empire gives no shell.\n{WHAT_WORKS}"


def no_such_command(command: str) -> EmpireError:
    """Say that the command is not one of git's three."""
    return Forbidden(f"Empire does not run {shown(command)}.", fix=WHAT_WORKS)


def no_subsystem(name: str) -> EmpireError:
    """Say that there is no sftp or other subsystem."""
    return Forbidden(f"Empire has no {shown(name, 20)} service over SSH.", fix=WHAT_WORKS)


def no_environment(name: str) -> str:
    """Say that a variable was not taken."""
    return (
        f"Environment variables are not taken over SSH ({name}); "
        "set them with: empire config:set NAME=value"
    )


def no_agent() -> str:
    """Say that the agent was not taken."""
    return "Empire takes no forwarded agent; leave out -A."


def no_terminal() -> str:
    """Say that there is no terminal."""
    return "Empire gives no terminal; leave out -t."


def nothing_is_forwarded(kind: str) -> str:
    """Say that a channel of this kind is not opened."""
    return f"Empire forwards nothing ({kind[:30]}). {WHAT_WORKS}"


def too_many_tries() -> str:
    """Say that the client offered too many keys."""
    return (
        "Too many keys were tried and none is known to Empire. Offer the right one "
        "(ssh -i KEY -o IdentitiesOnly=yes) or add yours with: empire keys:add"
    )


def authentication_took_too_long() -> str:
    """Say that the time to show a key is over."""
    return "No known key was shown in time."


def idle_too_long() -> str:
    """Say that the client was silent for too long."""
    return "Nothing was heard for too long, so Empire closes the connection."


def too_many_connections() -> str:
    """Say that the server is full."""
    return "Empire has too many connections open; try again in a moment."


def too_many_from_address() -> str:
    """Say that this address has too many connections."""
    return "Too many connections are open from your address; close some or try again in a moment."


def stopping() -> str:
    """Say that the server stops."""
    return "Empire is stopping; a deployment that has begun goes on after the restart."


def bad_path(command: str) -> EmpireError:
    """Say that no app can be read from the command."""
    return InvalidInput(
        f"{shown(command)} does not name an app.",
        fix="The address of an app looks like ssh://git@example.com:2222/hello.git",
    )


def not_an_app_name(error: EmpireError) -> EmpireError:
    """Add to a wrong name how an address looks."""
    return InvalidInput(
        error.what,
        why=error.why,
        fix="The address of an app looks like ssh://git@example.com:2222/hello.git",
    )


def no_such_app(name: AppName) -> EmpireError:
    """Say that there is no such app, or not for this person."""
    return NotFound(
        f"There is no app {name}, or you may not see it.",
        fix=f"Make it with: empire apps:create {name}",
    )


def protocol_error(detail: str) -> EmpireError:
    """Say that the client does not speak as git does."""
    return InvalidInput("This is not how git speaks.", why=detail)


def cut_off() -> EmpireError:
    """Say that the push ended in the middle."""
    return Unavailable("The push was cut off before it was complete.", fix="Push again.")


def disk_full() -> EmpireError:
    """Say that the objects do not fit on the server's disk."""
    return Unavailable(
        "The server's disk is full.", fix="Ask the operator to make room, then push again."
    )


def git_killed(signal: int) -> EmpireError:
    """Say that the check of the objects was ended from outside."""
    return Unavailable(
        f"The check of the push was ended by signal {signal}.",
        why="The server ran out of memory, or it is stopping.",
        fix="Push again.",
    )


# One push.


def pack_too_large(limit_mib: int) -> EmpireError:
    """Say that the pack exceeds the limit."""
    return TooMuch(
        f"The push is larger than {limit_mib} MiB.",
        why="Empire limits the size of one push (EMPIRE_PACK_MAX_MIB).",
        fix="Keep large files out of the repository, or push the history in parts.",
    )


def broken_pack(detail: str) -> EmpireError:
    """Say that the objects are not a sound pack."""
    return InvalidInput(
        "The push holds a broken object.", why=detail, fix="Look at it with: git fsck --full"
    )


def dangerous_entry(entry: str) -> EmpireError:
    """Say that a tree has an entry that no checkout may have."""
    return InvalidInput(
        f"The push holds a tree with the entry {entry}.",
        why="Such a path would reach outside of its folder or into git's own files.",
        fix="Take it out of the history, for example with: git filter-repo",
    )


def missing_object(detail: str) -> EmpireError:
    """Say that the pack refers to objects that nobody has."""
    return InvalidInput(
        "The push is not complete: an object that it refers to is missing.",
        why=detail,
        fix="Look at your repository with: git fsck --full",
    )


def case_clash(first: str, second: str) -> EmpireError:
    """Say that two paths differ only in case."""
    return InvalidInput(
        f"{shown(first)} and {shown(second)} differ only in case.",
        why="They are one file on some systems, so one of them would be lost.",
        fix="Rename one of them with: git mv",
    )


def escaping_link(path: str, target: str) -> EmpireError:
    """Say that a link points out of the source."""
    return InvalidInput(
        f"The link {shown(path)} leaves the source: it points to {shown(target)}.",
        why="Outside of the source there is nothing that a build may read.",
        fix="Point it to a file of the repository, or delete it.",
    )


def too_many_files(count: int, limit: int) -> EmpireError:
    """Say that the tree has too many files."""
    return TooMuch(
        f"The source has {count} files; at most {limit} are built (EMPIRE_SOURCE_MAX_FILES).",
        fix="Keep dependencies and generated files out of the repository.",
    )


def too_large_source(mib: int, limit: int) -> EmpireError:
    """Say that the files are too large together."""
    return TooMuch(
        f"The source's files have {mib} MiB together; at most {limit} are built "
        "(EMPIRE_SOURCE_MAX_MIB).",
        fix="Keep large files out of the repository.",
    )


def empty_source() -> EmpireError:
    """Say that there is nothing to build."""
    return InvalidInput(
        "The commit has no files.", fix="Add your app's files: git add --all && git commit"
    )


# One archive.


def not_an_archive(detail: str) -> EmpireError:
    """Say that the bytes are not a sound archive."""
    return InvalidInput(
        "The source is not a sound .tar.gz archive.",
        why=detail,
        fix="Make one with: git archive --format=tar.gz -o source.tar.gz HEAD",
    )


def dangerous_path(path: str) -> EmpireError:
    """Say that the archive names a place outside of it."""
    return InvalidInput(
        f"The archive holds {shown(path)}, which lies outside of it.",
        fix="Make it with: git archive --format=tar.gz -o source.tar.gz HEAD",
    )


def odd_entry(path: str) -> EmpireError:
    """Say that the archive holds a device or the like."""
    return InvalidInput(
        f"{shown(path)} in the archive is neither a file nor a link to one in it.",
        why="Devices, pipes, sparse files and links to what is not in the archive are not built.",
        fix="Leave it out of the archive.",
    )


def two_in_one(path: str) -> EmpireError:
    """Say that the archive has a file where it also has a folder."""
    return InvalidInput(
        f"{shown(path)} is a file or link in the archive, and a folder too.",
        fix="Make the archive anew.",
    )


def empty_archive() -> EmpireError:
    """Say that there is nothing to build."""
    return InvalidInput("The archive has no files.", fix="Make it of your app's folder.")


# One ref of a push. The first line stands behind "remote rejected".


def not_a_commit(ref: str) -> EmpireError:
    """Say that a branch can only name a commit."""
    return InvalidInput(
        f"{ref} can only name a commit.", fix="For a tag TAG push it as: TAG^{commit}:main"
    )


def other_branch(branch: str, deploys: str) -> EmpireError:
    """Say that the branch is not the one that is deployed."""
    return Forbidden(
        f"only {deploys} is deployed",
        fix=f"To deploy {branch} type: git push empire {branch}:{deploys}",
    )


def other_ref(ref: str) -> EmpireError:
    """Say that only branches and tags are kept."""
    return Forbidden(f"only branches and tags are kept, not {shown(ref)}")


def unknown_option(word: str, known: Sequence[str]) -> EmpireError:
    """Say that `git push -o` asks for something that means nothing here."""
    return InvalidInput(
        f"there is no push option {shown(word)}",
        fix=f"git push -o takes {', '.join(known[:-1])} and {known[-1]}.",
    )


def option_twice(name: str) -> EmpireError:
    """Say that `git push -o` gives an option more than once."""
    return InvalidInput(f"the push option {shown(name)} is given twice", fix="Give it once.")


def end_of_dry_run() -> Stage:
    """Say at a dry run's end that nothing happened."""
    return Stage("Dry run: nothing was deployed, and nothing of the push is kept")


def dry_run() -> EmpireError:
    """Say why git is told that the ref was rejected though nothing is wrong."""
    return InvalidInput("dry run: nothing was deployed")


def detached(number: int | None) -> Line:
    """Say how a deployment that nobody waits for is followed."""
    return Line(f"Deployment {number} goes on by itself: empire deploys:output {number}")


def bad_ref(ref: str) -> EmpireError:
    """Say that git allows no such ref."""
    return InvalidInput(f"{shown(ref)} is not a ref name")


def no_delete(branch: str) -> EmpireError:
    """Say that the deploy branch stays."""
    return Forbidden(
        f"{branch} is what runs and cannot be deleted",
        fix="To remove the app type: empire apps:destroy",
    )


def moved(ref: str, now: Sha | None) -> EmpireError:
    """Say that the ref is no longer what the client saw."""
    at = f"is at {now.short} now" if now else "is gone"
    return InvalidInput(f"{ref} {at}; somebody was faster", fix="Fetch and push again.")


def atomic_failed() -> EmpireError:
    """Say that another ref of an atomic push was refused."""
    return InvalidInput("atomic push failed: another ref was rejected")


def twice(ref: str) -> EmpireError:
    """Say that the push names a ref or deploys twice."""
    return InvalidInput(f"{ref}: one push deploys one branch")


def unknown_ref_failure(detail: str) -> EmpireError:
    """Say what git said when it could not set a ref."""
    return InvalidInput(detail or "the ref could not be set")


def submodule(path: str) -> Warning:
    """Say that a submodule's files are not there."""
    return Warning(
        f"{shown(path)} is a submodule: a push has no files of it, the build fetches them."
    )
