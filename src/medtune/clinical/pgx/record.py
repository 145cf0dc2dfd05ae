"""What pharmacogenomics needs of a patient's FHIR R4 record: age, sex, drugs taken, genotypes.

Only what is in force counts: a medication that is stopped, completed or entered in error is not
taken, nor is one that is not to be given; a genotype must be a final result. Genotypes are
Observations with LOINC 84413-4 (genotype display name) whose component 48018-6 names the gene, in
words or by its HGNC code (HL7 Genomics Reporting), and tests for one HLA allele, by LOINC code or
by a name such as "HLA-B*57:01 [Presence]". Any other genomic result is named as not read.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple, cast

from medtune.clinical.medication import KINDS, concept, ingredients, shelf_of
from medtune.clinical.pgx.results import HLA_ASKED
from medtune.clinical.pgx.tables import alleles
from medtune.errors import DataError
from medtune.records import Json

GENOTYPE, GENE_STUDIED = "84413-4", "48018-6"
GENOMIC = frozenset({GENOTYPE, "84414-2", "69548-6", "53037-8", "53040-2", "51961-1"})
"""LOINC codes of HL7 Genomics Reporting: genotype, haplotype, variant, implications, effect."""
GENETICS = "GE"
"""Genetics, of HL7's table 0074 of diagnostic services."""
HGNC: Mapping[str, str] = {
    "HGNC:74": "ABCG2", "HGNC:1397": "CACNA1S", "HGNC:1884": "CFTR", "HGNC:2615": "CYP2B6",
    "HGNC:2621": "CYP2C19", "HGNC:2623": "CYP2C9", "HGNC:2625": "CYP2D6", "HGNC:2637": "CYP3A4",
    "HGNC:2638": "CYP3A5", "HGNC:3012": "DPYD", "HGNC:4057": "G6PD", "HGNC:4931": "HLA-A",
    "HGNC:4932": "HLA-B", "HGNC:18365": "IFNL3", "HGNC:7470": "MT-RNR1", "HGNC:7646": "NAT2",
    "HGNC:23063": "NUDT15", "HGNC:10483": "RYR1", "HGNC:10959": "SLCO1B1", "HGNC:12014": "TPMT",
    "HGNC:12530": "UGT1A1", "HGNC:23663": "VKORC1",
}  # fmt: skip
"""Genes of the tables by their codes in the HUGO Gene Nomenclature (genenames.org)."""
HLA_TESTS: Mapping[str, str] = {"50956-2": "HLA-B*57:01", "57979-7": "HLA-B*15:02"}
"""LOINC codes of tests for one allele."""
HLA_ALLELE = re.compile(r"\b(HLA-[AB])\*?(\d{2,3}):?(\d{2})\b", re.IGNORECASE)
PRESENCE: Mapping[str, str] = {
    **dict.fromkeys(("positive", "detected", "present", "true"), "positive"),
    **dict.fromkeys(("negative", "not detected", "absent", "false"), "negative"),
    **dict.fromkeys(("la6576-8", "la11882-0", "la9633-4"), "positive"),
    **dict.fromkeys(("la6577-6", "la11883-8", "la9634-2"), "negative"),
    **dict.fromkeys(("10828004", "260373001", "52101004"), "positive"),
    **dict.fromkeys(("260385009", "260415000", "2667000"), "negative"),
}
"""Positive, detected and present, and their opposites: words, answers of LOINC, SNOMED CT."""
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


class Genotypes(NamedTuple):
    """The genomic results among some resources."""

    calls: tuple[str, ...]
    """Those that could be read, each as a line of an outside call."""
    unread: tuple[tuple[str, str], ...]
    """The others: the gene, empty if it is not known, and why it was not read."""


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
        outside_calls="\n".join(genotypes(resources).calls),
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


def genotypes(resources: Sequence[Mapping[str, Json]]) -> Genotypes:
    """The genomic results among some resources; only final ones are calls."""
    calls: list[str] = []
    unread: list[tuple[str, str]] = []
    for one in resources:
        if one.get("resourceType") != "Observation" or not _is_genomic(one):
            continue
        gene, call = _call(one)
        status = str(one.get("status") or "without a status")
        if status in FINAL and call:
            calls.append(f"{gene}\t{call}")
        elif status in FINAL:
            unread.append((gene, "in a form that is not read"))
        else:
            unread.append((gene, f"{status}, not used"))
    return Genotypes(tuple(calls), tuple(dict.fromkeys(unread)))


def _is_genomic(one: Mapping[str, Json]) -> bool:
    """Whether an Observation is of genetics, by its code, its category, a gene or an HLA allele."""
    codes = {*_codes(one.get("code"))}
    categories = {code for each in _list(one.get("category")) for code in _codes(each)}
    return bool(codes & GENOMIC) or GENETICS in categories or bool(_genes(one)) or bool(_hla(one))


def _call(one: Mapping[str, Json]) -> tuple[str, str]:
    """The gene, and the rest of the line; each empty where it cannot be read."""
    hla, genes = _hla(one), _genes(one)
    if hla:
        gene, _, allele = hla.partition("*")
        said = [each.casefold() for each in _said(one)]
        here = next((PRESENCE[each] for each in said if each in PRESENCE), "")
        is_asked = f"*{allele}" in HLA_ASKED.get(gene, ())
        return gene, f"\t*{allele} {here}" if here and is_asked else ""
    if len(genes) != 1 or GENOTYPE not in _codes(one.get("code")):
        return genes[0] if len(genes) == 1 else "", ""
    return genes[0], next((said.removeprefix(genes[0]).strip() for said in _said(one)), "")


def _hla(one: Mapping[str, Json]) -> str:
    """The one HLA allele that an Observation tests for, such as HLA-B*57:01."""
    code = one.get("code")
    found = next((HLA_TESTS[each] for each in _codes(code) if each in HLA_TESTS), "")
    match = HLA_ALLELE.search(_words(code))
    return found or (f"{match[1].upper()}*{match[2]}:{match[3]}" if match else "")


def _genes(one: Mapping[str, Json]) -> list[str]:
    """The genes that the components name, or else those of the tables that the code names."""
    components = [_mapping(each) for each in _list(one.get("component"))]
    studied = [each for each in components if GENE_STUDIED in _codes(each.get("code"))]
    named = [_gene(each) for each in studied]
    plain = re.findall(r"[A-Z][A-Z0-9-]+", _words(one.get("code")).upper())
    return [*dict.fromkeys(filter(None, named))] or [each for each in plain if each in alleles()]


def _gene(component: Mapping[str, Json]) -> str:
    """The symbol of a gene studied, by its HGNC code or in words."""
    value = component.get("valueCodeableConcept")
    coded = next((HGNC[code] for code in _codes(value) if code in HGNC), "")
    return coded or " ".join((_words(value) or str(component.get("valueString") or "")).split())


def _said(one: Mapping[str, Json]) -> list[str]:
    """How the value of an Observation says it: its words, in one line, then its codes."""
    value, answer = one.get("valueCodeableConcept"), one.get("valueBoolean")
    stated = _words(value) or str(one.get("valueString") or ("" if answer is None else answer))
    return [*filter(None, [" ".join(stated.split())]), *_codes(value)]


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
