"""No quota of AWS is passed, whoever asks."""

from deployer.aws.pace import BURSTS, Bucket, Pace, family_of


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_goes_at_once_and_then_one_after_the_other() -> None:
    clock = Clock()
    bucket = Bucket(3, 2, clock)

    assert [bucket.take() for _ in range(5)] == [0, 0, 0, 0.5, 1]

    clock.now = 3
    assert bucket.take() == 0


def test_tokens_do_not_pile_up() -> None:
    clock = Clock()
    bucket = Bucket(2, 10, clock)
    clock.now = 100

    assert [bucket.take() for _ in range(3)] == [0, 0, 0.1]


def test_calls_of_one_family_share_a_bucket() -> None:
    waited: list[float] = []
    pace = Pace(share=1, sleep=waited.append)

    for _ in range(15):
        pace.wait("ecs", "RegisterTaskDefinition")
        pace.wait("ecs", "DeregisterTaskDefinition")
    pace.wait("ecs", "DescribeTasks")
    pace.wait("sqs", "ReceiveMessage")

    assert len(waited) == 10
    assert 9 < max(waited) <= 10


def test_each_family_has_a_quota() -> None:
    assert family_of("elbv2", "CreateRule") == "load balancer writes"
    assert family_of("elbv2", "DescribeTargetHealth") == "load balancer reads"
    assert family_of("route53", "ChangeResourceRecordSets") == "records"
    assert family_of("sqs", "ReceiveMessage") == ""
    assert {"service writes", "task reads"} < set(BURSTS)
