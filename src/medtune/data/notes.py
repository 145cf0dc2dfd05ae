"""A folder of plain text notes, one record per file, with the sections found in each.

Columns: `file` (the path below the folder, without suffix), `folder` (the folders of it, such as a
patient's, or ""), `text` (the whole note) and one column per section (see `sections.py`), "" where
a note has none. Files end in .txt and are UTF-8.
"""

from collections.abc import Iterator
from pathlib import Path

from medtune.data.row import Row
from medtune.data.sections import COLUMNS, split_sections
from medtune.errors import DataError

SUFFIX = ".txt"
NOTE_COLUMNS = ("file", "folder", "text", *COLUMNS)


def note_files(path: Path) -> list[Path]:
    """The notes of a folder, in the order of their paths, or the one note."""
    if path.is_file():
        return [path]
    return sorted(file for file in path.rglob("*") if file.suffix.lower() == SUFFIX)


def notes(path: Path) -> Iterator[Row]:
    """Yield one row per note.

    Raises:
        DataError: A note is not UTF-8.
    """
    root = path.parent if path.is_file() else path
    for file in note_files(path):
        try:
            text = file.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise DataError(
                f"{file}: not UTF-8 at byte {error.start} of the file; save the file as UTF-8"
            ) from None
        place = file.relative_to(root).with_suffix("")
        folder = place.parent.as_posix()
        yield Row(
            {
                "file": place.as_posix(),
                "folder": "" if folder == "." else folder,
                "text": text,
                **dict.fromkeys(COLUMNS, ""),
                **split_sections(text),
            },
            str(file),
        )
