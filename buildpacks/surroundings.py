"""What the operator's settings add to every build: certificates, proxies, package indexes.

Files are mounted as secrets and proxies are the engine's predefined build arguments, so neither is
in the image, its history, or the cache's keys.
"""

from dataclasses import replace

from buildpacks.dockerfile import BUNDLE, TRUST, Secret
from empire.settings import Settings

CA, PIP, UV = Secret("ca", BUNDLE), Secret("pip", "/etc/pip.conf"), Secret("uv", "/etc/uv/uv.toml")
NPM = Secret("npm", "/root/.npmrc")
# What leads tools to the files in a Dockerfile of the app's own, where nothing may lie over its files.
LEADING = {CA: TRUST, PIP: ("PIP_CONFIG_FILE",), UV: ("UV_CONFIG_FILE",),
           NPM: ("NPM_CONFIG_USERCONFIG",)}  # fmt: skip
SECRET_MAX_BYTES = 500_000  # BuildKit refuses larger ones


def secrets(settings: Settings) -> dict[Secret, bytes]:
    """Return the files that steps which fetch packages see."""
    found: dict[Secret, bytes] = {}
    bundle = settings.build_ca_bundle
    if bundle and bundle.is_file() and 0 < bundle.stat().st_size <= SECRET_MAX_BYTES:
        found[CA] = bundle.read_bytes()
    if index := settings.build_pip_index_url:
        found[PIP] = f"[global]\nindex-url = {index}\n".encode()
        found[UV] = f'[[index]]\nurl = "{index}"\ndefault = true\n'.encode()
    if registry := settings.build_npm_registry:
        found[NPM] = f"registry={registry}\n".encode()
    return found


def beside(files: dict[Secret, bytes]) -> tuple[dict[Secret, bytes], list[str]]:
    """Return the files below /run/secrets, and the ARGs by which tools find them there."""
    moved = {
        secret: replace(secret, id=f"empire-{secret.id}", target=f"/run/secrets/empire-{secret.id}")
        for secret in files
    }
    arguments = [f"{name}={to.target}" for secret, to in moved.items() for name in LEADING[secret]]
    return {moved[secret]: content for secret, content in files.items()}, arguments


def build_arguments(settings: Settings) -> dict[str, str]:
    """Return the proxies under both spellings that tools look for."""
    proxies = {
        "http_proxy": settings.build_http_proxy,
        "https_proxy": settings.build_https_proxy,
        "no_proxy": settings.build_no_proxy,
    }
    chosen = {name: value for name, value in proxies.items() if value}
    return chosen | {name.upper(): value for name, value in chosen.items()}
