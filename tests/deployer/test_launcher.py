"""Commands in a shell."""

import pytest

from deployer.launcher import environment, is_simple, launch


@pytest.mark.parametrize(
    "command",
    [
        "gunicorn app:app --bind 0.0.0.0:$PORT",
        "python3 -m http.server $PORT",
        "./run.sh",
        'node server.js --name "a b"',
        "/usr/bin/env python3 x.py",
    ],
)
def test_a_lone_program_replaces_the_shell(command: str) -> None:
    assert is_simple(command)
    assert launch(command) == ["/bin/sh", "-c", f"exec {command}"]
    assert environment(command) == {}


@pytest.mark.parametrize(
    "command",
    [
        "cd src && python app.py",
        "python app.py | tee log",
        "FOO=1 python app.py",
        "exec python app.py",
        "cd src",
        "python app.py > log",
        "python a.py; python b.py",
        "(python a.py)",
        "python a.py &\nwait",
        "python $(cat name)",
    ],
)
def test_anything_more_keeps_the_shell_as_parent(command: str) -> None:
    assert not is_simple(command)
    assert launch(command) == ["/bin/sh", "-c", f"trap 'exit 143' TERM\n{command}"]
    assert environment(command) == {"TINI_KILL_PROCESS_GROUP": "1"}


@pytest.mark.parametrize("command", ["", "  "])
def test_no_command_runs_the_image_s_own(command: str) -> None:
    assert launch(command) is None
    assert environment(command) == {}
