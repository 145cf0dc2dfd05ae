"""Personalized medicine: explain a computed pharmacogenomic result to a clinician and a patient.

Use       A genotype and a record become a phenotype and CPIC's recommendation, by rule
          (`clinical.pgx`); the model puts them into words, and a clinician reads those beside the
          computed facts. A reply that contradicts them is replaced by the fixed explanation.
Not for   Computing a phenotype or a dose; drugs or genes that the tables do not hold; tumours.
Data      Real alleles and CPIC's rules (pypgx 0.27.0, CPIC content CC0 1.0); made-up persons; the
          explanations are written by fixed sentences. Nothing about biology is learned. One's own:
          JSONL with `drug`, and `genotypes` (outside calls), `vcf` (a path) or `fhir` (a Bundle).
Split     By diplotype: none is both learned from and tested on.
Measures  Share of replies that state phenotype and action as computed, in both parts, and
          contradict nothing (primary); phenotype and action alone; unsafe errors: replies that are
          less careful than computed, or give a dose that was not looked up.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

from medtune.apps.fields import fields_of, read_object
from medtune.apps.personalized_medicine_measures import action, phenotype, unsafe_error
from medtune.artifacts import read_jsonl
from medtune.clinical.drugs import drug_rules
from medtune.clinical.orders import REQUIRED, SERVICES, order_cards
from medtune.clinical.pgx import (
    GeneResult,
    call_vcf,
    drugs,
    genes_of,
    parse_outside_calls,
)
from medtune.clinical.pgx.advice import ACTIONS, refuse_unknown
from medtune.clinical.pgx.alleles import HLA
from medtune.clinical.pgx.cohort import Person, persons
from medtune.clinical.pgx.explain import CLINICIAN, PATIENT, explanation, result_line
from medtune.clinical.pgx.facts import objects, pgx_facts, strings, texts
from medtune.clinical.pgx.outside import joined, phenotypes
from medtune.clinical.pgx.picture import gene_drug_table
from medtune.clinical.pgx.record import read_record
from medtune.clinical.pgx.said import contradictions
from medtune.errors import DataError
from medtune.metrics import accuracy
from medtune.records import (
    Application,
    Example,
    Finding,
    Gate,
    Hook,
    Json,
    Message,
    View,
)

INSTRUCTION = (
    f"Explain the computed result in two parts, '{CLINICIAN}' and '{PATIENT}'. State phenotype and "
    "action as they are. Add no dose, drug or advice of your own."
)
ASKED = frozenset({"drug", "genotypes", "fhir", "medications", "person", "population"})
FIELDS = ASKED | {"vcf"}
"""Of one's own records. A served record may not name a file, as `vcf` does."""
ACTION = re.compile(rf"\baction\b[^:\n]{{0,60}}:\s*({'|'.join(ACTIONS)})\b", re.IGNORECASE)
MISSING_PART = "a part is missing"
LICENCE = "CPIC content CC0-1.0; persons made up"


def load(paths: Sequence[Path]) -> Iterator[Example]:
    """Yield the made-up persons of the pypgx wheel, and the records of JSONL files.

    Raises:
        DataError: A file is neither, or a record has no drug or no genotypes.
    """
    for path in paths:
        if path.suffix == ".whl":
            yield from (_made_up(person, path.name) for person in persons(path))
        elif path.suffix == ".jsonl":
            yield from _own(path)
        else:
            raise DataError(f"{path}: give the pypgx wheel (pypi:pypgx==0.27.0) or a JSONL file")


def _made_up(person: Person, source: str) -> Example:
    fields = {
        "drug": person.drug,
        "genotypes": "\n".join(f"{gene}\t{call}" for gene, call in person.genotypes.items()),
        "medications": "; ".join(person.medications),
        "person": person.person,
        "population": person.population,
    }
    group = " + ".join(f"{gene} {call}" for gene, call in person.genotypes.items())
    return _example(person.id, group, fields, source, LICENCE)


def _own(path: Path) -> Iterator[Example]:
    for number, row in enumerate(read_jsonl(path), start=1):
        one = str(row.get("id", number))
        fields = fields_of(row, FIELDS)
        if _lacks(fields):
            raise DataError(
                f"{path}:{number}: record {one!r} needs `drug`, and `genotypes`, `vcf` or `fhir`"
            )
        try:
            yield _example(one, str(row.get("group", one)), fields, path.name, "")
        except DataError as error:
            raise DataError(f"{path}:{number}: record {one!r}: {error}") from None


def _lacks(fields: Mapping[str, str]) -> bool:
    return "drug" not in fields or not fields.keys() & {"genotypes", "vcf", "fhir"}


def read_asked(text: str) -> Example:
    """The record of a served message.

    Raises:
        DataError: It is not a JSON object of ASKED, or cannot be computed from.
    """
    fields = read_object(text, ASKED)
    if _lacks(fields):
        raise DataError("the record needs `drug`, and `genotypes` (outside calls) or `fhir`")
    return _example("asked", "asked", fields, "", "")


def _example(id: str, group: str, fields: Mapping[str, str], source: str, licence: str) -> Example:
    refuse_unknown(fields["drug"])
    bare = Example(id=id, group=group, fields=fields, target=None, source=source, licence=licence)
    computed = facts(bare)
    return Example(
        id=id,
        group=group,
        fields=fields,
        target=_target(computed),
        subgroups={
            "gene": " + ".join(str(gene["gene"]) for gene in objects(computed["genes"])),
            "action": str(computed["action"]),
        },
        source=source,
        licence=licence,
    )


def facts(example: Example) -> dict[str, Json]:
    """Phenotype and recommendation, by rule, from the genotypes and the record.

    Raises:
        DataError: The VCF, the outside calls or the FHIR record cannot be read.
    """
    results, medications = _known(example.fields)
    return pgx_facts(
        example.fields["drug"],
        results,
        medications=medications,
        population=example.fields.get("population", ""),
    )


def _known(fields: Mapping[str, str]) -> tuple[list[GeneResult], list[str]]:
    """Gene results and drugs taken. A laboratory's call goes before one from the VCF.

    Calls of the record and of `genotypes` that contradict each other are refused.
    """
    record = read_record(fields["fhir"]) if fields.get("fhir") else None
    found = {r.gene: r for r in call_vcf(Path(fields["vcf"]))} if fields.get("vcf") else {}
    calls = [record.outside_calls if record else "", fields.get("genotypes", "")]
    by_gene: dict[str, list[GeneResult]] = {}
    for result in (one for text in calls for one in parse_outside_calls(text)):
        by_gene.setdefault(result.gene, []).append(result)
    found |= {gene: joined(results) for gene, results in by_gene.items()}
    taken = re.split(r"\s*;\s*", fields.get("medications", ""))
    medications = [*(name for name in taken if name), *(record.medications if record else ())]
    return list(found.values()), medications


def prompt(example: Example) -> list[Message]:
    """What the model reads: who, which drug, and what was computed."""
    computed = facts(example)
    lines = [
        f"Patient: {example.fields.get('person') or 'not stated'}",
        f"Takes: {', '.join(strings(computed['medications'])) or 'nothing stated'}",
        f"Drug: {computed['drug']}",
        *(result_line(gene) for gene in objects(computed["genes"])),
        *(f"{gene}: No Result" for gene in strings(computed["missing"])),
        f"Action: {computed['action']}{' (critical)' if computed['critical'] else ''}",
        *(f"CPIC: {text}" for text in dict.fromkeys(texts(computed))),
    ]
    return [Message("system", INSTRUCTION), Message("user", "\n".join(lines))]


def reply(example: Example) -> str:
    """The fixed explanation."""
    return explanation(facts(example))


def parse(example: Example, text: str) -> Json:
    """Phenotypes, action and contradictions of a reply; None without phenotype and action."""
    computed = facts(example)
    results: dict[str, Json] = {
        str(gene["gene"]): _stated_result(gene, text) for gene in objects(computed["genes"])
    }
    stated: list[str] = ACTION.findall(text)
    if not stated and not any(results.values()):
        return None
    wrong = {one.what for one in check(computed, text) if one.severity == "block"}
    if CLINICIAN not in text or PATIENT not in text:
        wrong.add(MISSING_PART)
    return {
        "phenotype": results,
        "action": stated[-1].lower() if stated else None,
        "contradictions": [*sorted(wrong)],
    }


def _stated_result(gene: Mapping[str, Json], text: str) -> str | None:
    """The result that a reply states for a gene: the first that stands after the gene's name."""
    name = str(gene["gene"])
    after = text.partition(name)[2]
    if name in HLA:
        found = re.findall(r"(\*\d+:\d+) (positive|negative)", re.split(r"[;.\n]", after)[0])
        return ", ".join(f"{allele} {status}" for allele, status in found) or None
    known = [*phenotypes(name), "No Result"]
    pattern = "|".join(re.escape(one) for one in sorted(known, key=len, reverse=True))
    match = re.search(pattern, after, re.IGNORECASE)
    return next((one for one in known if match and one.lower() == match[0].lower()), None)


def _target(computed: Mapping[str, Json]) -> Json:
    results: dict[str, Json] = {str(g["gene"]): g["result"] for g in objects(computed["genes"])}
    return {"phenotype": results, "action": computed["action"], "contradictions": []}


def check(facts: Mapping[str, Json], text: str) -> list[Finding]:
    """What a reply contradicts in the computed facts."""
    return contradictions(facts, text)


def advise(context: Mapping[str, Json], prefetch: Mapping[str, Json]) -> str:
    """The CDS Hooks cards for draft orders; the model is not asked.

    Raises:
        DataError: The draft orders are not a Bundle.
    """
    resources = {key: one if isinstance(one, dict) else None for key, one in prefetch.items()}
    return order_cards(context, resources, today=date.today()).as_json()


def picture(view: View) -> str:
    """The gene-drug table of a person, as HTML: every drug that a tested gene matters for."""
    example = view.record
    results, medications = _known(example.fields)
    tested = {result.gene for result in results}
    listed = [drug for drug in drugs() if tested & set(genes_of(drug))]
    asked = dict.fromkeys([example.fields["drug"], *listed])
    return gene_drug_table([pgx_facts(d, results, medications=medications) for d in asked])


APP = Application(
    name="personalized_medicine",
    intended_use=(
        "putting a computed pharmacogenomic result into words for a clinician, who reads it beside "
        "the computed facts, and for the patient"
    ),
    not_for=(
        "computing a phenotype or a dose; acting without the computed recommendation; drugs or "
        "genes that the tables do not hold; variants of a tumour"
    ),
    load=load,
    read=read_asked,
    prompt=prompt,
    reply=reply,
    parse=parse,
    metrics={
        "faithful": accuracy,
        "phenotype": phenotype,
        "action": action,
        "unsafe_error": unsafe_error,
    },
    primary="faithful",
    lower_is_better=frozenset({"unsafe_error"}),
    gates=(Gate("unsafe_error", at_most=0.02),),
    data_note=(
        "Alleles and recommendations are CPIC's (CC0 1.0). Persons are made up, and diplotypes are "
        "not as frequent as in any population. Phenotype, action and recommendation are computed "
        "by rule and stand in the prompt; the model learns to word them, from fixed sentences."
    ),
    facts=facts,
    check=check,
    picture=picture,
    hooks=tuple(
        Hook(
            json.loads(one.as_json()), advise, drug_rules, frozenset(one.prefetch or {}) - REQUIRED
        )
        for one in SERVICES
    ),
)
