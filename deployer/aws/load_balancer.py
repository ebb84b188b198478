"""Apps on load balancers: a target group and a few rules each, on listeners that all share.

Create first, then look: what AWS says is there already is adopted when it is ours. The ledger knows
the rest, so that a deployment of an app that has its place asks nothing. A place is noted before the
first call and again after the last one; what a crash left unnoted is found by its name or priority.
"""

import threading
from collections import defaultdict
from dataclasses import replace

from deployer.aws import front_errors, rules
from deployer.aws.account import Account, speaking
from deployer.aws.fronts import Fronts
from deployer.aws.listener_rules import Full, ListenerRules
from deployer.aws.places import EMPTY, INTERNAL, PUBLIC, Place, Places, Room, rooms
from deployer.aws.target_groups import TargetGroups
from empire.ledger import Ledger
from empire.names import AppName, Hostname

APPS_MAX = 100
"""How many target groups a load balancer may have (a quota that AWS does not raise)."""
ROOM_FOR_PAGES = 5
"""Rules of a load balancer that are left free for apps that go into maintenance."""
TRIES = 20


class LoadBalancer:
    """The apps' places on the load balancers of one server. Any thread may use it."""

    def __init__(self, account: Account, ledger: Ledger) -> None:
        self.fronts = Fronts(account)
        self.places = Places(ledger)
        self.target_groups = TargetGroups(account)
        self.rules = ListenerRules(account, self._other_slot)
        self._account = account
        self._settings = account.settings
        self._choosing = threading.RLock()
        self._turns: defaultdict[AppName, threading.RLock] = defaultdict(threading.RLock)
        self._full: set[str] = set()

    def ensure(
        self,
        app: AppName,
        hostnames: tuple[Hostname, ...],
        internal: bool,
        health_path: str | None = None,
    ) -> str:
        """Return the app's target group, to which a listener sends the host names' requests.

        Three calls for a new app, none for one that has all of it. Raises TooMuch, Unavailable.
        """
        with self._turns[app], speaking("route to the app"):
            place = self.places.of(app)
            if place is None or not place.target_group:
                kind = INTERNAL if internal else PUBLIC
                return self._settled(app, kind, hostnames, health_path or "").target_group
            if health_path and health_path != place.health:
                self.target_groups.change_health(place.target_group, health_path)
                place = replace(place, health=health_path)
                self.places.note(app, place)
            return self._routed(app, place, hostnames, place.is_in_maintenance).target_group

    def route(
        self, app: AppName, hostnames: tuple[Hostname, ...], in_maintenance: bool
    ) -> Place | None:
        """Let these host names and no other lead to the app, or to its page in maintenance.

        Returns its place, None where it has none. No call is made where nothing changes.
        """
        with self._turns[app], speaking("route to the app"):
            place = self.places.of(app)
            if place is None or not place.target_group:
                return None
            return self._routed(app, place, hostnames, in_maintenance)

    def remove(self, app: AppName) -> None:
        """Take the app's rules and target group away, and a load balancer that nobody else needs."""
        with self._turns[app], speaking("stop routing to the app"):
            place = self.places.of(app) or self._lost_place(app)
            if place is None:
                return
            for rule in place.rules:
                self.rules.delete(rule)
            self.target_groups.delete(place.target_group or self.target_groups.find(app))
            self._leave(app, place)

    def note_records(self, app: AppName, records: tuple[str, ...]) -> None:
        """Remember which names of the app have a record of their own."""
        with self._turns[app]:
            if place := self.places.of(app):
                self.places.note(app, replace(place, records=records))

    def _settled(
        self, app: AppName, kind: str, hostnames: tuple[Hostname, ...], health_path: str
    ) -> Place:
        """Give a new app its place: that it has been noted before, else where there is room."""
        place = self._chosen(app, kind, hostnames)
        target_group = self.target_groups.make(app, health_path)
        for _ in range(TRIES):
            place = replace(place, target_group=target_group, health=health_path)
            try:
                return self._written(app, place, hostnames, in_maintenance=False)
            except Full:
                self._full.add(place.listener)
                for rule in self.rules.of_target_group(target_group)[1]:
                    self.rules.delete(rule)
                place = self._chosen(app, kind, hostnames)
        raise front_errors.no_room(place.listener)

    def _chosen(self, app: AppName, kind: str, hostnames: tuple[Hostname, ...]) -> Place:
        """Return where a new app shall be, noted with the slots of its rules."""
        wanted = rules.arranged((), hostnames).kept
        with self._choosing:
            place = self.places.of(app)
            if place and place.listener not in self._full:
                return place
            places = [one for other, one in self.places.all().items() if other != app]
            taken = rooms(places)
            known = {one.listener: None for one in places if one.kind == kind}
            listeners = tuple(dict.fromkeys((*self.fronts.named(kind), *sorted(known))))
            free = (
                one for one in listeners if self._has_room(one, taken.get(one, EMPTY), len(wanted))
            )
            listener = next(free, "") or self.fronts.grow(kind, frozenset(listeners))
            slotted = taken.get(listener, EMPTY).slotted(wanted)
            place = Place(kind, listener, rules=slotted)
            self.places.note(app, place)
            return place

    def _has_room(self, listener: str, room: Room, needed: int) -> bool:
        rules_max = self._settings.aws_rules_max - ROOM_FOR_PAGES
        has_rules = room.rules + needed <= rules_max
        return listener not in self._full and room.apps < APPS_MAX and has_rules

    def _routed(
        self, app: AppName, place: Place, hostnames: tuple[Hostname, ...], in_maintenance: bool
    ) -> Place:
        """Return the place with its rules as they must be; raises TooMuch where they find no room."""
        try:
            return self._written(app, place, hostnames, in_maintenance)
        except Full:
            # An app cannot move to another one: ECS ties its services to their target group.
            raise front_errors.no_room(place.listener) from None

    def _written(
        self, app: AppName, place: Place, hostnames: tuple[Hostname, ...], in_maintenance: bool
    ) -> Place:
        change = rules.arranged(place.rules, hostnames)
        is_made = all(rule.arn and bool(rule.page) == in_maintenance for rule in change.kept)
        if is_made and change.kept == place.rules:
            return place
        if any(rule.slot < 0 for rule in change.kept):
            place, change = self._slotted(app, place, change)
        before = {rule.key: rule for rule in place.rules}
        for rule in change.kept:
            old = before[rule.key]
            made = self.rules.write(app, place, old, rule, in_maintenance)
            place = place.with_rule(old.key, made)
        for rule in change.gone:
            self.rules.delete(rule)
            place = place.with_rule(rule.key, None)
        self.places.note(app, place)
        return place

    def _slotted(
        self, app: AppName, place: Place, change: rules.Change
    ) -> tuple[Place, rules.Change]:
        """Note slots for the rules that are new, and return them with their slots."""
        with self._choosing:
            taken = rooms(self.places.all().values()).get(place.listener, EMPTY)
            old = tuple(rule for rule in change.kept if rule.slot >= 0)
            new = taken.slotted(tuple(rule for rule in change.kept if rule.slot < 0))
            place = replace(place, rules=(*place.rules, *new))
            self.places.note(app, place)
        return place, replace(change, kept=(*old, *new))

    def _other_slot(
        self, app: AppName, place: Place, rule: rules.Rule, refused: frozenset[int]
    ) -> rules.Rule:
        """Return the rule with another slot, noted; none whose priority is refused."""
        with self._choosing:
            taken = rooms(self.places.all().values()).get(place.listener, EMPTY)
            [other] = taken.slotted((replace(rule, slot=-1),), refused)
            self.places.note(app, place.with_rule(rule.key, other))
            return other

    def _lost_place(self, app: AppName) -> Place | None:
        """Return the place that an app has although nobody noted it; None where it has none."""
        target_group = self.target_groups.find(app)
        if not target_group:
            return None
        listener, found = self.rules.of_target_group(target_group)
        return Place(PUBLIC, listener, target_group, rules=found)

    def _leave(self, app: AppName, place: Place) -> None:
        with self._choosing:
            self.places.forget(app)
            self._full.discard(place.listener)
            if not place.listener or not self.fronts.is_grown(place.listener):
                return
            if all(other.listener != place.listener for other in self.places.all().values()):
                self.fronts.shrink(place.listener)
