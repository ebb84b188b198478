"""Which refs of a push may change, decided before its objects are read."""

from dulwich.refs import check_ref_format

from empire.apps import BRANCHES
from empire.errors import EmpireError
from empire.names import Sha
from gitserver import errors
from gitserver.pktlines import Request, Update

Verdicts = dict[str, EmpireError | None]
"""Each ref's outcome: the error that it is refused with, or None."""


def judge(request: Request, refs: dict[str, Sha], deploy_branch: str) -> Verdicts:
    """Return the outcome of each update as far as it can be told without the objects."""
    verdicts: Verdicts = {}
    deploying = ""
    for update in request.updates:
        error = _judge_one(update, refs, deploy_branch)
        if not error and update.branch and deploying:
            error = errors.twice(update.ref)
        if not error and update.branch:
            deploying = update.branch
        verdicts[update.ref] = error
    if "atomic" in request.capabilities:
        refuse_together(verdicts)
    return verdicts


def refuse_together(verdicts: Verdicts) -> None:
    """Refuse every ref when one is refused."""
    if any(verdicts.values()):
        for ref, error in verdicts.items():
            verdicts[ref] = error or errors.atomic_failed()


def _judge_one(update: Update, refs: dict[str, Sha], deploy_branch: str) -> EmpireError | None:
    if not check_ref_format(update.ref.encode("utf-8", "surrogateescape")):  # type: ignore[arg-type]
        return errors.bad_ref(update.ref)
    if not update.is_tag and not update.branch:
        return errors.other_ref(update.ref)
    if update.branch and not _is_deployed(update.branch, deploy_branch):
        return errors.other_branch(update.branch, deploy_branch or BRANCHES[0])
    if update.branch and update.new is None:
        return errors.no_delete(update.branch)
    if update.old != refs.get(update.ref):
        return errors.moved(update.ref, refs.get(update.ref))
    return None


def _is_deployed(branch: str, deploy_branch: str) -> bool:
    return branch == deploy_branch if deploy_branch else branch in BRANCHES
