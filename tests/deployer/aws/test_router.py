"""The router on AWS: names, records, maintenance and addresses."""

import pytest

from empire.errors import InvalidInput
from empire.manifest import Target
from empire.names import AppName, Hostname
from tests.deployer.aws.doors import SHOP, Doors, Make, client, hosts

TARGETS = (Target("10.0.0.7", 8080),)
OWN = hosts("shop.apps.example.com")


def test_a_switch_that_changes_nothing_asks_nothing(doors: Doors) -> None:
    doors.router.switch(SHOP, OWN, TARGETS)
    assert doors.taken() == ["CreateTargetGroup", "ModifyTargetGroupAttributes", "CreateRule"]
    doors.router.switch(SHOP, OWN, TARGETS)
    doors.router.drain(TARGETS)
    assert doors.taken() == []
    # Scaled to nothing it keeps its place: ECS puts the next dynos into it.
    doors.router.switch(SHOP, OWN, ())
    assert doors.taken() == []


def test_an_app_that_takes_no_requests_gets_nothing(doors: Doors) -> None:
    doors.router.switch(SHOP, OWN, ())
    doors.router.switch(SHOP, OWN, (), in_maintenance=True)
    assert (doors.taken(), doors.rules()) == ([], {})


def test_maintenance_comes_and_goes(doors: Doors) -> None:
    doors.router.switch(SHOP, OWN, TARGETS, in_maintenance=True)
    assert [kind for _, (_, kind) in sorted(doors.rules().items())] == ["fixed-response", "forward"]
    doors.router.switch(SHOP, OWN, TARGETS)
    assert [kind for _, kind in doors.rules().values()] == ["forward"]


def test_domains_in_our_zone_get_records(doors: Doors) -> None:
    names = hosts("shop.apps.example.com", "www.example.com", "*.shop.example.com", "example.org")
    dns_name = doors.load_balancer.fronts.first("public").dns_name
    doors.router.switch(SHOP, names, TARGETS)
    assert doors.records() == {
        ("www.example.com", "A"): dns_name,
        ("*.shop.example.com", "A"): dns_name,
    }
    doors.taken()
    doors.router.switch(SHOP, names, TARGETS)
    assert doors.taken() == []

    doors.router.switch(SHOP, names[:2], TARGETS)
    assert list(doors.records()) == [("www.example.com", "A")]
    doors.router.remove(SHOP)
    assert (doors.records(), doors.rules(), doors.target_groups()) == ({}, {}, [])
    doors.router.remove(SHOP)


def test_records_that_others_made_stay(doors: Doors) -> None:
    theirs = {"Name": "www.example.com", "Type": "CNAME", "TTL": 60}
    theirs["ResourceRecords"] = [{"Value": "elsewhere.example.org"}]
    text = {"Name": "txt.example.com", "Type": "TXT", "TTL": 60}
    text["ResourceRecords"] = [{"Value": '"hello"'}]
    zone = doors.settings.aws_public_zone
    for record in (theirs, text):
        client("route53").change_resource_record_sets(
            HostedZoneId=zone,
            ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]},
        )
    names = hosts("shop.apps.example.com", "www.example.com", "txt.example.com")
    doors.router.switch(SHOP, names, TARGETS)
    assert doors.records()["www.example.com", "CNAME"] == "elsewhere.example.org"
    assert ("txt.example.com", "A") in doors.records()
    doors.taken()
    doors.router.switch(SHOP, names, TARGETS)
    assert doors.taken() == []
    doors.router.remove(SHOP)
    assert sorted(doors.records()) == [("txt.example.com", "TXT"), ("www.example.com", "CNAME")]


def test_an_app_on_a_further_load_balancer_gets_a_record_of_its_own(make_doors: Make) -> None:
    doors = make_doors(aws_rules_max=6)
    other = AppName("other")
    doors.router.switch(SHOP, OWN, TARGETS)
    doors.router.switch(other, hosts("other.apps.example.com"), TARGETS)
    place = doors.load_balancer.places.of(other)
    assert place
    front = doors.load_balancer.fronts.of(place.listener)
    assert front.name == "empire-public-2"
    assert doors.records() == {("other.apps.example.com", "A"): front.dns_name}

    doors.router.switch(other, hosts("renamed.apps.example.com"), TARGETS)
    assert doors.records() == {("renamed.apps.example.com", "A"): front.dns_name}
    doors.router.remove(other)
    assert (doors.records(), doors.balancers()) == ({}, ["empire-internal", "empire-public"])


def test_a_record_that_a_crash_left_is_taken_up(doors: Doors) -> None:
    names = hosts("shop.apps.example.com", "www.example.com")
    doors.router.switch(SHOP, names, TARGETS)
    doors.load_balancer.note_records(SHOP, ())
    doors.load_balancer.note_records(AppName("absent"), ("www.example.com",))
    doors.router.switch(SHOP, names, TARGETS)
    assert list(doors.records()) == [("www.example.com", "A")]
    doors.router.remove(SHOP)
    assert doors.records() == {}


def test_an_internal_app_is_reached_inside(make_doors: Make) -> None:
    doors = make_doors(aws_public_zone="")
    names = hosts("shop.empire.internal", "bills.empire.internal.example.org", "www.example.com")
    doors.router.switch(SHOP, names, TARGETS)
    assert doors.names() == []
    assert len(doors.names(doors.settings.aws_internal_listener)) == 3
    assert doors.records(doors.settings.aws_private_zone) == {}
    assert doors.router.url(names[0]) == "http://shop.empire.internal"


def test_an_address_says_what_the_listener_speaks(make_doors: Make) -> None:
    hostname = Hostname("shop.apps.example.com")
    assert make_doors().router.url(hostname) == "http://shop.apps.example.com"


def test_an_address_is_secure_where_the_listener_is(make_doors: Make) -> None:
    doors = make_doors(tls=True)
    assert doors.router.url(Hostname("shop.apps.example.com")) == "https://shop.apps.example.com"
    doors.taken()
    assert doors.router.url(Hostname("a.apps.example.com")) == "https://a.apps.example.com"
    assert doors.taken() == []


def test_a_simulated_account_answers_on_this_machine(make_doors: Make) -> None:
    doors = make_doors(aws_endpoint_url="http://127.0.0.1:1", http_port=8081)
    assert doors.router.url(Hostname("shop.localhost")) == "http://shop.localhost:8081"


def test_the_load_balancers_are_looked_for_at_the_start(make_doors: Make) -> None:
    doors = make_doors()
    doors.router.ensure_running()
    # Two calls for each load balancer, its rules, and all target groups.
    assert len(doors.taken()) == 2 * 3 + 1
    make_doors(aws_internal_listener="").router.ensure_running()
    with pytest.raises(InvalidInput, match="no public load balancer"):
        make_doors(aws_public_listener="").router.ensure_running()
