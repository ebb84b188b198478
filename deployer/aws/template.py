"""The one CloudFormation template, put together from its file and those of the policies."""

import json
import re
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
POLICY = re.compile(r"@(policies/[a-z-]+\.json)")
VARIABLES: dict[str, Any] = {
    "PublicZoneId": {"Fn::If": ["MakesZone", {"Ref": "PublicZone"}, {"Ref": "Zone"}]},
}
"""What policies may name beside the template's parameters and resources."""


def template() -> str:
    """Return the template as CloudFormation takes it (YAML)."""
    text = (FOLDER / "template.yaml").read_text()
    return POLICY.sub(lambda found: _flowing(policy(found[1])), text)


def policy(path: str) -> dict[str, Any]:
    """Return a policy; its `${...}` are CloudFormation's."""
    found: dict[str, Any] = json.loads((FOLDER / path).read_text())
    return found


def _flowing(document: dict[str, Any]) -> str:
    """Return the policy as JSON, which is YAML too, with its `${...}` to be filled in."""
    return json.dumps(_substituted(document), separators=(", ", ": "))


def _substituted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _substituted(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_substituted(inner) for inner in value]
    if not isinstance(value, str) or "${" not in value:
        return value
    used = {name: meant for name, meant in VARIABLES.items() if f"${{{name}}}" in value}
    return {"Fn::Sub": [value, used] if used else value}
