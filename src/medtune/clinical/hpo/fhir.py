"""A case out of a CDS Hooks request: the patient, the conditions and the laboratory results.

What cannot be used is listed and shown on the card, never taken as absent or normal: a condition
without a term of the ontology, one that is over or not confirmed, a result without date, value or
unit, one that is not final, and one older than the horizon. The order of the entries changes
nothing. FHIR R4 names.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple, cast

from medtune.clinical.fhir import (
    CURRENT,
    LOINC,
    Resource,
    codes,
    day,
    entries,
    measured,
    name,
    status,
    text,
    words,
    years,
)
from medtune.clinical.hpo.annotations import Knowledge
from medtune.clinical.hpo.case import case_facts
from medtune.clinical.hpo.ontology import Ontology, find_term
from medtune.clinical.hpo.said import Person, read_labs
from medtune.clinical.labs import Sex, substances
from medtune.errors import DataError
from medtune.records import Json

HORIZON_DAYS = 180
"""Older results are not used: our choice, longer than most results stay true."""
SYSTEMS = ("http://human-phenotype-ontology.org", "http://purl.obolibrary.org/obo/hp.owl")


class Result(NamedTuple):
    """A laboratory result that can be read."""

    analyte: str
    day: date
    written: str
    """As `read_labs` reads it."""


def request_facts(
    known: Knowledge, prefetch: Mapping[str, Resource | None], *, today: date
) -> dict[str, Json]:
    """What is computed of a request, with what of it was not used under `not_used`.

    Args:
        known: Diseases by findings.
        prefetch: The keys of the service: `patient`, `conditions` and `labs`; None is no such data.
        today: The day that ages and the horizon are counted from.
    """
    person = _person(prefetch.get("patient") or {}, today)
    present, excluded, unknown = _conditions(known.ontology, entries(prefetch.get("conditions")))
    results, unread = _results(entries(prefetch.get("labs")), today)
    read = {one: read_labs(one.written, person) for one in results}
    above = {
        up
        for one in present.union(*(said.present for said in read.values()))
        for up in known.ontology.ancestors[one]
    }
    # a result cannot be ranked with beside a finding that it excludes: what else it says counts
    clashing = [one for one in results if above & set(read[one].excluded)]
    torn = sorted(excluded & above)
    present = present.union(*(read[one].present for one in clashing))
    excluded = excluded.union(*(read[one].excluded for one in clashing))
    fields = {
        "findings": "; ".join(sorted(present)),
        "excluded": "; ".join(sorted(excluded - above)),
        "labs": "; ".join(one.written for one in results if one not in clashing),
        "age": "" if person.age_years is None else str(person.age_years),
        "sex": person.sex or "",
    }
    computed = case_facts(known, {name: value for name, value in fields.items() if value})
    names = [f"{known.ontology.terms[one].name}: both stated and refuted" for one in torn] + [
        f"{known.ontology.terms[term].name}: stated, but excluded by {one.analyte} of {one.day}"
        for one in clashing
        for term in sorted(above & set(read[one].excluded))
    ]
    return {**computed, "not_used": [*unknown, *unread, *names]}


def _person(patient: Resource, today: date) -> Person:
    """Age and sex. Pregnancy is not in a Patient: it is not known, but for a man."""
    sex = cast("Sex | None", {"female": "female", "male": "male"}.get(text(patient.get("gender"))))
    age = years(day(patient.get("birthDate")), today)
    return Person(age, sex, False if sex == "male" else None)


def _conditions(
    ontology: Ontology, resources: Iterable[Resource]
) -> tuple[set[str], set[str], list[str]]:
    """Findings that are there, findings that are refuted, and what could not be used."""
    present: set[str] = set()
    excluded: set[str] = set()
    unused: set[str] = set()
    for one in resources:
        verified, clinical = status(one, "verificationStatus"), status(one, "clinicalStatus")
        if one.get("resourceType") != "Condition" or verified == "entered-in-error":
            continue
        term = _term(ontology, one.get("code"))
        if term is None:
            unused.add(f"{name(one.get('code'))}: no term of the ontology")
        elif verified == "refuted":
            excluded.add(term)
        elif verified in ("", "confirmed") and clinical in CURRENT:
            present.add(term)
        else:
            unused.add(
                f"{name(one.get('code'))}: {clinical if verified == 'confirmed' else verified}"
            )
    return present, excluded, sorted(unused)


def _term(ontology: Ontology, code: Json) -> str | None:
    """The finding of a concept: by its HPO code, or else by a name that is exactly one."""
    coded = [one for system in SYSTEMS for one in codes(code, system)]
    for said in filter(None, [*coded, *words(code)]):
        try:
            return find_term(ontology, said).id
        except DataError:
            continue
    return None


def _results(resources: Iterable[Resource], today: date) -> tuple[list[Result], list[str]]:
    """The latest usable result of each analyte, and what could not be used."""
    latest: dict[str, Result] = {}
    unused: set[str] = set()
    for one in resources:
        if one.get("resourceType") != "Observation":
            continue
        found = _result(one, today)
        if isinstance(found, str):
            unused.add(f"{name(one.get('code'))}: {found}")
        elif found.analyte not in latest or found[1:] > latest[found.analyte][1:]:
            latest[found.analyte] = found
    return sorted(latest.values()), sorted(unused)


def _result(one: Resource, today: date) -> Result | str:
    """A result, or why it is not used."""
    analyte = _analyte(one.get("code"))
    if analyte is None:
        return "not an analyte that is known here"
    found = measured(one, today, HORIZON_DAYS)
    if isinstance(found, str):
        return found
    written = f"{analyte} {found.value:.6f} {found.unit}"
    if not _is_read(written):
        return "no number with a unit of the analyte"
    return Result(analyte, found.day, written)


def _analyte(code: Json) -> str | None:
    known = substances()
    return next((known[one].name for one in codes(code, LOINC) if one in known), None)


def _is_read(written: str) -> bool:
    try:
        read_labs(written, Person(40.0, "male", False))  # anybody: only the unit is asked about
    except DataError:
        return False
    return True
