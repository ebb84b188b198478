"""Single commits of other repositories, fetched into one bare repository that each app has for them.

Git speaks https here and nothing else, follows no redirect, asks nobody, reads no configuration and
no password file, and is stopped when it takes too long or brings too much.
"""

import fcntl
import hashlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from buildpacks import repository_errors as errors
from buildpacks import surroundings
from buildpacks.git_address import Address
from buildpacks.objects import ENVIRONMENT
from empire.events import masked
from empire.manifest import Source
from empire.names import AppName
from empire.settings import Settings

FOLDER = "fetched"
POLL_SECONDS = 0.05
KILL_SECONDS = 0.5
SECONDS = 120
COMMIT = re.compile(r"[0-9a-f]{40}")
# What old histories are full of; the same as for pushes.
HARMLESS = ("zeroPaddedFilemode", "badTimezone", "missingSpaceBeforeDate", "missingSpaceBeforeEmail",
            "missingEmail", "missingNameBeforeEmail", "missingTaggerEntry", "badTagName",
            "badFilemode", "nulInCommit")  # fmt: skip
CONFIGURATION = {
    "protocol.allow": "never",
    "protocol.https.allow": "always",
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "100",
    "http.lowSpeedTime": "30",
    "credential.helper": "",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "fetch.fsckObjects": "true",
    **{f"fetch.fsck.{name}": "ignore" for name in HARMLESS},
}


class Fetches:
    """What one app's builds fetch. `check` is called while git works, and raises to give up."""

    def __init__(self, settings: Settings, app: AppName, check: Callable[[], None]) -> None:
        self.app = app
        self._settings = settings
        self._check = check
        self.git_dir = repository_of(settings.home, app)

    def commit(self, address: Address, exact: str = "") -> str:
        """Return the id of the address's commit, or of the `exact` one, fetched if it is not here.

        Raises BuildFailed, and what `check` raises.
        """
        wanted = exact or address.ref or "HEAD"
        with self._alone():
            if not (COMMIT.fullmatch(wanted) and self._has(wanted)):
                return self._fetched(address, wanted)
        return wanted

    @contextmanager
    def beside(self, source: Source) -> Iterator[Source]:
        """Yield the source in a repository of its own that has what was fetched, too."""
        with tempfile.TemporaryDirectory(prefix="empire-build-") as name:
            place = Path(name, "git")
            _run("init", "--quiet", "--bare", str(place))
            lenders = [source.git_dir.resolve() / "objects", self.git_dir.resolve() / "objects"]
            (place / "objects" / "info" / "alternates").write_text(
                "".join(f"{lender}\n" for lender in lenders)
            )
            yield replace(source, git_dir=place)

    def _fetched(self, address: Address, wanted: str) -> str:
        name = hashlib.sha256(f"{address.url}#{wanted}".encode()).hexdigest()[:20]
        ref = f"refs/fetched/{name}"
        words = ["fetch", "--quiet", "--depth=1", "--no-tags", "--no-write-fetch-head",
                 "--no-recurse-submodules", "--", address.url, f"+{wanted}:{ref}"]  # fmt: skip
        if problem := self._watched(words, address):
            raise errors.not_fetched(address.shown, problem)
        try:
            return _run(f"--git-dir={self.git_dir}", "rev-parse", f"{ref}^{{commit}}")
        except subprocess.CalledProcessError:
            raise errors.not_fetched(address.shown, f"{wanted} is no commit.") from None

    def _watched(self, words: list[str], address: Address) -> str:
        """Run git; return why it did not get to its end, empty when it did."""
        settings = self._settings
        before, deadline = _size(self.git_dir), time.monotonic() + settings.build_git_seconds
        with tempfile.TemporaryFile() as said, tempfile.TemporaryDirectory() as home:
            process = subprocess.Popen(
                ["git", f"--git-dir={self.git_dir}", *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                env=self._environment(address, home),
                start_new_session=True,
            )
            try:
                self._check()
                while not _has_ended(process):
                    self._check()
                    if time.monotonic() > deadline:
                        return errors.too_slow(settings.build_git_seconds)
                    if self._is_too_large(before):
                        break
            finally:
                _end(process)
            if self._is_too_large(before):
                shutil.rmtree(self.git_dir)  # it may all be here by now, and would be used
                return errors.too_large(settings.build_git_max_mib)
            said.seek(0)
            text = masked(said.read(4096).decode("utf-8", "replace")).strip()
        return (text or "Git did not say why.") if process.returncode else ""

    def _is_too_large(self, before: int) -> bool:
        return _size(self.git_dir) - before > self._settings.build_git_max_mib << 20

    def _environment(self, address: Address, home: str) -> dict[str, str]:
        settings = dict(CONFIGURATION)
        if address.url.startswith("http://"):
            settings["protocol.http.allow"] = "always"
        if address.authorization:
            settings[f"http.{address.url}.extraHeader"] = f"Authorization: {address.authorization}"
        bundle = self._settings.build_ca_bundle
        if bundle and bundle.is_file():
            settings["http.sslCAInfo"] = str(bundle)
        # Not as arguments: those can be seen by every user of the machine.
        pairs = {"GIT_CONFIG_COUNT": str(len(settings))}
        for number, (key, value) in enumerate(settings.items()):
            pairs |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        proxies = surroundings.build_arguments(self._settings)
        return {**ENVIRONMENT, **proxies, "GIT_TERMINAL_PROMPT": "0", "HOME": home, **pairs}

    def _has(self, commit: str) -> bool:
        try:
            _run(f"--git-dir={self.git_dir}", "cat-file", "-e", f"{commit}^{{commit}}")
        except subprocess.CalledProcessError:
            return False
        return True

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Make the repository, anew when too much of the past is in it; one build of an app at a time."""
        self.git_dir.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self.git_dir.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if _size(self.git_dir) > 2 * self._settings.build_git_max_mib << 20:
                shutil.rmtree(self.git_dir)
            _run("init", "--quiet", "--bare", str(self.git_dir))
            _clear(self.git_dir)
            yield


def repository_of(home: Path, app: AppName) -> Path:
    """Return where what builds of the app fetched is kept."""
    return home / FOLDER / f"{app}.git"


def forget(home: Path, app: AppName) -> None:
    """Remove what builds of the app fetched."""
    repository = repository_of(home, app)
    shutil.rmtree(repository, ignore_errors=True)
    repository.with_suffix(".lock").unlink(missing_ok=True)


def _run(*words: str) -> str:
    done = subprocess.run(
        ["git", *words],
        capture_output=True,
        env=ENVIRONMENT,
        timeout=SECONDS,
        check=True,
    )
    return done.stdout.decode("utf-8", "surrogateescape").strip()


def _clear(git_dir: Path) -> None:
    """Remove what a git that was killed left; no other runs here now."""
    for pattern in ("*.lock", "refs/**/*.lock", "objects/pack/tmp_*", "objects/??/tmp_*"):
        for path in git_dir.glob(pattern):
            path.unlink()


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(POLL_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    """End git and all that it started, which has a session of its own; wait until they are gone."""
    deadline = time.monotonic() + KILL_SECONDS
    with suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            time.sleep(0.005)
    process.wait()


def _size(folder: Path) -> int:
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                total += os.lstat(os.path.join(path, name)).st_size  # noqa: PTH118 - called often
    return total
