"""Records without a target, for `medtune predict`: one JSON object per line in and out.

For imaging a record names its image file as `image`, and perhaps a `frame`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from medtune.apps import custom, imaging
from medtune.apps.fields import fields_of
from medtune.artifacts import Release, read_jsonl, write_jsonl
from medtune.config import Run
from medtune.errors import DataError
from medtune.records import Application, Example, Json, Prediction


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
        example = _example(run, row, one, path)
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


def _example(run: Run, row: Mapping[str, Json], one: str, path: Path) -> Example:
    if run.task is not None:
        return custom.example_from_row(run.task, row, one)
    if run.app == imaging.APP.name:
        # The readers of images are slow to import.
        from medtune.apps.imaging_rows import learnt_task, unlabelled_image

        return unlabelled_image(row, one, path, learnt_task(run.out))
    fields = fields_of(row, row.keys() - {"id"})
    return Example(id=one, group=one, fields=fields, target=None)


def write_answers(path: Path, predictions: Sequence[Prediction], release: Release | None) -> None:
    """Write id, answer and confidence of each record, with the release that answered."""
    name = release.id if release is not None and release.released else None
    rows: list[dict[str, Json]] = [
        {"id": p.id, "answer": p.answer, "confidence": p.confidence, "release": name}
        for p in predictions
    ]
    write_jsonl(path, rows)
