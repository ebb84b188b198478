"""Names are told apart, whatever an app and its processes are called."""

from deployer.aws import naming


def test_a_group_tells_its_app_and_process() -> None:
    for app, process in (("hello", "web"), ("a--b", "c_d"), ("a-b", "_")):
        assert naming.parts_of_group(naming.group(app, process)) == (app, process)


def test_other_groups_are_nobodys() -> None:
    for group in ("family:e-hello_web", "service:somebody", "service:hello_", ""):
        assert naming.parts_of_group(group) is None
