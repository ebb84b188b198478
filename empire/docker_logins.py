"""What the operator's Docker config knows of registries: `auths`, `credHelpers`, `credsStore`."""

import base64
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from empire.errors import Unavailable

HELPER_SECONDS = 20.0
INDEX = "index.docker.io"
_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def login_of(folder: Path, registry: str) -> dict[str, str]:
    """Return what the engine needs to log in to the registry, empty where nothing is known.

    The config is read each time: `docker login` works at once. Raises Unavailable for a config or
    a helper that does not work.
    """
    config, registry = _config(folder / "config.json"), registry or INDEX
    helper = (config.get("credHelpers") or {}).get(registry) or config.get("credsStore")
    if helper and (found := _asked(str(helper), registry)):
        return found
    for place, entry in (config.get("auths") or {}).items():
        if _host(place) == registry and (found := _login(entry)):
            return found
    return {}


def _config(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise Unavailable(
            f"{file} cannot be read.", why=str(error), fix="The operator should mend it."
        ) from None
    return found if isinstance(found, dict) else {}


def _host(place: str) -> str:
    return place.partition("://")[2].partition("/")[0] if "://" in place else place.rstrip("/")


def _login(entry: dict[str, str]) -> dict[str, str]:
    if token := entry.get("identitytoken"):
        return {"identitytoken": token}
    name, password = entry.get("username", ""), entry.get("password", "")
    if entry.get("auth"):
        try:
            name, _, password = base64.b64decode(entry["auth"]).decode().partition(":")
        except ValueError:
            return {}
    return {"username": name, "password": password.rstrip("\0")} if name else {}


def _asked(helper: str, registry: str) -> dict[str, str]:
    """Return what the helper program says; it gets the registry on its standard input."""
    program = shutil.which(f"docker-credential-{helper}") if _HELPER.fullmatch(helper) else None
    if program is None:
        raise _broken(helper, "It is not on the server's PATH.")
    try:
        # It is the operator's, like the config, and needs their HOME, AWS_PROFILE and the like.
        done = subprocess.run(
            [program, "get"],
            input=registry.encode(),
            capture_output=True,
            timeout=HELPER_SECONDS,
            check=False,
        )
        if done.returncode:
            said = done.stdout.decode("utf-8", "replace").strip()
            if "not found" in said:
                return {}
            raise _broken(helper, f"It exits with code {done.returncode}: {said[:200]}")
        found = json.loads(done.stdout)
        name, secret = str(found["Username"]), str(found["Secret"])
    except subprocess.TimeoutExpired:
        raise _broken(helper, f"It says nothing for {HELPER_SECONDS:.0f} s.") from None
    except (OSError, ValueError, KeyError, TypeError):
        raise _broken(helper, "What it says is not as Docker's helpers speak.") from None
    return (
        {"identitytoken": secret} if name == "<token>" else {"username": name, "password": secret}
    )


def _broken(helper: str, why: str) -> Unavailable:
    return Unavailable(
        f"The credential helper docker-credential-{helper} does not work.",
        why=why,
        fix="The operator should try: echo REGISTRY | docker-credential-" + helper + " get",
    )
