"""What changed on the load balancers while the server was away."""

from empire.manifest import Target
from empire.names import AppName
from tests.deployer.aws.doors import SHOP, Doors, hosts

TARGETS = (Target("10.0.0.7", 8080),)
NAMES = hosts("shop.apps.example.com", "www.example.com")


def test_what_is_as_it_was_is_left_alone(doors: Doors) -> None:
    doors.router.switch(SHOP, NAMES, TARGETS, in_maintenance=True)
    before = doors.rules()
    doors.router.ensure_running()
    doors.taken()
    doors.router.switch(SHOP, NAMES, TARGETS, in_maintenance=True)
    assert (doors.taken(), doors.rules()) == ([], before)


def test_rules_that_are_gone_come_back_with_the_next_switch(doors: Doors) -> None:
    doors.router.switch(SHOP, NAMES, TARGETS, in_maintenance=True)
    before = doors.rules()
    for rule in doors.described():
        doors.elb.delete_rule(RuleArn=rule["RuleArn"])
    doors.router.ensure_running()
    doors.router.switch(SHOP, NAMES, TARGETS, in_maintenance=True)
    assert doors.rules() == before


def test_a_rule_that_was_changed_is_changed_back(doors: Doors) -> None:
    doors.router.switch(SHOP, NAMES, TARGETS)
    [rule] = doors.described()
    theirs = {"Field": "host-header", "HostHeaderConfig": {"Values": ["theirs.example.org"]}}
    path = {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/theirs"]}}
    for condition in (theirs, path):
        doors.elb.modify_rule(RuleArn=rule["RuleArn"], Conditions=[condition])
        doors.router.ensure_running()
        doors.router.switch(SHOP, NAMES, TARGETS)
        assert doors.names() == sorted(NAMES)
    assert len(doors.rules()) == 1


def test_a_target_group_that_is_gone_is_made_again(doors: Doors) -> None:
    doors.router.switch(SHOP, NAMES, TARGETS)
    for rule in doors.described():
        doors.elb.delete_rule(RuleArn=rule["RuleArn"])
    doors.elb.delete_target_group(TargetGroupArn=doors.target_groups()[0]["TargetGroupArn"])
    doors.router.ensure_running()
    arn = doors.load_balancer.ensure(SHOP, NAMES, False)
    assert [group["TargetGroupArn"] for group in doors.target_groups()] == [arn]
    assert doors.names() == sorted(NAMES)


def test_what_belongs_to_no_app_goes(doors: Doors) -> None:
    lost, kept = AppName("lost"), AppName("kept")
    doors.router.switch(lost, hosts("lost.apps.example.com"), TARGETS, in_maintenance=True)
    doors.router.switch(kept, hosts("kept.apps.example.com"), TARGETS)
    doors.ledger.forget(lost)
    action = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}
    theirs = {"Field": "host-header", "HostHeaderConfig": {"Values": ["theirs.example.org"]}}
    doors.elb.create_rule(
        ListenerArn=doors.settings.aws_public_listener,
        Priority=40000,
        Conditions=[theirs],
        Actions=[action],
    )
    doors.router.ensure_running()
    assert sorted(names for names, _ in doors.rules().values()) == [
        ("kept.apps.example.com",),
        ("theirs.example.org",),
    ]
    assert len(doors.target_groups()) == 1
