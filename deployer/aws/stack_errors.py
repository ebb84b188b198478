"""What bootstrapping an account tells people."""

from empire.errors import Cancelled, Conflict, InvalidInput, NotFound, Unavailable


def no_domain() -> InvalidInput:
    """Return the error for a first run that does not say under which names apps answer."""
    return InvalidInput(
        "Under which domain shall apps answer?",
        why="An app hello answers at hello.DOMAIN.",
        fix="Say it: empire bootstrap aws --domain apps.example.com",
    )


def half_a_network() -> InvalidInput:
    """Return the error for a VPC of one's own without its subnets."""
    return InvalidInput(
        "A VPC of your own needs its subnets too.",
        why="The public load balancer stands in two public subnets, the apps in private ones.",
        fix="Give both: --public-subnets subnet-a,subnet-b --private-subnets subnet-c,subnet-d",
    )


def no_network(cidr: str, why: str) -> InvalidInput:
    """Return the error for addresses of which no network can be made."""
    return InvalidInput(f"{cidr} cannot be the VPC's addresses.", why=why, fix="Say 10.90.0.0/16.")


def no_vpc(vpc: str, region: str) -> NotFound:
    """Return the error for a VPC that is not there."""
    return NotFound(f"There is no VPC {vpc} in {region}.", fix="Look at --region and at the id.")


def not_planned(reason: str) -> InvalidInput:
    """Return the error for changes that CloudFormation does not take."""
    return InvalidInput("AWS does not take these changes.", why=reason)


def stack_failed(status: str, failures: list[str]) -> Unavailable:
    """Return the error for a stack that did not become what it should."""
    return Unavailable(
        f"The stack is {status}: not all could be done, and what was begun is undone.",
        why="\n".join(failures[:5]),
        fix="Put that right, then run the same command again: it goes on from what is there.",
    )


def still_inhabited(services: list[str]) -> Conflict:
    """Return the error for a cluster in which apps live."""
    return Conflict(
        f"Apps still run there: {', '.join(services[:10])}{' ...' if services[10:] else ''}",
        why="Taking the ground away would leave their load balancer rules and images behind.",
        fix="Destroy them first: empire apps:destroy NAME",
    )


def nothing_there(region: str) -> NotFound:
    """Return the error for a stack that is not there."""
    return NotFound(f"There is nothing of Empire's in {region}.", fix="Look at --region.")


def not_agreed() -> Cancelled:
    """Return the error for changes to which nobody said yes."""
    return Cancelled("Nothing was changed.", fix="Where nobody can answer, say --yes.")
