"""`scripts/aws-sim`: a simulated AWS account for people, ready for apps until Ctrl-C.

What it prints on standard output are the settings of a server on that account.
"""

import argparse
import shlex
import signal
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path

from deployer.aws import bootstrap
from deployer.aws.account import Account
from deployer.aws.stack import Stack
from deployer.aws.template import template
from empire.settings import Settings
from tests.fakeaws.simulator import Simulator


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(prog="scripts/aws-sim", description=__doc__)
    parser.add_argument("--port", type=int, default=4566, help="of the API")
    parser.add_argument("--alb-port", type=int, default=8080, help="where apps answer")
    parser.add_argument("--domain", default="localhost", help="an app NAME answers at NAME.DOMAIN")
    parser.add_argument("--pace", type=float, default=10, help="times faster than AWS's clocks")
    wish = parser.parse_args()
    end = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: end.set())
    with tempfile.TemporaryDirectory(prefix="aws-sim-") as folder:
        place = Path(folder)
        with Simulator(place, port=wish.port, alb_port=wish.alb_port, pace=wish.pace) as simulator:
            made = bootstrapped(simulator, wish.domain)
            tell({**made, "EMPIRE_HOME": str(place / "home"), "EMPIRE_HTTP_PORT": wish.alb_port})
            end.wait()


def bootstrapped(simulator: Simulator, domain: str) -> dict[str, str]:
    """Make the account ready as `empire bootstrap aws` does, and return the settings."""
    settings = Settings(aws_endpoint_url=simulator.endpoint)
    account = Account(settings)
    stack = Stack(account)
    chosen = bootstrap.parameters({}, {"Domain": domain})
    plan = stack.plan(template(), chosen)
    assert plan, "the account is new"
    for _ in stack.apply(plan):
        pass
    made = bootstrap.settings_of(settings, stack.outputs(), chosen)
    account.close()
    return made


def tell(settings: Mapping[str, object]) -> None:
    """Print the settings for a shell to read, and to a person what to do with them."""
    for name, value in settings.items():
        sys.stdout.write(f"export {name}={shlex.quote(str(value))}\n")
    sys.stdout.flush()
    sys.stderr.write(
        "=====> An AWS account is simulated until Ctrl-C, and all in it is gone then.\n"
        "       In another terminal set the above, then start a server: scripts/up\n"
    )


if __name__ == "__main__":
    main()
