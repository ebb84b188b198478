"""Two hundred requests a second through deploys and every other act, and not one may fail.

    python -m benchmarks.zero_downtime [DEPLOYS] [CALM_SECONDS]

The load (tests/load.py) runs in a process of its own: kept connections, fresh connections, requests
of 5 seconds, websockets of 5 seconds. First the calm, then the deploys, each a real `git push` of a
new version, then each other act on the app once (tests/acts.py). Measured: requests that failed, and
the 99th percentile of the quick requests beside that of the calm.

The floor is what the same load feels while OpenSSH and the engine alone push, build, start and stop
as many versions of the same sources by hand, and no route changes: what Empire adds is the rest.
"""

import sys
import tempfile
import time
from pathlib import Path

from benchmarks.push_to_live import Floor, floor
from tests import acts
from tests.acts import APP, files, traffic
from tests.load import Load, Report
from tests.product import Product, product

P99_RATIO_MAX = 1.5


def main() -> None:
    deploys = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    calm_seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 60
    with (
        tempfile.TemporaryDirectory() as folder,
        product(Path(folder)) as running,
        floor(Path(folder)) as bare,
    ):
        repository = running.repository(APP, files("v0"))
        running.push(repository)
        calm = measure_calm(running, calm_seconds)
        by_hand, took_by_hand = measure_floor(running, bare, deploys)
        busy, took = measure_deploys(running, repository, deploys)
        through = {name: acts.through(running, name) for name in acts.ACTS}
    show("calm", calm)
    show(f"{deploys} versions by hand in {took_by_hand:.1f} s", by_hand)
    show(f"{deploys} deploys in {took:.1f} s", busy)
    for name, report in through.items():
        show(name, report)
    missing = {f"v{number}" for number in range(deploys + 1)} - busy.versions.keys()
    print(f"{len(busy.versions)} versions answered; never seen: {sorted(missing) or 'none'}")
    for kind in ("kept", "fresh"):
        ratio = by_hand.kinds[kind].p99 / calm.kinds[kind].p99
        print(f"p99 by hand beside the calm, {kind}: {ratio:.3g}")
    verdicts = [
        verdict("failed_requests_calm", calm.failed, 0),
        verdict("failed_requests", busy.failed, 0),
        *(
            verdict(f"failed_requests_{name.replace(' ', '_')}", report.failed, 0)
            for name, report in through.items()
        ),
        *(
            verdict(f"p99_ratio_{kind}", busy.kinds[kind].p99 / calm.kinds[kind].p99, P99_RATIO_MAX)
            for kind in ("kept", "fresh")
        ),
        *(
            verdict(
                f"p99_beside_floor_{kind}",
                busy.kinds[kind].p99 / by_hand.kinds[kind].p99,
                P99_RATIO_MAX,
            )
            for kind in ("kept", "fresh")
        ),
    ]
    sys.exit(not all(verdicts))


def measure_calm(running: Product, seconds: float) -> Report:
    with Load(traffic(running)) as load:
        time.sleep(seconds)
        return load.stop()


def measure_floor(running: Product, bare: Floor, deploys: int) -> tuple[Report, float]:
    """Measure the load through versions that no request goes to, made without Empire."""
    repository = running.repository("by-hand", files("v0"))
    bare.deploy(repository, "v0")
    with Load(traffic(running)) as load:
        began = time.monotonic()
        for number in range(1, deploys + 1):
            running.commit(repository, {"version": f"v{number}"}, f"Version {number}")
            bare.deploy(repository, f"v{number}")
        took = time.monotonic() - began
        return load.stop(), took


def measure_deploys(running: Product, repository: Path, deploys: int) -> tuple[Report, float]:
    with Load(traffic(running)) as load:
        began = time.monotonic()
        for number in range(1, deploys + 1):
            running.commit(repository, {"version": f"v{number}"}, f"Version {number}")
            running.push(repository)
        took = time.monotonic() - began
        return load.stop(), took


def show(title: str, report: Report) -> None:
    print(f"{title}: {report.sent} requests")
    for kind, counts in report.kinds.items():
        print(
            f"  {kind:10} sent {counts.sent} ok {counts.ok} retried {counts.retried}"
            f" p50 {counts.p50} p99 {counts.p99} worst {counts.worst} ms {counts.failures or ''}"
        )
    for line in report.first_failures:
        print(f"  failed: {line}")


def verdict(name: str, value: float, limit: float) -> bool:
    is_ok = value <= limit
    print(f"{name} {value:.3g} {limit:g} {'ok' if is_ok else 'over'}")
    return is_ok


if __name__ == "__main__":
    main()
