"""What app.json says about health: Heroku's `healthchecks` with a `path`."""

import json
from typing import Any

from buildpacks import errors


def health_path(content: bytes) -> str | None:
    """Return the path of the first health check of web that asks one; raises InvalidInput."""
    try:
        app: Any = json.loads(content)
        checks = app.get("healthchecks", {}).get("web", [])
        paths = [check["path"] for check in checks if check.get("path")]
    except (ValueError, AttributeError, TypeError) as error:
        raise errors.unreadable_file("app.json", str(error)) from None
    if any(not isinstance(path, str) or not path.startswith("/") for path in paths):
        raise errors.unreadable_file("app.json", "The path of a health check starts with a slash.")
    return paths[0] if paths else None
