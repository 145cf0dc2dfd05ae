"""The fields of one's own records as text: of JSON Lines, and of a record that a message holds."""

import json
from collections.abc import Collection, Mapping

from medtune.errors import DataError, did_you_mean
from medtune.records import Json


def read_object(text: str, names: Collection[str]) -> dict[str, str]:
    """The fields of a record that is asked as one JSON object.

    Raises:
        DataError: It is no JSON object, or has a field of another name.
    """
    try:
        row = json.loads(text)
    except ValueError:
        row = None
    if not isinstance(row, dict):
        raise DataError(
            "the last message must be the record, as one JSON object with any of the fields "
            + ", ".join(sorted(names))
        )
    unknown = next((name for name in row if name not in names), None)
    if unknown is not None:
        raise DataError(  # an unknown name is not quoted: it may be text that went astray
            f"the record has a field of another name{did_you_mean(unknown, names)}; its fields are "
            + ", ".join(sorted(names))
        )
    return fields_of(row, names)


def fields_of(row: Mapping[str, Json], names: Collection[str]) -> dict[str, str]:
    """Those fields of a record that have a value, as text. Zero and false are values."""
    return {name: as_text(row[name]) for name in names if row.get(name) not in (None, "", [], {})}


def as_text(value: Json) -> str:
    """A value as applications read it: lists with ';' between, yes and no, an object as JSON."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "; ".join(map(as_text, value))
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
