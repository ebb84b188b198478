"""The listeners that take requests for apps, and another load balancer when all are full."""

import threading
from dataclasses import dataclass
from typing import Any

import structlog

from deployer.aws import front_errors
from deployer.aws.account import Account, speaking, tolerating
from deployer.aws.places import INTERNAL

log = structlog.get_logger()

NAME_MAX = 32
NEVER_COPIED = (
    "deletion_protection.enabled",
    "access_logs.",
    "connection_logs.",
    "health_check_logs.",
)
"""Attributes that a further load balancer has of its own: logs would mix, and it has to go again."""


@dataclass(frozen=True, slots=True)
class Front:
    """A listener with its load balancer; `zone` is the hosted zone of the load balancer's name."""

    listener: str
    balancer: str
    name: str
    dns_name: str
    zone: str
    port: int
    is_tls: bool


class Fronts:
    """The listeners of one account; what never changes of them is asked once."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._settings = account.settings
        self._known: dict[str, Front] = {}
        self._growing = threading.Lock()

    def named(self, kind: str) -> tuple[str, ...]:
        """Return the listeners of the settings; raises Unavailable where there is none."""
        settings = self._settings
        text = settings.aws_internal_listener if kind == INTERNAL else settings.aws_public_listener
        listeners = tuple(part.strip() for part in text.split(",") if part.strip())
        if not listeners:
            raise front_errors.no_listener(kind)
        return listeners

    def is_first(self, kind: str, listener: str) -> bool:
        """Tell whether the wildcard record of the server's own names leads there."""
        return listener == self.named(kind)[0]

    def is_grown(self, listener: str) -> bool:
        """Tell whether we made the load balancer ourselves, because others were full."""
        settings = self._settings
        return listener not in f"{settings.aws_public_listener},{settings.aws_internal_listener}"

    def of(self, listener: str) -> Front:
        """Return what is known of a listener."""
        if listener not in self._known:
            self._known[listener] = self._described(listener)
        return self._known[listener]

    def first(self, kind: str) -> Front:
        """Return the front of the kind to which the wildcard record leads."""
        return self.of(self.named(kind)[0])

    def has(self, kind: str) -> bool:
        """Tell whether there is any listener of the kind."""
        settings = self._settings
        return bool(
            settings.aws_internal_listener if kind == INTERNAL else settings.aws_public_listener
        )

    def grow(self, kind: str, used: frozenset[str]) -> str:
        """Return the listener of another load balancer, made like the first one of the kind.

        `used` are the listeners that apps are on. One that was made before and is not used is taken.
        """
        with self._growing, speaking("make another load balancer"):
            model = self.first(kind)
            number = 2
            while (balancer := self._find(_numbered(model.name, number))) and any(
                balancer["LoadBalancerArn"] == balancer_of(listener) for listener in used
            ):
                number += 1
            if balancer is None:
                balancer = self._make_balancer(kind, model, _numbered(model.name, number))
            listener = self._make_listeners(model, balancer["LoadBalancerArn"])
            log.info("load balancer made", name=balancer["LoadBalancerName"], kind=kind)
            return listener

    def shrink(self, listener: str) -> None:
        """Delete a load balancer that was made by grow and is not used any more."""
        with self._growing, speaking("delete a load balancer"):
            with tolerating("LoadBalancerNotFound"):
                self._elb.delete_load_balancer(LoadBalancerArn=balancer_of(listener))
            self._known.pop(listener, None)

    @property
    def _elb(self) -> Any:
        return self._account.client("elbv2")

    def _described(self, listener: str) -> Front:
        with speaking("describe the load balancer's listener"):
            [row] = self._elb.describe_listeners(ListenerArns=[listener])["Listeners"]
            [balancer] = self._elb.describe_load_balancers(
                LoadBalancerArns=[row["LoadBalancerArn"]]
            )["LoadBalancers"]
        return Front(
            listener=listener,
            balancer=row["LoadBalancerArn"],
            name=balancer["LoadBalancerName"],
            dns_name=balancer["DNSName"],
            zone=balancer["CanonicalHostedZoneId"],
            port=row["Port"],
            is_tls=row["Protocol"] == "HTTPS",
        )

    def _find(self, name: str) -> Any:
        with tolerating("LoadBalancerNotFound"):
            return self._elb.describe_load_balancers(Names=[name])["LoadBalancers"][0]
        return None

    def _make_balancer(self, kind: str, model: Front, name: str) -> Any:
        elb = self._elb
        [like] = elb.describe_load_balancers(LoadBalancerArns=[model.balancer])["LoadBalancers"]
        [made] = elb.create_load_balancer(
            Name=name,
            Subnets=[zone["SubnetId"] for zone in like["AvailabilityZones"]],
            SecurityGroups=like["SecurityGroups"],
            Scheme=like["Scheme"],
            Type="application",
            IpAddressType=like.get("IpAddressType", "ipv4"),
            Tags=[
                {"Key": "empire:instance", "Value": self._settings.instance},
                {"Key": "empire:kind", "Value": kind},
            ],
        )["LoadBalancers"]
        attributes = elb.describe_load_balancer_attributes(LoadBalancerArn=model.balancer)
        copied = [
            one
            for one in attributes["Attributes"]
            if one.get("Value") and not one["Key"].startswith(NEVER_COPIED)
        ]
        elb.modify_load_balancer_attributes(
            LoadBalancerArn=made["LoadBalancerArn"], Attributes=copied
        )
        return made

    def _make_listeners(self, model: Front, balancer: str) -> str:
        """Give the load balancer the listeners of the model; return the one that takes requests."""
        elb = self._elb
        present = {
            row["Port"]: row["ListenerArn"]
            for row in elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"]
        }
        for row in elb.describe_listeners(LoadBalancerArn=model.balancer)["Listeners"]:
            if row["Port"] in present:
                continue
            secure = {
                name: row[name]
                for name in ("SslPolicy", "Certificates", "AlpnPolicy")
                if row["Protocol"] == "HTTPS" and row.get(name)
            }
            [made] = elb.create_listener(
                LoadBalancerArn=balancer,
                Protocol=row["Protocol"],
                Port=row["Port"],
                DefaultActions=row["DefaultActions"],
                **secure,
            )["Listeners"]
            present[row["Port"]] = made["ListenerArn"]
        return str(present[model.port])


def balancer_of(listener: str) -> str:
    """Return the ARN of the load balancer to which a listener belongs."""
    return listener.rpartition("/")[0].replace(":listener/", ":loadbalancer/")


def _numbered(name: str, number: int) -> str:
    suffix = f"-{number}"
    return f"{name[: NAME_MAX - len(suffix)].rstrip('-')}{suffix}"
