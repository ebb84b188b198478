"""What can go wrong with Debian packages, in words for the person who reads it."""

from empire.errors import EmpireError, InternalError, Unavailable

OWN_IMAGE = "Or name an image that the engine has or can pull: EMPIRE_BASE_IMAGE=python:3.12-slim scripts/up"


def no_sources() -> EmpireError:
    """Return the error for a machine without apt sources."""
    return Unavailable(
        "No Debian mirror is named in /etc/apt.",
        why="The base image is made from Debian packages, from the mirror that this machine uses.",
        fix=f"Set EMPIRE_DEBIAN_MIRROR to the address of a Debian mirror. {OWN_IMAGE}",
    )


def no_suite(tried: list[str]) -> EmpireError:
    """Return the error for mirrors none of which gave a suite that could be used."""
    return Unavailable(
        "No Debian mirror of this machine gave a package index that could be used.",
        why="\n".join(tried),
        fix=f"Check that `apt-get update` works, then try again. {OWN_IMAGE}",
    )


def no_gpgv() -> EmpireError:
    """Return the error for a machine that cannot check signatures."""
    return Unavailable(
        "Debian's signatures cannot be checked: gpgv is missing.",
        fix="apt-get install gpgv debian-archive-keyring",
    )


def no_keyring() -> EmpireError:
    """Return the error for a machine without Debian's keys."""
    return Unavailable(
        "Debian's signatures cannot be checked: no archive keyring was found.",
        fix="apt-get install debian-archive-keyring",
    )


def unsigned(address: str, why: str) -> EmpireError:
    """Return the error for an index whose signature is not Debian's."""
    return Unavailable(f"{address} is not signed by a key that this machine trusts.", why=why)


def stale(address: str, until: str) -> EmpireError:
    """Return the error for an index that is past its own date."""
    return Unavailable(f"{address} is too old: it was valid until {until}.")


def wrong_release(address: str, named: str) -> EmpireError:
    """Return the error for an index that speaks of something else."""
    return Unavailable(f"{address} is the index of {named}.")


def unreachable(address: str, why: str) -> EmpireError:
    """Return the error for a file that the mirror does not give."""
    return Unavailable(f"{address} cannot be fetched.", why=why)


def wrong_digest(address: str) -> EmpireError:
    """Return the error for a file that is not what the signed index says."""
    return Unavailable(
        f"{address} is not the file that the signed index names.",
        why="Its SHA-256 differs. A proxy on the way may keep an old copy.",
        fix="Try again in some minutes.",
    )


def no_package(name: str) -> EmpireError:
    """Return the error for a package that the suite does not have."""
    return Unavailable(f"The Debian mirror has no package {name}.")


def bad_deb(name: str, why: str) -> EmpireError:
    """Return the error for a package file that cannot be read."""
    return InternalError(f"The Debian package {name} cannot be unpacked.", why=why)
