"""An app's config vars are stored once for each content, and every version stays readable."""

import json

import pytest

from deployer.aws.account import Account
from deployer.aws.config_secret import ConfigSecret
from empire.errors import InvalidInput
from empire.ledger import Ledger
from empire.secrets import Secret
from empire.store import Store

GREEN, RED = {"COLOUR": Secret("green"), "EMPTY": Secret("")}, {"COLOUR": Secret("red")}


@pytest.fixture
def config(account: Account, store: Store) -> ConfigSecret:
    return ConfigSecret(account, store)


def value(account: Account, reference: str) -> str:
    *arn, name, _, version = reference.split(":")
    found = account.client("secretsmanager").get_secret_value(
        SecretId=":".join(arn), VersionId=version
    )
    return str(json.loads(found["SecretString"])[name])


def test_each_content_is_stored_once(
    config: ConfigSecret, account: Account, calls: list[str]
) -> None:
    green = config.references("hello", GREEN)
    red = config.references("hello", RED)

    assert config.references("hello", dict(reversed(GREEN.items()))) == green
    assert config.references("hello", {}) == {}
    assert calls == ["CreateSecret", "PutSecretValue"]
    assert value(account, green["COLOUR"]) == "green"
    assert value(account, green["EMPTY"]) == ""
    assert value(account, red["COLOUR"]) == "red"


def test_what_was_stored_right_before_a_crash_is_found_again(
    config: ConfigSecret, store: Store, calls: list[str]
) -> None:
    before = config.references("hello", GREEN)
    Ledger(store).forget("hello")

    assert config.references("hello", GREEN) == before
    Ledger(store).forget("hello")
    assert config.references("hello", RED) != before
    assert calls == ["CreateSecret", "CreateSecret", "CreateSecret", "PutSecretValue"]


def test_a_secret_that_somebody_took_away_is_made_anew(
    config: ConfigSecret, account: Account, calls: list[str]
) -> None:
    config.references("hello", GREEN)
    account.client("secretsmanager").delete_secret(
        SecretId="empire/hello", ForceDeleteWithoutRecovery=True
    )

    red = config.references("hello", RED)

    assert value(account, red["COLOUR"]) == "red"
    assert value(account, config.references("hello", GREEN)["COLOUR"]) == "green"
    assert calls[2:4] == ["PutSecretValue", "CreateSecret"]


def test_two_apps_share_nothing(config: ConfigSecret, account: Account) -> None:
    hello, other = config.references("hello", GREEN), config.references("other", RED)

    assert hello["COLOUR"].partition("COLOUR")[0] != other["COLOUR"].partition("COLOUR")[0]
    assert value(account, hello["COLOUR"]) == "green"


def test_remove_leaves_nothing_and_may_be_repeated(
    config: ConfigSecret, account: Account, store: Store
) -> None:
    config.references("hello", GREEN)
    for _ in range(2):
        config.remove("hello")

    assert account.client("secretsmanager").list_secrets()["SecretList"] == []
    assert Ledger(store).of("hello") == {}
    assert config.references("hello", GREEN)


def test_too_large(config: ConfigSecret) -> None:
    with pytest.raises(InvalidInput, match="config vars of hello are too large"):
        config.references("hello", {"BIG": Secret("x" * 70_000)})
