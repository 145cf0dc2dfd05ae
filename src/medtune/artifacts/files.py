"""Files that are whole or absent, their hashes, and JSON by lines."""

import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from pydantic import JsonValue

from medtune.errors import DataError, MachineError
from medtune.records import Example, Json, Prediction


def sha256_file(path: Path) -> str:
    """Hex SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_path(path: Path) -> str:
    """Hex SHA-256 of a file, or of the names and hashes of all files in a folder."""
    if not path.is_dir():
        return sha256_file(path)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    return canonical_sha256({str(file.relative_to(path)): sha256_file(file) for file in files})


def sha256_text(text: str) -> str:
    """Hex SHA-256 of a text in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


def canonical_sha256(value: Mapping[str, JsonValue]) -> str:
    """Hex SHA-256 of plain values, whatever their order."""
    return sha256_text(json.dumps(value, sort_keys=True, separators=(",", ":")))


def stage_key(settings: Mapping[str, str], inputs: Mapping[str, str], version: str) -> str:
    """The hash that decides whether a stage must run again."""
    return canonical_sha256(
        {"settings": dict(settings), "inputs": dict(inputs), "medtune": version}
    )


@contextmanager
def atomic(path: Path) -> Generator[Path]:
    """Give a temporary path beside `path`; rename it into place when the block ends well.

    A crash, a full disk or `kill -9` leaves the old file, or none, but never half of one.

    Raises:
        MachineError: The disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise MachineError(
                f"{path.parent}: the disk is full; {path.name} was not written and what was there "
                "is unchanged; free some space and run the same command again"
            ) from error
        raise
    finally:
        part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> Path:
    """Write a whole text file in one atomic step."""
    with atomic(path) as part:
        part.write_text(text, encoding="utf-8")
    return path


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Json]]) -> Path:
    """Write one JSON object per line in one atomic step."""
    with atomic(path) as part, part.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return path


def read_jsonl(path: Path) -> Iterator[dict[str, Json]]:
    """Read one JSON object per line.

    Raises:
        DataError: The file is missing, is not UTF-8, or a line is not a JSON object.
    """
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                try:
                    row = json.loads(line)
                except json.JSONDecodeError as error:
                    raise DataError(
                        f"{path}:{number}: not JSON at column {error.colno}; one object per line"
                    ) from None
                if not isinstance(row, dict):
                    raise DataError(f"{path}:{number}: not a JSON object; one object per line")
                yield row
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 ({error.reason}); convert it to UTF-8") from None


def write_examples(path: Path, examples: Iterable[Example]) -> Path:
    """Write a split."""
    return write_jsonl(path, (asdict(example) for example in examples))


def iter_examples(path: Path) -> Iterator[Example]:
    """Read a split that `data` wrote, one example at a time."""
    return (Example(**row) for row in read_jsonl(path))  # type: ignore[arg-type]


def read_examples(path: Path) -> list[Example]:
    """Read a split that `data` wrote."""
    return list(iter_examples(path))


def write_predictions(path: Path, predictions: Iterable[Prediction]) -> Path:
    """Write the predictions of one arm."""
    return write_jsonl(path, (asdict(prediction) for prediction in predictions))


def read_predictions(path: Path) -> list[Prediction]:
    """Read the predictions that a stage wrote."""
    return [Prediction(**row) for row in read_jsonl(path)]  # type: ignore[arg-type]
