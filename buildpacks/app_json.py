"""What app.json says about health (Heroku's `healthchecks` with a `path`) and config vars."""

import json
from collections.abc import Container
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


def unset(content: bytes, config: Container[str]) -> list[str]:
    """Return the config vars that `env` requires without giving a value, and that are not set."""
    try:
        env: Any = json.loads(content).get("env") or {}
        wanted = {
            name: about if isinstance(about, dict) else {"value": about}
            for name, about in env.items()
        }
    except (ValueError, AttributeError) as error:
        raise errors.unreadable_file("app.json", str(error)) from None
    return [
        name
        for name, about in wanted.items()
        if name not in config
        and about.get("required", True)
        and not (about.get("value") or about.get("generator"))
    ]
