"""Records without a target, for `medtune predict`: one JSON object per line.

For imaging a record names its image file as `image`, and perhaps a `frame`.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from medtune.apps import custom, imaging
from medtune.apps.fields import fields_of
from medtune.artifacts import read_jsonl
from medtune.config import Run
from medtune.errors import DataError
from medtune.records import Application, Example, Json


def read_unlabelled(run: Run, app: Application, path: Path) -> list[Example]:
    """Read the records of a JSONL file. `id` is optional; the rest are the application's fields.

    Raises:
        DataError: The file is empty or not JSONL, a field is missing, or an id comes twice.
    """
    examples: list[Example] = []
    seen: set[str] = set()
    for number, row in enumerate(read_jsonl(path), start=1):
        one = str(row.get("id", number))
        if one in seen:
            raise DataError(f"{path}:{number}: id {one!r} comes twice; ids must be unique")
        seen.add(one)
        example = _example(run, app, row, one, path)
        try:
            app.prompt(example)
        except KeyError as error:
            raise DataError(
                f"{path}:{number}: record {one!r} has no field {error.args[0]!r}; the application "
                f"{app.name} reads it"
            ) from None
        examples.append(example)
    if not examples:
        raise DataError(f"{path}: no records; write one JSON object per line")
    return examples


def _example(run: Run, app: Application, row: Mapping[str, Json], one: str, path: Path) -> Example:
    if run.task is not None:
        return custom.example_from_row(run.task, row, one)
    if app.read is not None:
        try:
            return replace(app.read(_asked(row)), id=one, group=one)
        except DataError as error:
            raise DataError(f"{path}: record {one!r}: {error}") from None
    if run.app == imaging.APP.name:
        # The readers of images are slow to import.
        from medtune.apps.imaging_rows import learnt_task, unlabelled_image

        return unlabelled_image(row, one, path, learnt_task(run.out))
    fields = fields_of(row, row.keys() - {"id"})
    return Example(id=one, group=one, fields=fields, target=None)


def _asked(row: Mapping[str, Json]) -> str:
    """The record as the server is asked with it: one JSON object, or the cells of a report."""
    cells = row.get("cells")
    return cells if isinstance(cells, str) else json.dumps({k: row[k] for k in row if k != "id"})
