"""What ACM and the listeners do for one certificate: ask, look, serve, stop serving, delete."""

import hashlib
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from deployer.aws.account import Account, code_of, speaking, text_of, tolerating
from empire.names import AppName

GONE = ("CertificateNotFound", "ListenerNotFound", "ResourceNotFoundException")
PENDING, ISSUED = "PENDING_VALIDATION", "ISSUED"


@dataclass(frozen=True, slots=True)
class Issue:
    """How a certificate is: ACM's status, the record that validates it, and why it failed."""

    status: str
    record: dict[str, str] | None = None
    reason: str = ""


class Authority:
    """ACM in one account and region."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._settings = account.settings

    def request(self, app: AppName, hostname: str, wish: str) -> str:
        """Ask for a certificate and return its ARN; the same wish within an hour gets the same one."""
        text = f"{self._settings.instance}/{hostname}/{wish}"
        mark = hashlib.sha256(text.encode()).hexdigest()
        tags = {"empire": "1", "empire:app": app, "empire:instance": self._settings.instance}
        with speaking(f"ask for a certificate of {hostname}"):
            made = self._acm.request_certificate(
                DomainName=hostname,
                ValidationMethod="DNS",
                IdempotencyToken=mark[:32],
                Tags=[{"Key": name, "Value": value} for name, value in tags.items()],
            )
        return str(made["CertificateArn"])

    def issue(self, arn: str) -> Issue | None:
        """Return how the certificate is; None when there is none any more."""
        with speaking("look at a certificate"), tolerating(*GONE):
            found = self._acm.describe_certificate(CertificateArn=arn)["Certificate"]
            options = found.get("DomainValidationOptions") or [{}]
            return Issue(
                found["Status"], options[0].get("ResourceRecord"), found.get("FailureReason", "")
            )
        return None

    def serve(self, arn: str, listener: str) -> str:
        """Let the listener serve the certificate; return why it cannot, or nothing."""
        try:
            self._elb.add_listener_certificates(
                ListenerArn=listener, Certificates=[{"CertificateArn": arn}]
            )
        except ClientError as error:
            if code_of(error) != "TooManyCertificates":
                with speaking("let the load balancer serve a certificate"):
                    raise
            return f"The load balancer serves as many certificates as it may: {text_of(error)}"
        return ""

    def withdraw(self, arn: str, listener: str) -> None:
        """Let the listener serve the certificate no more."""
        with speaking("take a certificate from the load balancer"), tolerating(*GONE):
            self._elb.remove_listener_certificates(
                ListenerArn=listener, Certificates=[{"CertificateArn": arn}]
            )

    def delete(self, arn: str) -> bool:
        """Delete the certificate; return False where AWS still sees it in use."""
        with speaking("delete a certificate"), tolerating(*GONE):
            try:
                self._acm.delete_certificate(CertificateArn=arn)
            except ClientError as error:
                if code_of(error) in ("ResourceInUseException", "ConflictException"):
                    return False
                raise
        return True

    @property
    def _acm(self) -> Any:
        return self._account.client("acm")

    @property
    def _elb(self) -> Any:
        return self._account.client("elbv2")
