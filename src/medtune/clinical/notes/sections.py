"""Sections of clinical notes: their headings, their place in S, O, A, P, and their LOINC codes."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

from medtune.clinical.table import read_table
from medtune.errors import DataError

TABLES = Path(__file__).parent / "tables"
COLUMNS = ("name", "soap", "title", "loinc", "headings", "checked")
Soap = Literal["S", "O", "A", "P"]
DOCUMENTS: Mapping[str, tuple[str, str]] = {
    "soap": ("11506-3", "Progress note"),
    "discharge": ("18842-5", "Discharge summary"),
    "radiology": ("18748-4", "Diagnostic imaging report"),
    "letter": ("68609-7", "Letter to the patient"),
}
"""LOINC code and title of the documents."""


class Section(NamedTuple):
    """A kind of section."""

    name: str
    soap: Soap
    title: str
    loinc: str


@cache
def sections() -> Mapping[str, Section]:
    """The sections by name and by each heading, in lower case."""
    found: dict[str, Section] = {}
    for row in read_table(TABLES / "sections.csv", COLUMNS).rows:
        soap = row["soap"]
        if soap not in ("S", "O", "A", "P"):
            raise DataError(f"sections.csv: {row['name']}: soap must be S, O, A or P")
        section = Section(row["name"], soap, row["title"], row["loinc"])
        for heading in (row["name"], *row["headings"].split(";")):
            found[heading] = section
    return found


def split_note(text: str) -> dict[str, str]:
    """The sections of a note by name, where its headings stand on lines of their own.

    What stands before the first known heading is under "". A section that comes twice is joined.
    """
    parts: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        heading = re.sub(r"[^a-z/& _]", "", line.lower()).strip()
        if heading in sections() and (line.isupper() or line.rstrip().endswith(":")):
            name = sections()[heading].name
        else:
            parts.setdefault(name, []).append(line)
    joined = {key: "\n".join(lines).strip() for key, lines in parts.items()}
    return {key: body for key, body in joined.items() if body}
