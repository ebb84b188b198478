"""What the resources of an app are called, and how they say whose they are.

A handle never holds an underscore, so the first one ends it, whatever a process type is called.
"""

from collections.abc import Mapping

SEPARATOR = "_"
GROUP = "service:"


def service_name(app: str, process: str) -> str:
    """Return the name of the service that runs a process type."""
    return f"{app}{SEPARATOR}{process}"


def family(app: str, process: str) -> str:
    """Return the family of the task definitions of a process type."""
    return f"e-{service_name(app, process)}"


def group(app: str, process: str) -> str:
    """Return the group that the tasks of a service are in."""
    return GROUP + service_name(app, process)


def parts_of_group(text: str) -> tuple[str, str] | None:
    """Return app and process type of a task's group; None for a task of no service of ours."""
    app, separator, process = text.removeprefix(GROUP).partition(SEPARATOR)
    return (app, process) if text.startswith(GROUP) and separator and process else None


def secret_name(app: str) -> str:
    """Return the name of the secret that holds the config vars of an app."""
    return f"empire/{app}"


def id_of(arn: str) -> str:
    """Return the last part of an ARN."""
    return arn.rpartition("/")[2]


def tags(**values: str) -> dict[str, str]:
    """Return what a resource says of itself, such as empire:app."""
    return {f"empire:{name}": value for name, value in values.items()}


def spelled(
    tagged: Mapping[str, str], key: str = "key", value: str = "value"
) -> list[dict[str, str]]:
    """Return tags as a service spells them: ECS in lower case, others as Key and Value."""
    return [{key: name, value: text} for name, text in tagged.items()]
