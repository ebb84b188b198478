"""empire version."""

import importlib.metadata

from cli.output import data


def version() -> None:
    """Print the version."""
    try:
        data(f"empire {importlib.metadata.version('empire')}")
    except importlib.metadata.PackageNotFoundError:
        data("empire (not installed: run from its source)")
