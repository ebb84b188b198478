"""The router on the simulated account, with the part that ECS plays: targets come and go."""

from typing import Any

from deployer.aws.account import Account
from deployer.aws.certificates import Certificates
from deployer.aws.load_balancer import LoadBalancer
from deployer.aws.router import AwsRouter
from empire.ledger import Ledger
from empire.manifest import Target
from empire.names import AppName, Hostname
from empire.settings import Settings
from empire.store import Store
from tests.fakeaws.simulator import Simulator
from tests.waiting import wait_until


class FilledRouter(AwsRouter):
    """Registers the targets of a switch, which on AWS are registered by ECS before it."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self.account = Account(settings)
        self.doors = LoadBalancer(self.account, Ledger(store))
        self.certificates = Certificates(self.account, store, self.doors)
        super().__init__(self.account, self.doors, self.certificates)

    def switch(
        self,
        app: AppName,
        hostnames: tuple[Hostname, ...],
        targets: tuple[Target, ...],
        in_maintenance: bool = False,
    ) -> None:
        super().switch(app, hostnames, targets, in_maintenance)
        place = self.doors.places.of(app)
        if place is None:
            return
        elb = self.account.client("elbv2")
        wanted = [{"Id": to.host, "Port": to.port} for to in targets]
        if wanted:
            elb.register_targets(TargetGroupArn=place.target_group, Targets=wanted)
        wait_until(lambda: set(self._states(place.target_group, wanted)) <= {"healthy"})
        health = elb.describe_target_health(TargetGroupArn=place.target_group)
        there = [
            {"Id": one["Target"]["Id"], "Port": one["Target"]["Port"]}
            for one in health["TargetHealthDescriptions"]
        ]
        gone = [one for one in there if one not in wanted]
        if gone:
            elb.deregister_targets(TargetGroupArn=place.target_group, Targets=gone)

    def close(self) -> None:
        """Remove all that it made."""
        for app in self.doors.places.all():
            self.remove(app)
        self.account.close()

    def _states(self, group: str, wanted: list[dict[str, object]]) -> list[str]:
        if not wanted:
            return []
        health = self.account.client("elbv2").describe_target_health(
            TargetGroupArn=group, Targets=wanted
        )
        return [one["TargetHealth"]["State"] for one in health["TargetHealthDescriptions"]]


def filled_router(simulator: Simulator, store: Store, **more: object) -> FilledRouter:
    """Return a router on the simulated account."""
    aws: dict[str, Any] = {
        name.removeprefix("EMPIRE_").lower(): value for name, value in simulator.settings().items()
    }
    home = store.settings.home
    settings = Settings(home=home, http_port=simulator.alb_port, **{**aws, **more})
    return FilledRouter(settings, store)
