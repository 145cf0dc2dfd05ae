"""Models and data files from a model hub, at a revision that the run names.

huggingface_hub does the fetching, so `HF_ENDPOINT` (a mirror) and `HF_TOKEN` apply. Its telemetry
is off. An interrupted fetch goes on with the files that are not complete yet.
"""

import errno
import logging
import os
import re
import shutil
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from medtune.errors import ConfigError, MachineError, MedtuneError
from medtune.fetch.cache import cache_dir
from medtune.progress import amount, progress, say

COMMIT = re.compile(r"[0-9a-f]{40}")
WEIGHTS = ("*.safetensors", "*.json", "*.txt", "*.model", "*.jinja", "LICENSE*", "README.md")
"""What a model folder needs: no pickles, which can run code."""
SECOND_COPIES = ("*/*", "consolidated*")
"""The weights once more, in other forms; the latter is Mistral's own."""
LOOK_EVERY_S = 0.5
UNREACHABLE = (
    "the hub cannot be reached; check the network, or set HF_ENDPOINT to a mirror; with --offline "
    "what is in the cache is used"
)


class _Wanted(NamedTuple):
    """One snapshot of a repository on the hub."""

    kind: str
    """"model" or "dataset"."""
    repo: str
    revision: str
    patterns: tuple[str, ...]
    ignored: tuple[str, ...]
    endpoint: str | None
    """The hub's address; None takes `HF_ENDPOINT` or the public hub."""

    @property
    def label(self) -> str:
        return f"hf:{self.repo}@{self.revision}"


def fetch_hub_model(
    repo: str, revision: str, *, offline: bool, endpoint: str | None = None
) -> Path:
    """The folder of a model's weights, tokenizer and configuration in the cache.

    Raises:
        ConfigError: No such repository, revision or weights, or no right to read them.
        MachineError: It is not in the cache and cannot be fetched, or `offline` forbids it.
    """
    wanted = _Wanted("model", repo, revision, WEIGHTS, SECOND_COPIES, endpoint)
    folder = _fetch(wanted, offline=offline)
    if not any(folder.glob("*.safetensors")):
        raise ConfigError(f"{wanted.label}: it has no .safetensors weights; name another model")
    return folder


def fetch_hub_file(
    repo: str, revision: str, name: str, *, offline: bool, endpoint: str | None = None
) -> Path:
    """One file of a data set in the cache.

    Raises:
        ConfigError: No such repository, revision or file, or no right to read it.
        MachineError: It is not in the cache and cannot be fetched, or `offline` forbids it.
    """
    wanted = _Wanted("dataset", repo, revision, (name,), (), endpoint)
    file = _fetch(wanted, offline=offline) / name
    if not file.is_file():
        raise ConfigError(f"{wanted.label}: it has no file {name!r}")
    return file


def _fetch(wanted: _Wanted, *, offline: bool) -> Path:
    if not wanted.revision:
        raise ConfigError(f"hf:{wanted.repo}: name the revision, as hf:{wanted.repo}@COMMIT")
    folder = cache_dir() / "hub"
    _settle_hub(folder)
    if offline or COMMIT.fullmatch(wanted.revision):
        found = _cached(wanted, folder)
        if found is not None:
            return found
    if offline:
        raise MachineError(
            f"{wanted.label} is not whole in the cache ({folder}) and --offline forbids fetching "
            "it; run once without --offline"
        )
    with _errors_explained(wanted):
        return _download(wanted, folder)


def _settle_hub(folder: Path) -> None:
    """Turn off the hub client's telemetry, bars and chatter, and keep its caches in ours."""
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ.setdefault("HF_XET_CACHE", str(folder / "xet"))
    from huggingface_hub import constants
    from huggingface_hub.utils import disable_progress_bars

    # Read from the environment at import, which transformers may have done before us.
    constants.HF_HUB_DISABLE_TELEMETRY = True
    disable_progress_bars()
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)


def _cached(wanted: _Wanted, folder: Path) -> Path | None:
    """The snapshot in the cache if it is whole, without a look at the network."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        found = snapshot_download(
            wanted.repo,
            repo_type=wanted.kind,
            revision=wanted.revision,
            cache_dir=folder,
            allow_patterns=list(wanted.patterns),
            ignore_patterns=list(wanted.ignored),
            local_files_only=True,
        )
    except LocalEntryNotFoundError:
        return None
    except HFValidationError as error:
        raise ConfigError(f"{wanted.label}: not a repository's name ({error})") from None
    return Path(found)


def _download(wanted: _Wanted, folder: Path) -> Path:
    from huggingface_hub import snapshot_download

    def snapshot(*, dry_run: bool) -> object:
        return snapshot_download(
            wanted.repo,
            repo_type=wanted.kind,
            revision=wanted.revision,
            cache_dir=folder,
            allow_patterns=list(wanted.patterns),
            ignore_patterns=list(wanted.ignored),
            endpoint=wanted.endpoint,
            dry_run=dry_run,
        )

    planned = snapshot(dry_run=True)
    assert isinstance(planned, list), "a dry run lists files"
    n_bytes = sum(file.file_size or 0 for file in planned if file.will_download)
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < n_bytes:
        raise MachineError(
            f"{wanted.label} needs {amount(n_bytes, 'bytes')} in {folder} and "
            f"{amount(free, 'bytes')} are free; free some space or set MEDTUNE_CACHE"
        )
    what = f"fetching {wanted.label}"
    with progress(what, n_bytes, "bytes") as advance, _growth(folder, advance):
        found = snapshot(dry_run=False)
    assert isinstance(found, str), "a download gives a folder"
    if not COMMIT.fullmatch(wanted.revision):
        commit = Path(found).name
        say(f"{wanted.label} can move; write hf:{wanted.repo}@{commit} to pin what was fetched")
    return Path(found)


@contextmanager
def _growth(folder: Path, advance: Callable[[int], None]) -> Generator[None]:
    """Report how many bytes a folder gains while the block runs."""
    ended = threading.Event()

    def watch() -> None:
        seen = _size(folder)
        while not ended.wait(LOOK_EVERY_S):
            now = max(seen, _size(folder))
            advance(now - seen)
            seen = now
        advance(max(seen, _size(folder)) - seen)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _size(folder: Path) -> int:
    """Bytes of the regular files below a folder that others write to at the same time."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += 0 if path.is_symlink() or path.is_dir() else path.stat().st_size
        except FileNotFoundError:
            continue
    return total


@contextmanager
def _errors_explained(wanted: _Wanted) -> Generator[None]:
    """Turn the hub client's errors into one message each."""
    from httpx2 import HTTPError
    from huggingface_hub.errors import HFValidationError

    try:
        yield
    except HFValidationError as error:
        raise ConfigError(f"{wanted.label}: not a repository's name ({error})") from None
    except (HTTPError, OSError) as error:
        raise _explained(wanted, error) from None


def _explained(wanted: _Wanted, error: Exception) -> Exception:
    """The user's error that an error of the client means; the same error if it means none."""
    from httpx2 import HTTPError
    from huggingface_hub import errors

    if isinstance(error, errors.DryRunError) and isinstance(error.__cause__, Exception):
        error = error.__cause__
    meanings: tuple[tuple[type[Exception], type[MedtuneError], str], ...] = (
        (errors.GatedRepoError, ConfigError, "its owner must grant access; ask, and set HF_TOKEN"),
        (
            errors.RepositoryNotFoundError,
            ConfigError,
            f"no such {wanted.kind}, or it is private; check the name, or set HF_TOKEN",
        ),
        (errors.RevisionNotFoundError, ConfigError, "it has no such revision"),
        (errors.HfHubHTTPError, MachineError, f"the hub failed ({_status(error)}); try later"),
        (HTTPError, MachineError, UNREACHABLE),
        (errors.LocalEntryNotFoundError, MachineError, UNREACHABLE),
        (ConnectionError, MachineError, UNREACHABLE),
    )
    for kind, meaning, text in meanings:
        if isinstance(error, kind):
            return meaning(f"{wanted.label}: {text}")
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return MachineError(f"{cache_dir()}: the disk is full; free some space")
    return error


def _status(error: Exception) -> str:
    from huggingface_hub.errors import HfHubHTTPError

    return f"HTTP {error.response.status_code}" if isinstance(error, HfHubHTTPError) else ""
