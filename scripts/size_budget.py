"""Fails where a file or a function has outgrown what one can read at a glance."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

FILE_LINES = 350
FUNCTION_LINES = 50
GENERATED = "empire/migrations/versions"


def main() -> int:
    """Print what is too long and return the exit code."""
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    paths = [Path(name) for name in names if not name.startswith(GENERATED)]
    complaints = [text for path in paths if path.exists() for text in too_long(path)]
    sys.stdout.write("".join(f"{text}\n" for text in complaints))
    return 1 if complaints else 0


def too_long(path: Path) -> Iterator[str]:
    """Yield a complaint for the file and for each function of it that is over the budget."""
    text = path.read_text()
    if (lines := len(text.splitlines())) > FILE_LINES:
        yield f"{path}: {lines} lines, at most {FILE_LINES}"
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if (lines := body_lines(node)) > FUNCTION_LINES:
            yield f"{path}:{node.lineno}: {node.name} has {lines} lines, at most {FUNCTION_LINES}"


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the function's lines without its docstring."""
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


if __name__ == "__main__":
    sys.exit(main())
