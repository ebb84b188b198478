"""Each transcript plays against a site of its own, with the real command as a process."""

from pathlib import Path

import pytest

from empire.manifest import LogLine
from empire.names import AppName
from tests.site import Site, running
from tests.transcripts.runner import Stage, play

FILES = sorted((Path(__file__).parent / "transcripts").glob("*.txt"))
PUBLIC_KEY = (
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB6PeXu8M9L2c7Cj1RYB1g0uYbKFK1p0QvGz7yZ0yW1x ada@home\n"
)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_transcript(file: Path, tmp_path: Path) -> None:
    with running(tmp_path / "site") as site:
        play(file, _stage(tmp_path / "stage", site))


def _stage(root: Path, site: Site) -> Stage:
    """Ada, logged in, with an app `shop` that is live, one `empty`, and Bob's token at hand."""
    ada, token = site.person("ada@example.com")
    _, bobs = site.person("bob@example.com")
    with site.client(token) as client:
        for name in ("shop", "empty"):
            assert client.post("/apps", json={"name": name}).status_code == 201
    site.live("shop", ada)
    for number in range(1, 4):
        line = LogLine(1_700_000_000 + number, "app", "web.1", f"line {number}\x1b[2J")
        site.logs.write(AppName("shop"), [line])
    stage = Stage.make(root, EMPIRE_URL=site.url, BOBS_TOKEN=bobs, ADAS_TOKEN=token)
    place = site.url.removeprefix("http://")
    netrc = stage.home / ".netrc"
    netrc.write_text(f"machine {place}\n  login ada@example.com\n  password {token}\n")
    netrc.chmod(0o600)
    (stage.home / "other.pub").write_text(PUBLIC_KEY)
    return stage
