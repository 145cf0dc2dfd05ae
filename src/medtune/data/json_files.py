"""Read JSON Lines, a JSON list or one JSON object, record by record, in UTF-8.

A list is read piece by piece, so a file larger than the memory is no trouble.
"""

import codecs
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import cast

from medtune.data.row import Row
from medtune.errors import DataError
from medtune.records import Json

PIECE = 1 << 20
"""Bytes read at a time."""
BLANK = " \t\r\n"


class BadJsonError(Exception):
    """A file holds what JSON forbids. The reader adds the place and makes it a DataError."""


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """The numbered lines of a UTF-8 file, line ends kept, a byte order mark taken off.

    Raises:
        DataError: It is not UTF-8.
    """
    start = 0
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            try:
                line = raw.decode("utf-8")
            except UnicodeDecodeError as error:
                raise _not_utf8(f"{path}:{number}", start + error.start) from None
            start += len(raw)
            yield number, line.removeprefix("\ufeff") if number == 1 else line


def json_lines(path: Path) -> Iterator[Row]:
    """One JSON object per line.

    Raises:
        DataError: A line is not.
    """
    for number, line in lines(path):
        if not line.strip():
            continue
        try:
            values = json.loads(line, parse_constant=_refuse_constant)
        except json.JSONDecodeError as error:
            raise DataError(
                f"{path}:{number}: not JSON at column {error.colno}; write one object per line"
            ) from None
        except (BadJsonError, RecursionError):
            raise DataError(
                f"{path}:{number}: NaN, Infinity and very deep lists are not JSON; use null"
            ) from None
        yield _row(values, f"{path}:{number}", "write one object per line")


def json_list(path: Path) -> Iterator[Row]:
    """The objects of a JSON list, or the one object of the file.

    Raises:
        DataError: The file holds neither, or breaks off.
    """
    for number, value in enumerate(_values(path), start=1):
        yield _row(value, f"{path}:{number}", "write a list of objects")


def _row(values: object, where: str, remedy: str) -> Row:
    if not isinstance(values, dict):
        raise DataError(f"{where}: not a JSON object; {remedy}")
    return Row(cast("dict[str, Json]", values), where)


def _values(path: Path) -> Iterator[Json]:
    """The values of a list, one at a time, or the only value."""
    pieces = _pieces(path)
    text = next(pieces, "").removeprefix("\ufeff").lstrip(BLANK)
    if not text.startswith("["):
        yield from _only(path, "".join([text, *pieces]))
        return
    decoder = json.JSONDecoder(parse_constant=_refuse_constant)
    text, number = text[1:], 1
    while True:
        text = text.lstrip(BLANK + ",")
        if text.startswith("]"):
            if any(piece.strip(BLANK) for piece in [text[1:], *pieces]):
                raise DataError(f"{path}:{number}: the file goes on after the end of the list")
            return
        value, end = _first(decoder, text, f"{path}:{number}")
        if end < len(text):
            yield value
            text, number = text[end:], number + 1
            continue
        # Twice as much each time, so that a long record is not decoded again for each piece.
        more = "".join(islice(pieces, 1 + len(text) // PIECE))
        if not more:
            raise DataError(
                f"{path}:{number}: not JSON from this record on, or the file breaks off; "
                "write it again"
            )
        text += more


def _first(decoder: json.JSONDecoder, text: str, where: str) -> tuple[Json, int]:
    """The value that a text begins with and where it ends: at the text's end if that cuts it."""
    try:
        return decoder.raw_decode(text)
    except (BadJsonError, RecursionError):
        raise DataError(
            f"{where}: NaN, Infinity and very deep lists are not JSON; use null"
        ) from None
    except json.JSONDecodeError:
        return None, len(text)


def _only(path: Path, text: str) -> Iterator[Json]:
    if not text:
        return
    try:
        yield json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise DataError(f"{path}:{error.lineno}: not JSON at column {error.colno}") from None
    except (BadJsonError, RecursionError):
        raise DataError(f"{path}: NaN, Infinity and very deep lists are not JSON") from None


def _pieces(path: Path) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    start = 0
    with path.open("rb") as file:
        while raw := file.read(PIECE):
            try:
                yield decoder.decode(raw)
            except UnicodeDecodeError as error:
                raise _not_utf8(str(path), start + error.start) from None
            start += len(raw)
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise _not_utf8(str(path), start) from None


def _not_utf8(where: str, byte: int) -> DataError:
    return DataError(f"{where}: not UTF-8 at byte {byte} of the file; save the file as UTF-8")


def _refuse_constant(_: str) -> Json:
    raise BadJsonError
