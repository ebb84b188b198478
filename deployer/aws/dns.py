"""Names in Route 53: records of names to which no wildcard leads, in the zones that are ours.

The wildcards of the server's own domains are made once, at bootstrap. A record of its own is needed by
a domain that somebody added, and by an app whose load balancer is not the first one.
"""

import time
from collections.abc import Iterable, Sequence
from typing import Any

import structlog

from deployer.aws.account import Account, speaking
from deployer.aws.fronts import Front, Fronts
from deployer.aws.places import INTERNAL, Place

log = structlog.get_logger()

SYNC_SECONDS = 60.0
"""How long it is waited until all of Route 53's servers know a record (it says less than 60)."""
LOOK_SECONDS = 1.0
NEVER_BESIDE = ("A", "AAAA", "CNAME")
"""Records that say themselves where the name leads."""

Change = dict[str, Any]


class Dns:
    """The records of one server's apps."""

    def __init__(self, account: Account, fronts: Fronts) -> None:
        self._account = account
        self._settings = account.settings
        self._fronts = fronts
        self._names: dict[str, str] = {}

    def write(self, place: Place, hostnames: Iterable[str]) -> tuple[str, ...]:
        """Let the names lead to the app's load balancer; return those that have a record of ours.

        What somebody else wrote into the zone stays. No call is made where nothing changes.
        """
        wanted = [name for name in hostnames if self._needs_record(place, name)]
        if set(wanted) == set(place.records):
            return place.records
        front = self._fronts.of(place.listener)
        self._erase(place.kind, front, [name for name in place.records if name not in wanted])
        with speaking("write records into the hosted zone"):
            for name in wanted:
                if name not in place.records:
                    self._point(place.kind, front, name)
        return tuple(wanted)

    def erase(self, place: Place) -> None:
        """Delete all records of an app."""
        if place.records:
            self._erase(place.kind, self._fronts.of(place.listener), place.records)

    def zone_of(self, kind: str, name: str) -> str:
        """Return the id of the zone of ours that holds the name; empty where none does."""
        settings = self._settings
        ids = [settings.aws_public_zone]
        if kind == INTERNAL:
            ids.insert(0, settings.aws_private_zone)
        fitting = [id_ for id_ in ids if id_ and f".{name}".endswith(f".{self._name(id_)}")]
        return max(fitting, key=lambda id_: len(self._name(id_)), default="")

    def write_validation(self, zone: str, record: dict[str, str]) -> None:
        """Write the record by which a certificate is validated."""
        self._change(zone, [("UPSERT", _plain(record))])

    def erase_validation(self, zone: str, record: dict[str, str]) -> None:
        """Delete the record by which a certificate was validated, if it is there."""
        for found in self._present(zone, record["Name"]):
            if found["Type"] == record["Type"]:
                self._change(zone, [("DELETE", found)])

    @property
    def _route53(self) -> Any:
        return self._account.client("route53")

    def _needs_record(self, place: Place, name: str) -> bool:
        own = (self._settings.apps_domain, self._settings.aws_internal_domain)
        is_own = any(domain and name.endswith(f".{domain}") for domain in own)
        if is_own and self._fronts.is_first(place.kind, place.listener):
            return False
        return bool(self.zone_of(place.kind, name))

    def _point(self, kind: str, front: Front, name: str) -> None:
        zone = self.zone_of(kind, name)
        present = self._present(zone, name)
        if any(_leads_to(record, front) for record in present):
            return
        if any(record["Type"] in NEVER_BESIDE for record in present):
            log.warning("the zone has another record of this name; it stays", name=name, zone=zone)
            return
        self._change(zone, [("CREATE", _alias(name, front))])

    def _erase(self, kind: str, front: Front, names: Sequence[str]) -> None:
        with speaking("delete records from the hosted zone"):
            for name in names:
                zone = self.zone_of(kind, name)
                for record in self._present(zone, name) if zone else ():
                    if _leads_to(record, front):
                        self._change(zone, [("DELETE", record)])

    def _present(self, zone: str, name: str) -> list[dict[str, Any]]:
        found = self._route53.list_resource_record_sets(
            HostedZoneId=zone, StartRecordName=name, MaxItems="10"
        )["ResourceRecordSets"]
        return [record for record in found if _same(record["Name"], name)]

    def _change(self, zone: str, changes: Sequence[tuple[str, dict[str, Any]]]) -> None:
        """Make the changes and wait until all servers answer so: the name may be asked for next."""
        batch = [{"Action": action, "ResourceRecordSet": record} for action, record in changes]
        made = self._route53.change_resource_record_sets(
            HostedZoneId=zone, ChangeBatch={"Comment": "Empire", "Changes": batch}
        )["ChangeInfo"]
        deadline = time.monotonic() + SYNC_SECONDS
        while made["Status"] != "INSYNC" and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
            made = self._route53.get_change(Id=made["Id"])["ChangeInfo"]

    def _name(self, zone: str) -> str:
        if zone not in self._names:
            with speaking("read the name of a hosted zone"):
                found = self._route53.get_hosted_zone(Id=zone)["HostedZone"]["Name"]
            self._names[zone] = found.rstrip(".").lower()
        return self._names[zone]


def _alias(name: str, front: Front) -> dict[str, Any]:
    target = {
        "HostedZoneId": front.zone,
        "DNSName": front.dns_name,
        "EvaluateTargetHealth": False,
    }
    return {"Name": name, "Type": "A", "AliasTarget": target}


def _plain(record: dict[str, str]) -> dict[str, Any]:
    values = [{"Value": record["Value"]}]
    return {"Name": record["Name"], "Type": record["Type"], "TTL": 300, "ResourceRecords": values}


def _leads_to(record: dict[str, Any], front: Front) -> bool:
    return _same(record.get("AliasTarget", {}).get("DNSName", ""), front.dns_name)


def _same(one: str, other: str) -> bool:
    return _written(one) == _written(other)


def _written(name: str) -> str:
    r"""Return a name as we write it; Route 53 ends names with a dot and says \052 for a star."""
    return name.rstrip(".").lower().replace("\\052", "*").removeprefix("dualstack.")
