"""A record as its file holds it."""

from typing import NamedTuple

from medtune.records import Json


class Row(NamedTuple):
    """One record as it stands in its file."""

    values: dict[str, Json]
    where: str
    """Its place, as `file:line`; in a Parquet or JSON file the number of the record."""
