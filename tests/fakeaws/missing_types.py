"""CloudFormation types that moto does not know, as much of them as matters."""

from typing import Any, ClassVar

from moto.acm.models import acm_backends
from moto.cloudformation import parsing
from moto.core.common_models import CloudFormationModel
from moto.ec2.models import ec2_backends
from moto.ec2.models.route_tables import RouteTable
from moto.ecs.models import Cluster, ecs_backends
from moto.elbv2.models import FakeLoadBalancer
from moto.iam.models import ManagedPolicy, iam_backends
from moto.route53.models import FakeZone, route53_backends

SILENT = (
    "AWS::ECR::RegistryScanningConfiguration",
    "AWS::ECS::CapacityProvider",
    "AWS::ECS::ClusterCapacityProviderAssociations",
    "AWS::SQS::QueuePolicy",
)


def install(templates: dict[str, Any]) -> None:
    """Let stacks have them. `templates` is where ECR's repository creation templates are kept."""
    known: dict[str, Any] = parsing.get_model_map()
    known |= dict.fromkeys(SILENT, _Silent)
    known["AWS::CertificateManager::Certificate"] = _Certificate
    known["AWS::ECR::RepositoryCreationTemplate"] = _RepositoryTemplate
    _RepositoryTemplate.templates = templates
    for owner, name, function in (
        (FakeLoadBalancer, "get_cfn_attribute", _attribute_of_a_balancer),
        (FakeZone, "get_cfn_attribute", _attribute_of_a_zone),
        (Cluster, "delete", _delete_cluster),
        (FakeZone, "delete", _delete_zone),
        (ManagedPolicy, "delete", _delete_policy),
        (RouteTable, "delete", _delete_route_table),
    ):
        setattr(owner, name, function)


class _Silent(CloudFormationModel):
    """A resource that is only known to be there."""

    def __init__(self, name: str, properties: dict[str, Any]) -> None:
        self.physical_resource_id = name
        self.properties = properties

    @staticmethod
    def cloudformation_name_type() -> str:
        return ""

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return False

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str,
        region_name: str, **_: Any,
    ) -> Any:  # fmt: skip
        del account_id, region_name
        return cls(resource_name, cloudformation_json["Properties"])

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource: Any, new_resource_name: str, cloudformation_json: dict[str, Any],
        account_id: str, region_name: str,
    ) -> Any:  # fmt: skip
        del new_resource_name, account_id, region_name
        original_resource.properties = cloudformation_json["Properties"]
        return original_resource

    @classmethod
    def delete_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str,
        region_name: str,
    ) -> None:  # fmt: skip
        """Nothing is left."""

    def is_created(self) -> bool:
        return True


class _Certificate(_Silent):
    """A certificate, which is issued at once."""

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str,
        region_name: str, **_: Any,
    ) -> Any:  # fmt: skip
        del resource_name
        properties = cloudformation_json["Properties"]
        backend = acm_backends[account_id][region_name]
        arn = backend.request_certificate(properties["DomainName"], "", [], [])
        backend._certificates[arn].status = "ISSUED"
        return cls(arn, properties)


class _RepositoryTemplate(_Silent):
    """How repositories are that come into being with a push."""

    templates: ClassVar[dict[str, Any]] = {}

    def __init__(self, name: str, properties: dict[str, Any]) -> None:
        super().__init__(properties["Prefix"], properties)
        fields = {key[0].lower() + key[1:]: value for key, value in properties.items()}
        self.templates[self.physical_resource_id] = fields

    def delete(self, account_id: str, region_name: str) -> None:
        del account_id, region_name
        del self.templates[self.physical_resource_id]


def _attribute_of_a_balancer(balancer: Any, name: str) -> Any:
    return {
        "CanonicalHostedZoneID": balancer.canonical_hosted_zone_id,
        "DNSName": balancer.dns_name,
        "LoadBalancerName": balancer.name,
    }[name]


def _attribute_of_a_zone(zone: Any, name: str) -> Any:
    return {"Id": zone.id, "NameServers": zone.delegation_set.name_servers}[name]


def _delete_route_table(table: Any, account_id: str, region_name: str) -> None:
    backend = ec2_backends[account_id][region_name]
    for association in list(table._associations):
        backend.disassociate_route_table(association)
    backend.delete_route_table(table.id)


def _delete_policy(policy: Any, account_id: str, region_name: str) -> None:
    del region_name
    iam_backends[account_id]["aws"].managed_policies.pop(policy.arn, None)


def _delete_cluster(cluster: Any, account_id: str, region_name: str) -> None:
    ecs_backends[account_id][region_name].clusters.pop(cluster.name, None)


def _delete_zone(zone: Any, account_id: str, region_name: str) -> None:
    del region_name
    route53_backends[account_id]["aws"].delete_hosted_zone(zone.id)
