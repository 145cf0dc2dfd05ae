"""Whole folders or none: written under another name, flushed, then renamed into place."""

import errno
import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from medtune.errors import MachineError


@contextmanager
def disk_faults(folder: Path) -> Generator[None]:
    """Turn a full disk into an error that says what to do.

    Raises:
        MachineError: The disk is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise MachineError(
                f"{folder}: the disk is full; the last complete checkpoint is unharmed; free some "
                "space and run the same command to go on from it"
            ) from error
        raise


@contextmanager
def whole_folder(target: Path) -> Generator[Path]:
    """Give a temporary folder; when the block ends well, put it in the place of `target`.

    A crash, a full disk or `kill -9` leaves no half-written `target`.
    """
    with disk_faults(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent))
        try:
            yield part
            for path in (*sorted(part.iterdir()), part):
                _flush(path)
            if target.exists():
                shutil.rmtree(target)
            part.chmod(0o755)
            os.rename(part, target)  # noqa: PTH104  `replace` would say what may not be: an overwrite
            _flush(target.parent)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Delete what an earlier process left half-written."""
    for part in folder.glob(".*.part"):
        shutil.rmtree(part, ignore_errors=True)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
