"""ECR's control plane over the real registry: logins, names, what a push makes known."""

import json
import time
from base64 import b64encode
from typing import Any

import structlog
from moto.ecr.models import ECRBackend, Image, Repository
from moto.ecr.responses import ECRResponse

from tests.fakeaws import account
from tests.fakeaws.operations import Fields, Operation, Refusal, attach, page
from tests.fakeaws.registry import Registry

log = structlog.get_logger()
TOKEN_SECONDS = 12 * 3600


class Repositories:
    """What moto's ECR lacks: the registry behind it, and templates that create on push."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.templates: dict[str, Fields] = {}
        attach(ECRResponse, self.operations())
        _name_repositories_after(registry)
        _delete_for_real(registry)

    def operations(self) -> dict[str, Operation]:
        """Return what the API offers beyond moto."""
        return {
            "GetAuthorizationToken": self._token,
            "CreateRepositoryCreationTemplate": self._create_template,
            "UpdateRepositoryCreationTemplate": self._update_template,
            "DeleteRepositoryCreationTemplate": self._delete_template,
            "DescribeRepositoryCreationTemplates": self._describe_templates,
        }

    def note(self, notification: bytes) -> None:
        """Take note of what the registry tells of pushes."""
        for event in json.loads(notification).get("events", []):
            if event["action"] == "push" and "manifest" in event["target"].get("mediaType", ""):
                self._mirror(event["target"])

    def takes(self, name: str) -> bool:
        """Tell whether an image of that name may be pushed; make its repository by its template."""
        if name in account.ecr().repositories:
            return True
        template = self._template_for(name)
        if template is None:
            return False
        self._create(name, template)
        return True

    def _mirror(self, target: Fields) -> None:
        name, digest = target["repository"], target["digest"]
        if not self.takes(name):
            return
        repository = account.ecr().repositories[name]
        tag = target.get("tag")
        known = {image.get_image_digest(): image for image in repository.images}
        for image in repository.images:
            image.remove_tag(tag)
        if digest not in known:
            text, kind = self._registry.manifest(name, digest)
            known[digest] = Image(account.ID, "", text, name, kind, digest)
            known[digest].image_tags = []
            repository.images.append(known[digest])
        if tag:
            known[digest].update_tag(tag)

    def _create(self, name: str, template: Fields) -> None:
        mutability = template.get("imageTagMutability", "MUTABLE")
        tags = template.get("resourceTags")
        account.ecr().create_repository(name, None, None, None, mutability, tags)
        if policy := template.get("lifecyclePolicy"):
            account.ecr().put_lifecycle_policy(account.ID, name, policy)

    def _template_for(self, name: str) -> Fields | None:
        fitting = [
            template
            for prefix, template in self.templates.items()
            if "CREATE_ON_PUSH" in template.get("appliedFor", [])
            and (prefix == "ROOT" or name.startswith(prefix.rstrip("/") + "/"))
        ]
        return max(fitting, key=lambda template: len(template["prefix"]), default=None)

    def _token(self, wish: Fields) -> Fields:
        login = self._registry.login
        return {
            "authorizationData": [
                {
                    "authorizationToken": _basic(login["username"], login["password"]),
                    "expiresAt": time.time() + TOKEN_SECONDS,
                    "proxyEndpoint": f"http://{self._registry.host}",
                }
            ]
        }

    def _create_template(self, wish: Fields) -> Fields:
        if wish["prefix"] in self.templates:
            raise Refusal("TemplateAlreadyExistsException", "The template already exists.")
        made = {**wish, "createdAt": time.time(), "updatedAt": time.time()}
        self.templates[wish["prefix"]] = made
        return {"registryId": account.ID, "repositoryCreationTemplate": made}

    def _update_template(self, wish: Fields) -> Fields:
        self._find(wish["prefix"]).update(wish, updatedAt=time.time())
        return {"registryId": account.ID, "repositoryCreationTemplate": self._find(wish["prefix"])}

    def _delete_template(self, wish: Fields) -> Fields:
        gone = self._find(wish["prefix"])
        del self.templates[wish["prefix"]]
        return {"registryId": account.ID, "repositoryCreationTemplate": gone}

    def _describe_templates(self, wish: Fields) -> Fields:
        prefixes = wish.get("prefixes") or list(self.templates)
        found = [self.templates[prefix] for prefix in prefixes if prefix in self.templates]
        return page(wish, "repositoryCreationTemplates", found, 100, 1000)

    def _find(self, prefix: str) -> Fields:
        if prefix not in self.templates:
            raise Refusal("TemplateNotFoundException", "The template does not exist.")
        return self.templates[prefix]


def _basic(user: str, password: str) -> str:
    return b64encode(f"{user}:{password}".encode()).decode()


def _name_repositories_after(registry: Registry) -> None:
    uri = property(lambda repository: f"{registry.host}/{repository.name}", lambda *_: None)
    setattr(Repository, "uri", uri)  # noqa: B010


def _delete_for_real(registry: Registry) -> None:
    """Let what moto forgets be gone from the registry too."""
    delete_image, delete_repository = ECRBackend.batch_delete_image, ECRBackend.delete_repository

    def images(backend: Any, repository_name: str, *rest: Any, **more: Any) -> Any:
        before = _digests(backend, repository_name)
        answer = delete_image(backend, repository_name, *rest, **more)
        for digest in before - _digests(backend, repository_name):
            registry.delete(repository_name, digest)
        return answer

    def repository(backend: Any, repository_name: str, *rest: Any, **more: Any) -> Any:
        before = _digests(backend, repository_name)
        answer = delete_repository(backend, repository_name, *rest, **more)
        for digest in before:
            registry.delete(repository_name, digest)
        return answer

    setattr(ECRBackend, "batch_delete_image", images)  # noqa: B010
    setattr(ECRBackend, "delete_repository", repository)  # noqa: B010


def _digests(backend: Any, name: str) -> set[str]:
    found = backend.repositories.get(name)
    return {image.get_image_digest() for image in found.images} if found else set()
