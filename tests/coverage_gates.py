"""A pytest plugin that fails a run in which a package is covered less than it should be.

`-p tests.coverage_gates` beside `--cov`; branches count as lines do.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

import coverage
import pytest

GATES = {
    "empire": 100.0,
    "gitserver": 95.0,
    "buildpacks": 95.0,
    "deployer": 95.0,
    "apiserver": 95.0,
    "cli": 95.0,
}
ROOT = Path(__file__).parent.parent
ENDED = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
REPORT = pytest.StashKey[list[str]]()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Measure against the gates once the workers' data are combined."""
    if hasattr(session.config, "workerinput") or session.exitstatus not in ENDED:
        return
    report = session.config.stash.setdefault(REPORT, [])
    files = measured(ROOT / ".coverage")
    for package, gate in GATES.items():
        mine = {name: row for name, row in files.items() if name.startswith(f"{package}/")}
        percent = percent_covered(mine)
        verdict = "ok" if percent >= gate else f"FAILED, at least {gate:.0f}"
        report.append(f"{package:<12}{percent:6.1f} % {verdict}")
        if percent < gate:
            report.extend(f"    {name} {gaps(row)}" for name, row in mine.items() if gaps(row))
            if session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the gates above the closing line."""
    lines = terminalreporter.config.stash.get(REPORT, [])
    if lines:
        terminalreporter.section("coverage gates")
        terminalreporter.write("".join(f"{line}\n" for line in lines))


def measured(data_file: Path) -> dict[str, dict[str, Any]]:
    """Return coverage's own report of each file, by its path from the root."""
    data = coverage.Coverage(data_file=str(data_file), config_file=str(ROOT / "pyproject.toml"))
    data.load()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        data.json_report(outfile=str(report))
        files: dict[str, dict[str, Any]] = json.loads(report.read_bytes())["files"]
    return files


def percent_covered(files: dict[str, dict[str, Any]]) -> float:
    """Return the share of lines and branches that ran, of all the files together."""
    rows = [row["summary"] for row in files.values()]
    total = sum(row["num_statements"] + row["num_branches"] for row in rows)
    covered = sum(row["covered_lines"] + row["covered_branches"] for row in rows)
    return 100.0 * covered / total if total else 100.0


def gaps(row: dict[str, Any]) -> str:
    """Return the lines, and the branches as `from->to`, that did not run."""
    branches = (f"{start}->{end}" for start, end in row["missing_branches"])
    return " ".join([*map(str, row["missing_lines"]), *branches])
