"""Many people who push at once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.product import Product
from tests.samples import with_dockerfile


def push_all(product: Product, count: int) -> list[str]:
    """Push as many new apps at the same time; return what went wrong, a line each."""
    names = [f"crowd-{number:02}" for number in range(count)]
    repositories = [product.repository(name, with_dockerfile(name)) for name in names]
    with ThreadPoolExecutor(count) as pool:
        said = list(pool.map(lambda repository: _pushed(product, repository), repositories))
    answers = [_answered(product, name) for name in names]
    return [line for line in (*said, *answers) if line]


def _pushed(product: Product, repository: Path) -> str:
    push = product.push(repository, check=False)
    return "" if push.returncode == 0 else f"{repository.name}: {push.stderr[-300:]}"


def _answered(product: Product, name: str) -> str:
    answer = product.ask(name)
    return "" if answer == (200, f"version {name}") else f"{name} answered {answer}"
