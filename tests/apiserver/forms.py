"""The form of each resource: its fields and what kind of value each has (Heroku's schema)."""

from typing import Any

NAMED = {"id": "str", "name": "str"}
PERSON = {"id": "str", "email": "str"}

APP = {
    "acm": "bool",
    "archived_at": "null",
    "buildpack_provided_description": "null",
    "build_stack": NAMED,
    "created_at": "str",
    "generation": NAMED,
    "git_url": "str",
    "id": "str",
    "internal_routing": "bool",
    "maintenance": "bool",
    "name": "str",
    "owner": PERSON,
    "organization": "null",
    "team": "null",
    "region": NAMED,
    "released_at": "null",
    "repo_size": "null",
    "slug_size": "null",
    "space": "null",
    "stack": NAMED,
    "updated_at": "str",
    "web_url": "str",
}
ACCOUNT = {
    "allow_tracking": "bool",
    "beta": "bool",
    "created_at": "str",
    "email": "str",
    "federated": "bool",
    "id": "str",
    "identity_provider": "null",
    "last_login": "null",
    "name": "str",
    "sms_number": "null",
    "suspended_at": "null",
    "delinquent_at": "null",
    "two_factor_authentication": "bool",
    "updated_at": "str",
    "verified": "bool",
    "country_of_residence": "null",
    "default_organization": "null",
    "default_team": "null",
}
KEY = dict.fromkeys(
    ("comment", "created_at", "email", "fingerprint", "id", "public_key", "updated_at"), "str"
)
DYNO = {
    "attach_url": "null",
    "command": "str",
    "created_at": "str",
    "id": "str",
    "name": "str",
    "release": {"id": "str", "version": "int"},
    "app": NAMED,
    "size": "str",
    "state": "str",
    "type": "str",
    "updated_at": "str",
}
RELEASE = {
    "addon_plan_names": "list",
    "artifacts": "list",
    "app": NAMED,
    "created_at": "str",
    "description": "str",
    "id": "str",
    "updated_at": "str",
    "slug": {"id": "str"},
    "status": "str",
    "user": PERSON,
    "version": "int",
    "current": "bool",
    "output_stream_url": "str",
    "eligible_for_rollback": "bool",
}
BUILD = {
    "app": {"id": "str"},
    "buildpacks": "list",
    "created_at": "str",
    "generation": "str",
    "id": "str",
    "output_stream_url": "str",
    "source_blob": {
        "checksum": "null",
        "url": "str",
        "version": "str",
        "version_description": "null",
    },
    "release": {"id": "str"},
    "slug": {"id": "str"},
    "stack": "str",
    "status": "str",
    "updated_at": "str",
    "user": PERSON,
}
FORMATION = {
    "app": NAMED,
    "command": "str",
    "created_at": "str",
    "dyno_size": NAMED,
    "id": "str",
    "quantity": "int",
    "size": "str",
    "type": "str",
    "updated_at": "str",
}
DOMAIN = {
    "acm_status": "null",
    "acm_status_reason": "null",
    "app": NAMED,
    "cname": "str",
    "created_at": "str",
    "hostname": "str",
    "id": "str",
    "kind": "str",
    "updated_at": "str",
    "status": "str",
    "sni_endpoint": "null",
}
LOG_SESSION = dict.fromkeys(("created_at", "id", "logplex_url", "updated_at"), "str")


def form_of(value: Any) -> Any:
    """Return the form of a JSON value: the kind of it, or of each field."""
    if isinstance(value, dict):
        return {name: form_of(part) for name, part in value.items()}
    return "null" if value is None else type(value).__name__
