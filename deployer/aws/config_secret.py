"""The config vars of an app as one secret. Each version of it is pinned by who needs it.

A version is named by its content, so it is known before anything is asked, putting it again changes
nothing, and a task definition of an old release finds the config that it ran with.
"""

import json
import uuid
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from deployer.aws import errors, naming
from deployer.aws.account import Account, code_of, speaking, tolerating
from empire.ledger import Ledger
from empire.secrets import Secret
from empire.store import Store

ARN_KEY = "secret"
VERSION_KEY = "secret/"
NAMESPACE = uuid.UUID("6f6e8a1c-6f0b-4f5e-9d0c-0b7c7a1d5f11")
MOST_BYTES = 65_536
"""How large a secret may be (the quota page of Secrets Manager)."""


class ConfigSecret:
    """The secrets of all apps."""

    def __init__(self, account: Account, store: Store) -> None:
        self._account = account
        self._ledger = Ledger(store)
        self._vault = store.vault

    def references(self, app: str, env: Mapping[str, Secret]) -> dict[str, str]:
        """Return what each config var is in a task definition, storing what is not stored yet.

        One call for config that is new, none for config that was stored before.
        """
        if not env:
            return {}
        content = json.dumps({name: env[name].reveal() for name in sorted(env)})
        if len(content.encode()) > MOST_BYTES:
            raise errors.config_too_large(app)
        # Signed before it is hashed: who reads the definition cannot try out values.
        version = str(uuid.uuid5(NAMESPACE, self._vault.sign(content)))
        known = self._ledger.of(app)
        arn = known.get(ARN_KEY, "")
        if not arn or VERSION_KEY + version not in known:
            with speaking(f"store the config of {app}"):
                arn = self._stored_again(app, arn, content, version)
            self._ledger.note(app, {ARN_KEY: arn, VERSION_KEY + version: "stored"})
        return {name: f"{arn}:{name}::{version}" for name in env}

    def remove(self, app: str) -> None:
        """Forget the config of an app, at once and for good."""
        with speaking(f"remove the config of {app}"), tolerating("ResourceNotFoundException"):
            self._client.delete_secret(
                SecretId=naming.secret_name(app), ForceDeleteWithoutRecovery=True
            )
        self.forget(app)

    def forget(self, app: str) -> None:
        """Take nothing of the app for stored any more, so that it is stored anew."""
        known = self._ledger.of(app)
        self._ledger.strike(app, [key for key in known if key.partition("/")[0] == ARN_KEY])

    @property
    def _client(self) -> Any:
        return self._account.client("secretsmanager")

    def _stored_again(self, app: str, arn: str, content: str, version: str) -> str:
        """Store the content; make the secret anew where somebody else took it away."""
        try:
            return self._stored(app, arn, content, version)
        except ClientError as error:
            if not arn or code_of(error) != "ResourceNotFoundException":
                raise
        self.forget(app)
        return self._stored(app, "", content, version)

    def _stored(self, app: str, arn: str, content: str, version: str) -> str:
        if not arn:
            try:
                return self._created(app, content, version)
            except ClientError as error:
                if code_of(error) != "ResourceExistsException":
                    raise
        return str(
            self._client.put_secret_value(
                SecretId=arn or naming.secret_name(app),
                SecretString=content,
                ClientRequestToken=version,
            )["ARN"]
        )

    def _created(self, app: str, content: str, version: str) -> str:
        tagged = naming.tags(app=app, instance=self._account.settings.instance)
        made = self._client.create_secret(
            Name=naming.secret_name(app),
            Description=f"The config vars of {app}",
            SecretString=content,
            ClientRequestToken=version,
            Tags=naming.spelled(tagged, "Key", "Value"),
        )
        return str(made["ARN"])
