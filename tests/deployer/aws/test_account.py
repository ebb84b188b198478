"""Clients are shared, their calls counted, their failures told in words."""

from pathlib import Path

import pytest
from botocore.exceptions import ClientError, NoCredentialsError, ParamValidationError
from moto import mock_aws

from deployer.aws.account import Account, code_of, speaking, text_of, tolerating
from empire.errors import EmpireError, TooMuch, Unavailable
from empire.settings import Settings
from tests.product import free_port


def account(tmp_path: Path, endpoint: str) -> Account:
    return Account(Settings(home=tmp_path, aws_endpoint_url=endpoint))


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "You may not."}}, "CreateService")


@mock_aws
def test_a_client_is_made_once_and_its_calls_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    calls: list[tuple[str, str]] = []
    with_calls = Account(Settings(home=tmp_path), lambda *call: calls.append(call))

    ecs = with_calls.client("ecs")
    ecs.list_clusters()
    ecs.list_services(cluster=ecs.create_cluster(clusterName="one")["cluster"]["clusterArn"])

    assert with_calls.client("ecs") is ecs
    assert not with_calls.is_simulated
    assert calls == [("ecs", "ListClusters"), ("ecs", "CreateCluster"), ("ecs", "ListServices")]
    with_calls.close()
    assert with_calls.client("ecs") is not ecs
    with_calls.close()


def test_an_account_that_is_not_there(tmp_path: Path) -> None:
    nobody = account(tmp_path, f"http://127.0.0.1:{free_port()}")
    assert nobody.is_simulated

    with pytest.raises(Unavailable, match="could not list clusters"), speaking("list clusters"):
        nobody.client("ecs").list_clusters()
    nobody.close()


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        ("AccessDeniedException", Unavailable, "docs/aws.md"),
        ("ExpiredTokenException", Unavailable, "Give the server credentials"),
        ("ThrottlingException", Unavailable, "asked too much"),
        ("LimitExceededException", TooMuch, "Ask AWS for more"),
        ("ClusterNotFoundException", Unavailable, "ClusterNotFoundException: You may not."),
        ("", Unavailable, "You may not."),
    ],
)
def test_refusals_are_told_in_words(code: str, kind: type[EmpireError], words: str) -> None:
    with pytest.raises(kind) as error, speaking("start web"):
        raise refusal(code)

    assert error.value.what == "AWS refused to start web."
    assert words in str(error.value)


def test_what_never_left_this_machine_is_told_too() -> None:
    with pytest.raises(Unavailable, match="no credentials"), speaking("start web"):
        raise NoCredentialsError
    with pytest.raises(Unavailable, match="could not be asked to start web"), speaking("start web"):
        raise ParamValidationError(report="Missing cluster")


def test_what_is_expected_is_let_pass() -> None:
    with tolerating("ServiceNotFoundException"):
        raise refusal("ServiceNotFoundException")
    with pytest.raises(ClientError) as error, tolerating("ServiceNotFoundException"):
        raise refusal("AccessDenied")

    assert (code_of(error.value), text_of(error.value)) == ("AccessDenied", "You may not.")
