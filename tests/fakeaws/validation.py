"""ACM as a person waits for it: a certificate is issued when its record is in the DNS, not by the clock."""

from typing import Any

from moto.acm.models import AWSCertificateManagerBackend, CertBundle
from moto.core.exceptions import AWSError
from moto.route53.models import route53_backends

from tests.fakeaws import account

DELETE = AWSCertificateManagerBackend.delete_certificate


class _InUse(AWSError):
    TYPE = "ResourceInUseException"


def hold() -> None:
    """Let certificates wait for their records, and stay while a listener serves them."""
    setattr(CertBundle, "check", _check)  # noqa: B010
    setattr(AWSCertificateManagerBackend, "delete_certificate", _delete)  # noqa: B010


def _check(certificate: Any) -> None:
    if certificate.status != "PENDING_VALIDATION" or certificate.type != "AMAZON_ISSUED":
        return
    options = certificate.describe()["Certificate"]["DomainValidationOptions"]
    if all(_is_in_dns(option["ResourceRecord"]) for option in options):
        certificate.status = "ISSUED"


def _is_in_dns(record: dict[str, str]) -> bool:
    wanted = record["Name"].rstrip("."), record["Value"].rstrip(".")
    return any(
        (row.name.rstrip("."), str(value).rstrip(".")) == wanted
        for zone in list(route53_backends[account.ID]["aws"].zones.values())
        for row in list(zone.rrsets)
        if row.type == record["Type"]
        for value in row.records
    )


def _delete(backend: Any, arn: str) -> None:
    for balancer in list(account.elb().load_balancers.values()):
        for listener in list(balancer.listeners.values()):
            if arn in listener.certificates:
                raise _InUse(f"Certificate {arn} in account {account.ID} is in use.")
    DELETE(backend, arn)
