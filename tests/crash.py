"""Kills the server at random moments of deploys and looks for what a crash must not leave behind."""

import contextlib
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlmodel import select

from empire import deployments, remains
from empire.deployments import Step
from empire.settings import Settings
from empire.store import Store
from tests.product import Product
from tests.samples import with_dockerfile
from tests.waiting import wait_until

APP = "mortal"


@dataclass
class Watcher:
    """Asks the app all the time and remembers every answer that was not a version."""

    product: Product
    failures: list[str] = field(default_factory=list)
    answers: int = 0

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Ask until the block ends."""
        over = threading.Event()
        thread = threading.Thread(target=self._ask_until, args=(over,))
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _ask_until(self, over: threading.Event) -> None:
        while not over.wait(0.02):
            try:
                status, body = self.product.ask(APP)
            except OSError as error:
                self.failures.append(repr(error))
                continue
            self.answers += 1
            if status != 200 or not body.startswith("version"):
                self.failures.append(f"{status} {body[:80]}")


def crash_deploys(product: Product, count: int, seed: int) -> Watcher:
    """Kill the server once in each of `count` deploys; raises AssertionError at the first orphan."""
    rng = random.Random(seed)
    repository = product.repository(APP, with_dockerfile("0"))
    took = _timed_push(product, repository)
    watcher = Watcher(product)
    with watcher.watching():
        for number in range(1, count + 1):
            product.commit(repository, with_dockerfile(str(number)), f"Version {number}")
            push = product.pushing(repository)
            time.sleep(rng.uniform(0, took * 1.5))
            product.kill()
            push.wait(60)
            product.start()
            wait_until(lambda: is_settled(product), f"everything is settled after kill {number}")
            look_for_orphans(product)
        product.commit(repository, with_dockerfile("last"), "The next push works")
        product.push(repository)
        assert product.ask(APP) == (200, "version last")
    return watcher


def is_settled(product: Product) -> bool:
    """Tell whether every deployment ended and nothing is left to clean up."""
    with _store(product) as store, store.reading() as session:
        return not remains.unsettled(session)


def look_for_orphans(product: Product) -> None:
    """Raise AssertionError for containers, images, quarantines or refs that no release explains."""
    with _store(product) as store, store.reading() as session:
        rows = list(session.exec(select(deployments.Deployment)))
        live = [row for row in rows if row.step == Step.LIVE]
        for row in rows:
            assert row.step == Step.LIVE or row.what, (
                f"deployment {row.number} ended without a reason"
            )
    newest = max(live, key=lambda row: row.number or 0)
    assert [f"-d{newest.number}-" in name for name in product.containers()] == [True]
    assert len(product.images()) <= min(len(live), store.settings.releases_kept)
    assert product.quarantines() == []
    ref = product.run(
        "git", "--git-dir", str(product.home / "repos" / f"{APP}.git"), "rev-parse", "main"
    )
    assert ref.stdout.strip() == newest.commit


@contextmanager
def _store(product: Product) -> Iterator[Store]:
    with contextlib.closing(Store(Settings(home=product.home))) as store:
        yield store


def _timed_push(product: Product, repository: Path) -> float:
    product.push(repository)
    product.commit(repository, with_dockerfile("warm"), "Warm up")
    started = time.monotonic()
    product.push(repository)
    return time.monotonic() - started
