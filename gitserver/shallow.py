"""Pushes from shallow clones: which commits may lack their parents here."""

from pathlib import Path

from dulwich.objects import Commit, ObjectID
from dulwich.repo import Repo

from empire.names import Sha
from gitserver.repositories import read_shallow, write_shallow


def widen(quarantine: Path, pushed: frozenset[Sha]) -> None:
    """Take the client's shallow boundary as the quarantine's, so that its pack can be checked."""
    if pushed:
        write_shallow(quarantine, read_shallow(quarantine) | pushed)


def trim(quarantine: Path, repository: Path, pushed: frozenset[Sha]) -> None:
    """Keep of the client's boundary only commits that came and whose parents are not here."""
    if not pushed:
        return
    with Repo(str(quarantine)) as repo:
        needed = {sha for sha in pushed if _lacks_parents(repo, sha)}
    write_shallow(quarantine, read_shallow(repository) | needed)


def _lacks_parents(repo: Repo, sha: Sha) -> bool:
    name = ObjectID(sha.encode())
    if name not in repo.object_store:
        return False
    commit = repo.object_store[name]
    if not isinstance(commit, Commit):
        return False
    return any(parent not in repo.object_store for parent in commit.parents)
