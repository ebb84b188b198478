"""The whole simulator in one process: moto's server, and around it what moto does not play."""

import json
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from moto.ecs.responses import EC2ContainerServiceResponse
from moto.elbv2.models import ELBv2Backend
from moto.logs.responses import LogsResponse
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

from tests.fakeaws import crowd, log_calls, quotas, stacks, target_calls, validation
from tests.fakeaws.cloud import Cloud
from tests.fakeaws.deployment_calls import DeploymentCalls
from tests.fakeaws.execution import Execution
from tests.fakeaws.operations import Fields, attach
from tests.fakeaws.proxy import Balancers, Loop
from tests.fakeaws.registry import Registry
from tests.fakeaws.registry_gate import Gate
from tests.fakeaws.repositories import Repositories
from tests.fakeaws.scheduler import Scheduler
from tests.fakeaws.service_calls import ServiceCalls
from tests.fakeaws.tag_calls import TagCalls
from tests.fakeaws.task_calls import TaskCalls
from tests.fakeaws.throttle import ROUTE53_PATH, Throttle

CONTROL = "/simulator/"


class Server:
    """Serves until it is closed. `pace` says how many times faster than AWS its clocks run."""

    def __init__(self, folder: Path, port: int = 0, alb_port: int = 0, pace: float = 10) -> None:
        app = DomainDispatcherApplication(create_backend_app)
        self._throttle = Throttle()
        self._front = _Front(app, self._control, self._throttle)
        self._web = make_server(
            "127.0.0.1", port, self._front, threaded=True, request_handler=_Quiet
        )
        self.endpoint = f"http://127.0.0.1:{self._web.server_port}"
        registry = Registry(folder / "registry", f"{self.endpoint}{CONTROL}pushes")
        self.cloud = Cloud(registry, pace)
        self._repositories = Repositories(registry)
        stacks.install(self._repositories.templates)
        self._loop = Loop()
        self._balancers = Balancers(self._loop, self.cloud.targets, alb_port)
        gate = self._loop.listen(lambda streams: Gate(streams, self._repositories, registry.place))
        registry.host = f"127.0.0.1:{gate}"
        self._scheduler = Scheduler(self.cloud)
        self._attach()
        threading.Thread(target=self._web.serve_forever, name="api", daemon=True).start()

    def facts(self) -> Fields:
        """Return where everything listens."""
        return {
            "id": self.cloud.id,
            "endpoint": self.endpoint,
            "registry": self.cloud.registry.host,
            "alb_port": self._balancers.public,
            "internal_port": self._balancers.internal,
        }

    def close(self) -> None:
        """Stop all and remove the containers."""
        self._web.shutdown()
        self._scheduler.close()
        self._loop.close()
        self._execution.close()
        self.cloud.close()

    def _attach(self) -> None:
        tasks = TaskCalls(self.cloud)
        self._execution = Execution(self.cloud, tasks)
        services = ServiceCalls(self.cloud)
        deployments = DeploymentCalls(self.cloud, services)
        parts = (self.cloud.definitions, services, deployments, tasks, self._execution)
        for calls in (*parts, TagCalls(self.cloud)):
            attach(EC2ContainerServiceResponse, calls.operations())
        attach(LogsResponse, log_calls.operations())
        quotas.hold()
        validation.hold()
        target_calls.attach(ELBv2Backend, self.cloud.targets)

    def _control(self, path: str, body: bytes) -> Fields:
        """Answer the simulator's own questions, which are not AWS's."""
        if path == "pushes":
            self._repositories.note(body)
            return {}
        if path == "listeners":
            return self._balancers.ports()
        if path == "throttle":
            self._throttle.switch(json.loads(body))
            return {}
        if path == "crowd":
            crowd.gather(self.cloud, json.loads(body))
            return {}
        if path == "refused":
            return dict(self._throttle.refused)
        raise KeyError(path)


class _Front:
    """Gives the simulator's own paths to it and all others to moto."""

    def __init__(
        self, moto: Any, control: Callable[[str, bytes], Fields], throttle: Throttle
    ) -> None:
        self._moto, self._control, self._throttle = moto, control, throttle

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if self._throttle.refuses(environ.get("HTTP_X_AMZ_TARGET", ""), path):
            return _refused(path, start_response)
        if not path.startswith(CONTROL):
            answer: Iterable[bytes] = self._moto(environ, start_response)
            return answer
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        try:
            text = json.dumps(self._control(path.removeprefix(CONTROL), body)).encode()
        except KeyError:
            start_response("404 Not Found", [])
            return []
        start_response("200 OK", [("Content-Type", "application/json")])
        return [text]


def _refused(path: str, start_response: Any) -> Iterable[bytes]:
    if path.startswith(ROUTE53_PATH):
        start_response("400 Bad Request", [("Content-Type", "text/xml")])
        error = "<Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message>"
        return [f"<ErrorResponse><Error>{error}</Error></ErrorResponse>".encode()]
    start_response("400 Bad Request", [("Content-Type", "application/x-amz-json-1.1")])
    return [json.dumps({"__type": "ThrottlingException", "message": "Rate exceeded"}).encode()]


class _Quiet(MotoRequestHandler):
    """Writes no line for a request that went well."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        if str(code).startswith("5"):
            super().log_request(code, size)
