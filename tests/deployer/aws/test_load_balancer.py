"""Apps on load balancers, in an account that keeps what it is told."""

import threading
from typing import Any

import pytest

from deployer.aws.load_balancer import LoadBalancer
from empire.errors import InvalidInput, TooMuch
from empire.names import AppName
from empire.store import Store
from tests.deployer.aws.doors import SHOP, Doors, Make, hosts

FIRST = ["CreateTargetGroup", "ModifyTargetGroupAttributes", "CreateRule"]


def test_a_first_deployment_costs_three_calls_and_the_next_none(doors: Doors) -> None:
    arn = doors.load_balancer.ensure(SHOP, hosts("shop.apps.example.com"), False)

    assert doors.taken() == FIRST
    assert doors.rules() == {5001: (("shop.apps.example.com",), "forward")}
    assert doors.load_balancer.ensure(SHOP, hosts("shop.apps.example.com"), False) == arn
    doors.load_balancer.route(SHOP, hosts("shop.apps.example.com"), False)
    assert doors.taken() == []


def test_a_target_group_asks_often_and_drains_fast(doors: Doors) -> None:
    arn = doors.load_balancer.ensure(SHOP, hosts("shop.apps.example.com"), False, "/health")

    [group] = doors.target_groups()
    attributes = doors.elb.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
    found = {one["Key"]: one["Value"] for one in attributes}
    tags = doors.elb.describe_tags(ResourceArns=[arn])["TagDescriptions"][0]["Tags"]
    assert group["TargetGroupName"].startswith("e-shop-")
    assert (group["TargetType"], group["HealthCheckPath"]) == ("ip", "/health")
    assert group["Matcher"] == {"HttpCode": "200-399"}
    assert (
        group["HealthCheckIntervalSeconds"],
        group["HealthCheckTimeoutSeconds"],
        group["HealthyThresholdCount"],
        group["UnhealthyThresholdCount"],
    ) == (5, 2, 2, 2)
    assert found["deregistration_delay.timeout_seconds"] == "10"
    assert found["load_balancing.algorithm.type"] == "least_outstanding_requests"
    assert {one["Key"]: one["Value"] for one in tags} == {
        "empire:app": "shop",
        "empire:process": "web",
        "empire:instance": doors.settings.instance,
    }


def test_a_long_name_fits(doors: Doors) -> None:
    name = AppName("a-name-that-is-thirty-letters1")
    doors.load_balancer.ensure(name, hosts("x.apps.example.com"), False)
    assert len(doors.target_groups()[0]["TargetGroupName"]) <= 32


def test_an_app_without_a_health_path_is_well_with_any_answer(doors: Doors) -> None:
    doors.load_balancer.ensure(SHOP, hosts("shop.apps.example.com"), False)
    assert doors.target_groups()[0]["Matcher"] == {"HttpCode": "200-499"}
    doors.taken()
    doors.load_balancer.ensure(SHOP, hosts("shop.apps.example.com"), False, "/up")
    doors.load_balancer.ensure(SHOP, hosts("shop.apps.example.com"), False, "/up")
    assert doors.taken() == ["ModifyTargetGroup"]
    # The version that serves may not know the new path.
    [group] = doors.target_groups()
    assert (group["HealthCheckPath"], group["Matcher"]) == ("/up", {"HttpCode": "200-499"})


def test_five_names_share_a_rule(doors: Doors) -> None:
    names = [f"n{number}.example.com" for number in range(7)]
    doors.load_balancer.ensure(SHOP, hosts("shop.apps.example.com"), False)
    doors.taken()

    doors.load_balancer.route(SHOP, hosts("shop.apps.example.com", *names), False)

    assert doors.taken() == ["ModifyRule", "CreateRule"]
    assert [len(names) for names, _ in doors.rules().values()] == [5, 3]
    assert doors.names() == sorted(["shop.apps.example.com", *names])


def test_names_go_and_their_rule_with_the_last(doors: Doors) -> None:
    names = [f"n{number}.example.com" for number in range(6)]
    doors.load_balancer.ensure(SHOP, hosts(*names), False)
    doors.taken()

    doors.load_balancer.route(SHOP, hosts(*names[:5]), False)
    assert doors.taken() == ["DeleteRule"]
    doors.load_balancer.route(SHOP, hosts("other.example.com", *names[:4]), False)
    assert doors.taken() == ["ModifyRule"]
    assert doors.names() == sorted(["other.example.com", *names[:4]])


def test_the_nearest_name_is_asked_first(doors: Doors) -> None:
    wide, near, exact = hosts("*.example.com", "*.eu.example.com", "a.eu.example.com")
    doors.load_balancer.ensure(SHOP, (wide,), False)
    doors.load_balancer.ensure(AppName("near"), (near,), False)
    doors.load_balancer.ensure(AppName("exact"), (exact,), False)
    doors.load_balancer.route(SHOP, (wide,), True)

    found = [names[0] for _, (names, _) in sorted(doors.rules().items())]
    assert found == [exact, near, wide, wide]


def test_maintenance_puts_a_page_before_the_app(doors: Doors) -> None:
    names = hosts("shop.apps.example.com")
    doors.load_balancer.ensure(SHOP, names, False)
    doors.taken()

    doors.load_balancer.route(SHOP, names, True)
    doors.load_balancer.route(SHOP, names, True)
    assert doors.taken() == ["CreateRule"]
    assert [kind for _, (_, kind) in sorted(doors.rules().items())] == ["fixed-response", "forward"]

    # A deployment meanwhile finds its target group in use, and leaves the page.
    more = hosts("shop.apps.example.com", "www.example.com")
    doors.load_balancer.ensure(SHOP, more, False)
    assert doors.taken() == ["ModifyRule", "ModifyRule"]
    assert {names for names, _ in doors.rules().values()} == {tuple(map(str, more))}

    doors.load_balancer.route(SHOP, more, False)
    assert doors.taken() == ["DeleteRule"]
    assert [kind for _, kind in doors.rules().values()] == ["forward"]


def test_an_internal_app_is_on_the_internal_load_balancer(doors: Doors) -> None:
    doors.load_balancer.ensure(SHOP, hosts("shop.empire.internal"), True)
    assert doors.names() == []
    assert doors.names(doors.settings.aws_internal_listener) == ["shop.empire.internal"]


def test_nothing_is_left_of_an_app(doors: Doors) -> None:
    names = hosts("shop.apps.example.com", "*.example.com")
    doors.load_balancer.ensure(SHOP, names, False)
    doors.load_balancer.route(SHOP, names, True)
    doors.load_balancer.remove(SHOP)
    assert (doors.rules(), doors.target_groups(), doors.ledger.all()) == ({}, [], {})
    doors.load_balancer.remove(SHOP)
    assert doors.load_balancer.route(SHOP, names, False) is None


def test_an_app_that_nobody_noted_is_found_and_removed(doors: Doors) -> None:
    names = hosts("shop.apps.example.com")
    doors.load_balancer.ensure(SHOP, names, False)
    doors.load_balancer.route(SHOP, names, True)
    doors.ledger.forget(SHOP)
    doors.load_balancer.remove(SHOP)
    assert (doors.rules(), doors.target_groups()) == ({}, [])


@pytest.mark.parametrize("dies_at", FIRST)
def test_what_a_crash_left_is_taken_up(doors: Doors, dies_at: str) -> None:
    class Death(BaseException):
        pass

    def die(**_: Any) -> None:
        raise Death

    event = f"after-call.elastic-load-balancing-v2.{dies_at}"
    events = doors.account.client("elbv2").meta.events
    events.register(event, die)
    with pytest.raises(Death):
        doors.load_balancer.ensure(SHOP, hosts("shop.apps.example.com"), False)
    events.unregister(event, die)

    again = LoadBalancer(doors.account, doors.ledger)
    arn = again.ensure(SHOP, hosts("shop.apps.example.com", "www.example.com"), False)

    assert [group["TargetGroupArn"] for group in doors.target_groups()] == [arn]
    assert doors.names() == ["shop.apps.example.com", "www.example.com"]
    assert len(doors.rules()) == 1
    doors.taken()
    again.route(SHOP, hosts("shop.apps.example.com", "www.example.com"), False)
    assert doors.taken() == []


def test_a_crash_before_a_page_was_noted_is_taken_up(doors: Doors) -> None:
    names = hosts("shop.apps.example.com")
    doors.load_balancer.ensure(SHOP, names, False)
    before = doors.load_balancer.places.of(SHOP)
    assert before
    doors.load_balancer.route(SHOP, names, True)
    doors.load_balancer.places.note(SHOP, before)
    doors.load_balancer.route(SHOP, names, True)
    assert len(doors.rules()) == 2
    doors.load_balancer.route(SHOP, names, False)
    assert [kind for _, kind in doors.rules().values()] == ["forward"]


def test_a_target_group_with_another_health_path_is_adopted(doors: Doors) -> None:
    names = hosts("shop.apps.example.com")
    arn = doors.load_balancer.target_groups.make(SHOP, "/old")
    assert doors.load_balancer.ensure(SHOP, names, False, "/new") == arn
    [group] = doors.target_groups()
    assert group["HealthCheckPath"] == "/new"


def test_rules_that_others_made_are_left_alone(doors: Doors) -> None:
    condition = {"Field": "host-header", "HostHeaderConfig": {"Values": ["theirs.example.com"]}}
    action = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}
    for priority in (5001, 5002, 2):
        doors.elb.create_rule(
            ListenerArn=doors.settings.aws_public_listener,
            Priority=priority,
            Conditions=[condition],
            Actions=[action],
        )
    doors.load_balancer.ensure(SHOP, hosts("shop.apps.example.com"), False)
    assert doors.rules()[5003] == (("shop.apps.example.com",), "forward")
    assert len(doors.rules()) == 4


def test_a_rule_that_somebody_deleted_comes_back_with_its_next_change(doors: Doors) -> None:
    doors.load_balancer.ensure(SHOP, hosts("shop.apps.example.com"), False)
    doors.load_balancer.route(SHOP, hosts("shop.apps.example.com"), True)
    for rule in doors.described():
        doors.elb.delete_rule(RuleArn=rule["RuleArn"])
    doors.load_balancer.route(SHOP, hosts("www.example.com"), True)
    assert sorted(kind for _, kind in doors.rules().values()) == ["fixed-response", "forward"]
    assert doors.names() == ["www.example.com"]


def test_apps_that_come_at_once_do_not_disturb_each_other(doors: Doors, store: Store) -> None:
    servers = [doors, Doors(doors.settings, store)]
    apps = [AppName(f"app-{number}") for number in range(10)]
    failures: list[Exception] = []

    def deploy(number: int) -> None:
        name = apps[number]
        try:
            servers[number % 2].load_balancer.ensure(name, hosts(f"{name}.example.com"), False)
        except Exception as error:  # noqa: BLE001 - told below
            failures.append(error)

    threads = [threading.Thread(target=deploy, args=(number,)) for number in range(len(apps))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert failures == []
    assert doors.names() == sorted(f"{name}.example.com" for name in apps)
    assert len(doors.target_groups()) == len(apps)


def test_another_load_balancer_is_made_when_one_is_full_and_goes_again(make_doors: Make) -> None:
    doors = make_doors(tls=True, aws_rules_max=7)
    apps = [AppName(f"app-{number}") for number in range(5)]
    for name in apps:
        doors.load_balancer.ensure(name, hosts(f"{name}.apps.example.com"), False)

    assert doors.balancers() == [
        "empire-internal",
        "empire-public",
        "empire-public-2",
        "empire-public-3",
    ]
    places = doors.load_balancer.places.all()
    assert len({place.listener for place in places.values()}) == 3
    grown = places[apps[-1]].listener
    assert doors.names(grown) == ["app-4.apps.example.com"]
    front = doors.load_balancer.fronts.of(grown)
    assert (front.is_tls, front.port, front.name) == (True, 443, "empire-public-3")
    assert_alike(doors, front.balancer)

    for name in apps:
        doors.load_balancer.remove(name)
    assert doors.balancers() == ["empire-internal", "empire-public"]


def assert_alike(doors: Doors, balancer: str) -> None:
    """Compare a load balancer that was made with the first one."""
    [first] = doors.elb.describe_load_balancers(Names=["empire-public"])["LoadBalancers"]
    [other] = doors.elb.describe_load_balancers(LoadBalancerArns=[balancer])["LoadBalancers"]
    for name in ("Scheme", "SecurityGroups", "AvailabilityZones", "VpcId"):
        assert first[name] == other[name]
    listeners = [
        sorted(
            (
                row["Port"],
                row["Protocol"],
                row["DefaultActions"][0]["Type"],
                str(row.get("Certificates")),
            )
            for row in doors.elb.describe_listeners(LoadBalancerArn=one["LoadBalancerArn"])[
                "Listeners"
            ]
        )
        for one in (first, other)
    ]
    assert listeners[0] == listeners[1]
    attributes = doors.elb.describe_load_balancer_attributes(LoadBalancerArn=balancer)
    assert {"Key": "idle_timeout.timeout_seconds", "Value": "90"} in attributes["Attributes"]


def test_a_load_balancer_that_aws_calls_full_is_left_for_another(doors: Doors) -> None:
    quota(doors, 3)
    many = [f"n{number}.example.com" for number in range(8)]
    doors.load_balancer.ensure(SHOP, hosts(*many), False)
    other = AppName("other")
    doors.load_balancer.ensure(
        other, hosts(*(f"o{number}.example.com" for number in range(8))), False
    )

    assert doors.names() == many
    places = doors.load_balancer.places.all()
    assert places[other].listener != places[SHOP].listener
    assert len(doors.rules(places[other].listener)) == 2
    more = [f"m{number}.example.com" for number in range(10)]
    with pytest.raises(TooMuch, match="no room for more rules"):
        doors.load_balancer.route(SHOP, hosts(*many, *more), False)


def quota(doors: Doors, most: int) -> None:
    """Let the account answer as AWS does when a load balancer has so many rules."""

    def judge(params: dict[str, Any], **_: Any) -> tuple[Any, dict[str, Any]] | None:
        listener = params["body"]["ListenerArn"]
        if len(doors.rules(listener)) < most:
            return None

        class Answer:
            status_code = 400

        return Answer(), {"Error": {"Code": "TooManyRules", "Message": "Full."}}

    client = doors.account.client("elbv2")
    client.meta.events.register("before-call.elastic-load-balancing-v2.CreateRule", judge)


def test_without_a_listener_people_are_told(make_doors: Make) -> None:
    doors = make_doors(aws_public_listener="")
    with pytest.raises(InvalidInput, match="knows no public load balancer"):
        doors.load_balancer.ensure(SHOP, hosts("shop.apps.example.com"), False)
