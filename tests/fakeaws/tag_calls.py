"""Tags of services, tasks and task definitions, also as the tagging API shows them."""

from collections.abc import Iterator
from typing import Any

from moto.core.resource_tagging import TaggedResource
from moto.ecs.models import EC2ContainerServiceBackend

from tests.fakeaws import account
from tests.fakeaws.cloud import Cloud
from tests.fakeaws.definitions import Definition
from tests.fakeaws.operations import Fields, Operation, invalid
from tests.fakeaws.services import Service
from tests.fakeaws.tasks import Task

MOST = 50


class TagCalls:
    """The operations on tags of a cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        _show_to_tagging_api(self)

    def operations(self) -> dict[str, Operation]:
        """Return what the API offers."""
        return {
            "TagResource": self.add,
            "UntagResource": self.remove,
            "ListTagsForResource": self.show,
        }

    def add(self, wish: Fields) -> Fields:
        """Set tags."""
        with self._cloud.lock:
            tags = self._tags(wish["resourceArn"])
            new = {tag["key"] for tag in wish["tags"]}
            kept = [tag for tag in tags if tag["key"] not in new]
            if len(kept) + len(wish["tags"]) > MOST:
                raise invalid("The maximum number of tags is 50.")
            tags[:] = kept + wish["tags"]
        return {}

    def remove(self, wish: Fields) -> Fields:
        """Take tags away."""
        with self._cloud.lock:
            tags = self._tags(wish["resourceArn"])
            tags[:] = [tag for tag in tags if tag["key"] not in wish["tagKeys"]]
        return {}

    def show(self, wish: Fields) -> Fields:
        """Show the tags of one thing."""
        return {"tags": list(self._tags(wish["resourceArn"]))}

    def all(self) -> Iterator[tuple[str, str, list[Fields]]]:
        """Yield the kind, the ARN and the tags of everything that has tags."""
        with self._cloud.lock:
            things = [
                *(service for service in self._cloud.services.values() if _is_there(service)),
                *self._cloud.tasks.values(),
                *self._cloud.definitions,
            ]
        for cluster in list(account.ecs().clusters.values()):
            yield "ecs:cluster", cluster.arn, cluster.tags or []
        for thing in things:
            yield f"ecs:{_kind(thing)}", thing.arn, _tags_of(thing)

    def _tags(self, arn: str) -> list[Fields]:
        for _, name, tags in self.all():
            if name == arn:
                return tags
        raise invalid("The specified resource was not found.")


def _is_there(service: Service) -> bool:
    return service.status != "INACTIVE"


def _kind(thing: Service | Task | Definition) -> str:
    return {Service: "service", Task: "task", Definition: "task-definition"}[type(thing)]


def _tags_of(thing: Service | Task | Definition) -> list[Fields]:
    return thing.launch.tags if isinstance(thing, Task) else thing.tags


def _show_to_tagging_api(calls: TagCalls) -> None:
    def tagged(backend: Any) -> Iterator[TaggedResource]:
        for kind, arn, tags in calls.all():
            pairs = {tag["key"]: tag["value"] for tag in tags}
            yield TaggedResource(arn=arn, tags=pairs, resource_type=kind)

    setattr(EC2ContainerServiceBackend, "iter_tagged_resources", tagged)  # noqa: B010
