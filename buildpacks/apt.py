"""Debian packages in build steps."""

from buildpacks.plan import Run


def install(*packages: str) -> Run:
    """Return the command that installs Debian packages."""
    return Run(
        "apt-get update -qq && DEBIAN_FRONTEND=noninteractive "
        f"apt-get install -qq --no-install-recommends {' '.join(packages)} >/dev/null "
        "&& rm -rf /var/lib/apt/lists/*",
        fetches=True,
    )
