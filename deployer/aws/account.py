"""The connection to an AWS account: clients shared by threads, never faster than AWS allows."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's own word; the builtin is not needed here
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
)

from deployer.aws import errors
from deployer.aws.pace import Pace
from empire.settings import Settings

ATTEMPTS = 8
CONNECT_SECONDS, READ_SECONDS = 5, 60
POOL_SIZE = 64
"""Connections kept for reuse; long polls hold some of them."""
STAND_IN = {"aws_access_key_id": "simulator", "aws_secret_access_key": "simulator"}
"""What a simulator on this machine is told instead of anybody's real keys."""

Called = Callable[[str, str], None]
"""Told of each call: the service, such as ecs, and the operation, such as UpdateService."""


class Account:
    """One AWS account in one region. Its clients may be used by any thread.

    `on_call` is told of every call once, however often it is tried again.
    """

    def __init__(self, settings: Settings, on_call: Called | None = None) -> None:
        self.settings = settings
        self._on_call = on_call or (lambda _service, _operation: None)
        self._pace = Pace()
        self._making = threading.Lock()
        self._clients: dict[str, Any] = {}

    @property
    def region(self) -> str:
        """The region that everything is in."""
        return self.settings.aws_region

    @property
    def is_simulated(self) -> bool:
        """Tell whether the account is a simulator on this machine."""
        host = urlsplit(self.settings.aws_endpoint_url).hostname or ""
        return host in ("localhost", "::1") or host.startswith("127.")

    def client(self, service: str) -> Any:
        """Return the client of a service, such as ecs or elbv2."""
        with self._making:  # making one is not safe in threads, using one is
            if service not in self._clients:
                self._clients[service] = self._made(service)
            return self._clients[service]

    def close(self) -> None:
        """Close the connections; the next use opens new ones."""
        with self._making:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def _made(self, service: str) -> Any:
        session = boto3.session.Session(
            region_name=self.region, **(STAND_IN if self.is_simulated else {})
        )
        with speaking(f"open a connection to {service}"):
            client = session.client(
                service,
                endpoint_url=self.settings.aws_endpoint_url or None,
                config=Config(
                    retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
                    connect_timeout=CONNECT_SECONDS,
                    read_timeout=READ_SECONDS,
                    max_pool_connections=POOL_SIZE,
                    tcp_keepalive=True,
                    # Some operations put a word before the host name: not before 127.0.0.1.
                    inject_host_prefix=not self.settings.aws_endpoint_url,
                ),
            )
        client.meta.events.register("before-call", self._before_call)
        return client

    def _before_call(self, model: Any, **_: Any) -> None:
        service = str(model.service_model.service_name)
        self._on_call(service, model.name)
        self._pace.wait(service, model.name)


def code_of(error: ClientError) -> str:
    """Return AWS's word for what is wrong, such as ServiceNotFoundException."""
    return str(error.response.get("Error", {}).get("Code", ""))


def text_of(error: ClientError) -> str:
    """Return AWS's own explanation."""
    return str(error.response.get("Error", {}).get("Message", "") or error)


@contextmanager
def tolerating(*codes: str) -> Iterator[None]:
    """Let pass what AWS refuses with one of these codes."""
    try:
        yield
    except ClientError as error:
        if code_of(error) not in codes:
            raise


@contextmanager
def speaking(doing: str) -> Iterator[None]:
    """Turn the client library's errors into errors for people."""
    try:
        yield
    except ClientError as error:
        raise errors.refused(doing, code_of(error), text_of(error)) from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise errors.no_credentials(str(error)) from error
    except (ConnectionError, HTTPClientError) as error:
        raise errors.no_answer(doing, str(error)) from error
    except BotoCoreError as error:
        raise errors.not_asked(doing, str(error)) from error
