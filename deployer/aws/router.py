"""The router on AWS: rules on load balancers, which ECS's own registrations fill with targets."""

import threading

from deployer.aws import drift
from deployer.aws.account import Account
from deployer.aws.certificates import Certificates
from deployer.aws.dns import Dns
from deployer.aws.fronts import Front
from deployer.aws.load_balancer import LoadBalancer
from deployer.aws.places import INTERNAL, PUBLIC
from empire.manifest import Target
from empire.names import AppName, Hostname

PLAIN, SECURE = 80, 443


class AwsRouter:
    """Brings requests to tasks.

    Which tasks get them is ECS's business: it puts a task into the app's target group when it starts
    and drains it before it stops it. So a switch is about names and maintenance alone, and costs
    nothing where neither changed.
    """

    def __init__(
        self, account: Account, load_balancer: LoadBalancer, certificates: Certificates
    ) -> None:
        self._account = account
        self._settings = account.settings
        self._load_balancer = load_balancer
        self._certificates = certificates
        self._dns = Dns(account, load_balancer.fronts)

    def ensure_running(self) -> None:
        """See that the load balancers of the settings are there, and what became of our rules.

        Raises InvalidInput, Unavailable.
        """
        for kind in (PUBLIC, INTERNAL):
            if kind == PUBLIC or self._load_balancer.fronts.has(kind):
                self._load_balancer.fronts.first(kind)
        drift.look(self._account, self._load_balancer)

    def switch(
        self,
        app: AppName,
        hostnames: tuple[Hostname, ...],
        targets: tuple[Target, ...],
        in_maintenance: bool = False,
    ) -> None:
        """Let the host names lead to the app, in maintenance to a page.

        An app without targets that never had any gets nothing: its names are not found.
        """
        place = self._load_balancer.route(app, hostnames, in_maintenance)
        if place is None and targets:
            self._load_balancer.ensure(app, hostnames, self._is_internal(hostnames))
            place = self._load_balancer.route(app, hostnames, in_maintenance)
        if place is None:
            return
        records = self._dns.write(place, hostnames)
        if records != place.records:
            self._load_balancer.note_records(app, records)

    def drain(self, targets: tuple[Target, ...]) -> None:
        """Return at once: ECS lets the load balancer drain a task before it stops it."""

    def remove(self, app: AppName) -> None:
        """Take away all that leads to the app: records, certificates, rules, target group."""
        place = self._load_balancer.places.of(app)
        if place:
            self._dns.erase(place)
        self._certificates.remove(app)
        self._load_balancer.remove(app)

    def url(self, hostname: Hostname) -> str:
        """Return the address under which a person reaches the hostname."""
        if self._account.is_simulated:
            return f"http://{hostname}:{self._settings.http_port}"
        front = self._front(INTERNAL if self._is_internal((hostname,)) else PUBLIC)
        scheme, usual = ("https", SECURE) if front.is_tls else ("http", PLAIN)
        return f"{scheme}://{hostname}" + ("" if front.port == usual else f":{front.port}")

    def watch(self, stopping: threading.Event | None = None) -> None:
        """Look after the certificates of domains until stopping is set."""
        self._certificates.watch(stopping or threading.Event())

    def _front(self, kind: str) -> Front:
        return self._load_balancer.fronts.first(kind)

    def _is_internal(self, hostnames: tuple[Hostname, ...]) -> bool:
        domain = self._settings.aws_internal_domain
        return bool(domain) and hostnames[0].endswith(f".{domain}")
