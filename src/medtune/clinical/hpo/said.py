"""Findings out of a history in words and out of laboratory results.

A history is read by names and exact synonyms, with ConText's rules for denial, family and
uncertainty (`faithful.assertion`): what is denied is excluded, and what is a relative's, a question
or a plan is neither. A result counts only with a unit that converts and a reference range that
applies; otherwise it is told as not judged, never taken as normal.
"""

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from medtune.clinical.faithful.assertion import Statement, read
from medtune.clinical.faithful.tokens import turns
from medtune.clinical.hpo.ontology import Ontology, most_specific
from medtune.clinical.labs import Sex, find_range, flag
from medtune.clinical.phrases import Phrases, folded, phrases
from medtune.clinical.table import read_table
from medtune.errors import DataError

TABLE = Path(__file__).parent / "tables" / "lab_findings.csv"
COLUMNS = ("analyte", "low", "low_name", "high", "high_name")
RESULT = re.compile(r"(?P<name>.+?)\s+(?P<value>-?\d+(?:\.\d+)?)\s*(?P<unit>\S+)")
LEAST_LETTERS = 5
"""Shorter names, such as abbreviations, are ambiguous in running text."""


class Said(NamedTuple):
    """What a source says of findings, as HPO ids."""

    present: tuple[str, ...]
    excluded: tuple[str, ...]
    not_judged: tuple[str, ...] = ()
    """Analytes whose result could not be compared with a range."""


class Person(NamedTuple):
    """What a reference range depends on; None where it is not known."""

    age_years: float | None
    sex: Sex | None
    pregnant: bool | None


@cache
def _index(ontology: Ontology) -> Phrases:
    names = (folded(name) for name in ontology.ids if not name.startswith("HP:"))
    return phrases(n for n in names if len(n) >= LEAST_LETTERS and re.match(r"[a-z0-9]", n))


def read_history(ontology: Ontology, text: str) -> Said:
    """The findings that a history affirms, and those that it denies."""
    present: set[str] = set()
    excluded: set[str] = set()
    for statement in read(text, turns(text)):
        if statement.is_question or statement.planned:
            continue
        for match in _index(ontology).find(text, statement.span.start, statement.span.end):
            finding = ontology.ids[folded(match[0])]
            polarity = _polarity(statement, match.start(), match.end())
            if polarity is not None:
                (present if polarity else excluded).add(finding)
    return Said(tuple(most_specific(ontology, present)), tuple(sorted(excluded - present)))


def _polarity(statement: Statement, start: int, end: int) -> bool | None:
    """True if affirmed, False if denied, None if neither or of a relative."""
    words = [w for w in statement.words if w.token.start < end and w.token.end > start]
    if not words or any(word.is_family for word in words):
        return None
    polarities = {word.polarity for word in words}
    if "denied" in polarities:
        return False
    return True if polarities == {"affirmed"} else None


def read_labs(text: str, person: Person) -> Said:
    """The findings of results such as "potassium 6.1 mmol/L; sodium 140 mmol/L".

    Raises:
        DataError: A result is not "name value unit", or its unit is not one of the analyte.
    """
    rows = {row["analyte"]: row for row in read_table(TABLE, COLUMNS).rows}
    present: list[str] = []
    excluded: list[str] = []
    not_judged: list[str] = []
    for part in (one.strip() for one in text.split(";")):
        if not part:
            continue
        match = RESULT.fullmatch(part)
        if match is None:
            raise DataError("labs: a result is not written as name, value, unit with ';' between")
        name = folded(match["name"])
        within = find_range(
            name, age_years=person.age_years, sex=person.sex, pregnant=person.pregnant
        )
        judged = flag(float(match["value"]), match["unit"], within)
        if judged == "not known" or name not in rows:
            not_judged.append(name)
            continue
        for side in ("low", "high"):
            if rows[name][side]:
                (present if judged == side else excluded).append(rows[name][side])
    return Said(tuple(sorted(present)), tuple(sorted(excluded)), tuple(sorted(not_judged)))
