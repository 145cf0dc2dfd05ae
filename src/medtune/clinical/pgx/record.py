"""What pharmacogenomics needs of a patient's FHIR R4 record: age, sex, drugs taken, genotypes.

Only what is in force counts: a medication that is stopped, completed or entered in error is not
taken, nor is one that is not to be given; a genotype must be a final result. Genotypes are
Observations with LOINC 84413-4 (genotype display name) whose component 48018-6 names the gene (HL7
Genomics Reporting).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple, cast

from medtune.clinical.medication import KINDS, concept, ingredients, shelf_of
from medtune.errors import DataError
from medtune.records import Json

GENOTYPE, GENE_STUDIED = "84413-4", "48018-6"
TAKEN = frozenset({"active", "intended", "on-hold"})
FINAL = frozenset({"final", "amended", "corrected"})
NAMELESS = "a medication without a name"


class Record(NamedTuple):
    """What was read."""

    age: int | None
    """In years, on the day of the bundle; None if either date is missing."""
    sex: str
    medications: tuple[str, ...]
    outside_calls: str
    """The genotypes as lines of an outside call."""


def read_record(bundle: str) -> Record:
    """Read a FHIR R4 Bundle.

    Raises:
        DataError: It is not JSON, not a Bundle, or has no patient or several.
    """
    try:
        content = json.loads(bundle)
    except ValueError:
        raise DataError("the FHIR record is not JSON") from None
    if not isinstance(content, dict) or content.get("resourceType") != "Bundle":
        raise DataError("the FHIR record is not a Bundle; put the resources into one")
    resources = [_mapping(_mapping(entry).get("resource")) for entry in _list(content.get("entry"))]
    patients = [one for one in resources if one.get("resourceType") == "Patient"]
    if len(patients) != 1:
        raise DataError(f"the FHIR record has {len(patients)} patients; give the record of one")
    return Record(
        age=_age(patients[0].get("birthDate"), content.get("timestamp")),
        sex=str(patients[0].get("gender") or ""),
        medications=tuple(dict.fromkeys(_medications(resources))),
        outside_calls="\n".join(genotypes(resources)),
    )


def _medications(resources: list[Mapping[str, Json]]) -> Iterator[str]:
    """The drugs taken, by words or else by code; one that says neither is told as such."""
    shelf = shelf_of(resources)
    for one in resources:
        is_taken = str(one.get("status")) in TAKEN and one.get("doNotPerform") is not True
        if str(one.get("resourceType")) in KINDS and is_taken:
            drug = concept(one, shelf)
            coded, _ = ingredients(drug)
            yield _words(drug) or ", ".join(coded) or NAMELESS


def genotypes(resources: Sequence[Mapping[str, Json]]) -> Iterator[str]:
    """The final genotypes among some resources, each as a line of an outside call."""
    for one in resources:
        if one.get("resourceType") != "Observation" or str(one.get("status")) not in FINAL:
            continue
        if GENOTYPE not in _codes(one.get("code")):
            continue
        components = [_mapping(part) for part in _list(one.get("component"))]
        studied = [part for part in components if GENE_STUDIED in _codes(part.get("code"))]
        genes = [_words(part.get("valueCodeableConcept")) for part in studied]
        value = _words(one.get("valueCodeableConcept"))
        if len(genes) == 1 and genes[0] and value:
            yield f"{genes[0]}\t{value}"


def _age(birth: Json, on: Json) -> int | None:
    try:
        born, day = date.fromisoformat(str(birth)), date.fromisoformat(str(on)[:10])
    except ValueError:
        return None
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def _words(concept: Json) -> str:
    """The text of a CodeableConcept, or the first display of its codings."""
    plain = _mapping(concept)
    displays = [str(_mapping(c).get("display") or "") for c in _list(plain.get("coding"))]
    return str(plain.get("text") or "") or next((d for d in displays if d), "")


def _codes(concept: Json) -> list[str]:
    return [str(_mapping(c).get("code")) for c in _list(_mapping(concept).get("coding"))]


def _mapping(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, dict) else {}


def _list(value: Json) -> list[Json]:
    return cast(list[Json], value) if isinstance(value, list) else []
