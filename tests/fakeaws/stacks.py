"""CloudFormation as the bootstrap needs it: conditions count, resources tell, plans change something.

moto's change sets know no conditions and lose outputs and parameters; it skips types it does not know.
"""

import json
from collections.abc import Callable
from typing import Any

from moto.cloudformation import models, parsing
from moto.core.exceptions import ServiceException
from werkzeug.exceptions import HTTPException

from tests.fakeaws import missing_types

UPDATE = parsing.parse_and_update_resource


def install(templates: dict[str, Any]) -> None:
    """Let moto's stacks behave. `templates` is where ECR's repository creation templates are kept."""
    missing_types.install(templates)
    for owner, name, function in (
        (models.ChangeSet, "diff", _diff),
        (models.CloudFormationBackend, "execute_change_set", _execute),
        (models.Stack, "delete", _delete),
        (models.Stack, "has_parameters", _has_parameters),
        (parsing, "parse_and_update_resource", _updated(UPDATE)),
        (parsing.ResourceMap, "build_resource_diff", _resource_diff),
    ):
        setattr(owner, name, function)


def _diff(change_set: Any) -> list[Any]:
    """Return what a change set would change; also decides whether that is nothing."""
    stack = change_set.stack
    actions = stack.resource_map.build_resource_diff(
        change_set.template_dict, change_set.parameters
    )
    old, new = stack.resource_map._resource_json_map, change_set.template_dict["Resources"]
    return [
        models.Change(action, name, {**old, **new}[name]["Type"])
        for action, names in actions.items()
        for name in names
    ]


def _execute(backend: Any, change_set_name: str, stack_name: str | None = None) -> None:
    del stack_name
    change_set = backend.describe_change_set(change_set_name)
    stack = backend.stacks[change_set.stack_id]
    verb = change_set.change_set_type
    stack._add_stack_event(f"{verb}_IN_PROGRESS", resource_status_reason="User Initiated")
    changes = change_set.diff()
    try:
        _make(stack, change_set)
    except (HTTPException, ServiceException) as error:
        _roll_back(stack, changes[0], str(error))
        return
    stack.output_map = stack._create_output_map()
    for change in changes:
        _tell(stack, change)
    stack._add_stack_event(f"{verb}_COMPLETE")
    stack.status = f"{verb}_COMPLETE"
    change_set.execution_status = "EXECUTE_COMPLETE"


def _make(stack: Any, change_set: Any) -> None:
    stack.template = change_set.template
    stack._parse_template()
    if change_set.change_set_type == "CREATE":
        stack.parameters = change_set.parameters
        stack.resource_map = stack._create_resource_map()
        stack.resource_map.create(stack.template_dict)
    else:
        stack.resource_map.update(stack.template_dict, change_set.parameters)
        stack.parameters = change_set.parameters


def _roll_back(stack: Any, change: Any, reason: str) -> None:
    stack.resource_map.delete()
    _tell(stack, change, "CREATE_FAILED", reason)
    stack._add_stack_event("ROLLBACK_COMPLETE")
    stack.status = "ROLLBACK_COMPLETE"


def _has_parameters(stack: Any, parameters: dict[str, str]) -> bool:
    """Tell whether nothing changes with these parameters and the same template."""
    changes = stack.resource_map.build_resource_diff(stack.template_dict, parameters)
    return not any(changes.values())


def _updated(update: Callable[..., Any]) -> Callable[..., Any]:
    """Return moto's update, which forgets resources of types that it cannot update."""

    def keeping(logical_id: str, resource_json: Any, resources_map: Any, **where: str) -> Any:
        updated = update(logical_id, resource_json, resources_map, **where)
        return resources_map[logical_id] if updated is None else updated

    return keeping


def _delete(stack: Any) -> None:
    stack._add_stack_event("DELETE_IN_PROGRESS", resource_status_reason="User Initiated")
    resources = stack.resource_map._resource_json_map
    changes = [
        models.Change("Remove", name, resources[name]["Type"])
        for name in stack.resource_map._parsed_resources
        if name in resources
    ]
    stack.resource_map.delete()
    for change in reversed(changes):
        _tell(stack, change)
    stack._add_stack_event("DELETE_COMPLETE")
    stack.status = "DELETE_COMPLETE"


def _tell(stack: Any, change: Any, status: str = "", reason: str | None = None) -> None:
    made = stack.resource_map._parsed_resources.get(change.logical_resource_id)
    word = {"Add": "CREATE", "Modify": "UPDATE", "Remove": "DELETE"}[change.action]
    stack.events.append(
        models.Event(
            stack_id=stack.stack_id,
            stack_name=stack.name,
            logical_resource_id=change.logical_resource_id,
            physical_resource_id=getattr(made, "physical_resource_id", None) or "gone",
            resource_type=change.resource_type,
            resource_status=status or f"{word}_COMPLETE",
            resource_status_reason=reason,
            resource_properties="{}",
        )
    )


def _resource_diff(
    resource_map: Any, template: dict[str, Any], parameters: dict[str, Any] | None = None
) -> dict[str, list[str]]:
    old, new = _texts(resource_map._template, resource_map), {}
    if template:
        fresh = parsing.ResourceMap(
            resource_map.stack_id, resource_map["AWS::StackName"],
            parameters or resource_map.input_parameters, {}, resource_map._region_name,
            resource_map._account_id, template, resource_map.cross_stack_resources,
        )  # fmt: skip
        fresh.load()
        new = _texts(template, fresh)
    return {
        "Add": [name for name in new if name not in old],
        "Modify": [name for name in new if name in old and new[name] != old[name]],
        "Remove": [name for name in old if name not in new],
    }


def _texts(template: dict[str, Any], resource_map: Any) -> dict[str, str]:
    """Return the resources whose condition holds, with their parameters and conditions filled in."""
    return {
        name: json.dumps(_filled(resource, template, resource_map), sort_keys=True, default=str)
        for name, resource in template.get("Resources", {}).items()
        if "Condition" not in resource or resource_map.lazy_condition_map[resource["Condition"]]
    }


def _filled(value: Any, template: dict[str, Any], resource_map: Any) -> Any:
    """Return the value without references to parameters and without conditions."""
    parameters = template.get("Parameters", {})
    if isinstance(value, list):
        return [_filled(inner, template, resource_map) for inner in value]
    if isinstance(value, str) and "${" in value:
        for name in parameters:
            value = value.replace(f"${{{name}}}", str(resource_map.resolved_parameters[name]))
        return value
    if not isinstance(value, dict):
        return value
    if value.get("Ref") in parameters:
        return resource_map.resolved_parameters[value["Ref"]]
    if "Fn::If" in value:
        condition, yes, no = value["Fn::If"]
        chosen = yes if resource_map.lazy_condition_map[condition] else no
        return _filled(chosen, template, resource_map)
    return {key: _filled(inner, template, resource_map) for key, inner in value.items()}
