"""One case: findings, history and labs in; ranked differential, evidence and what is missing out.

Everything here is computed. The result is a plain object, so that it can stand in a record and be
compared with what a model says about it.
"""

from collections.abc import Mapping, Sequence
from typing import cast

from medtune.clinical.hpo.annotations import Knowledge
from medtune.clinical.hpo.ontology import find_term
from medtune.clinical.hpo.rank import Candidate, rank
from medtune.clinical.hpo.said import Person, read_history, read_labs
from medtune.clinical.redflags import triage
from medtune.errors import DataError
from medtune.records import Json

LEAST_FINDINGS = 3
"""With fewer, no ranking is given but a question: our choice."""
CANDIDATES = 3
STRONGEST = 4
"""Findings that are told of each candidate, those that weigh most."""
FIELDS = frozenset(
    {"findings", "excluded", "history", "labs", "age", "sex", "pregnant", "required"}
)


def case_facts(known: Knowledge, fields: Mapping[str, str]) -> dict[str, Json]:
    """What is computed of a case.

    Args:
        known: Diseases by findings.
        fields: Any of FIELDS. Lists have ';' between; findings are HPO ids, names or exact
            synonyms; `required` names analytes without which nothing may be ranked.

    Raises:
        DataError: A finding or unit is unknown, or a finding is both present and excluded.
    """
    ontology = known.ontology
    told = [find_term(ontology, one).id for one in _listed(fields, "findings")]
    denied = [find_term(ontology, one).id for one in _listed(fields, "excluded")]
    history = read_history(ontology, fields.get("history", ""))
    labs = read_labs(fields.get("labs", ""), _person(fields))
    present = {*told, *history.present, *labs.present}
    excluded = {*denied, *history.excluded, *labs.excluded}
    measured = {one.strip().rsplit(" ", 2)[0].lower() for one in _listed(fields, "labs")}
    lacking = [
        one
        for one in map(str.lower, _listed(fields, "required"))
        if one not in measured or one in labs.not_judged
    ]
    enough = len(present) >= LEAST_FINDINGS and not lacking
    if len(present) < LEAST_FINDINGS:
        lacking.append(f"at least {LEAST_FINDINGS} findings")
    found = rank(known, present, excluded, n=CANDIDATES) if present else None
    red = [f"{hit.rule.level}: {hit.rule.title}" for hit in triage(fields.get("history", "")).hits]
    return {
        "status": "success" if enough else "data-required",
        "findings": [*(_name(known, one) for one in sorted(present))],
        "excluded": [*(_name(known, one) for one in sorted(excluded))],
        "not_judged": [*labs.not_judged],
        "lacking": [*lacking],
        "differential": [_candidate(known, c) for c in found.candidates]
        if enough and found
        else [],
        "ask": [_name(known, q.finding) for q in found.questions[:2]] if found else [],
        "red": [*(dict.fromkeys(_plain(one) for one in red))],
        "version": f"HPO {known.ontology.version}, annotations {known.version}",
    }


def _candidate(known: Knowledge, one: Candidate) -> dict[str, Json]:
    weighed = sorted(one.evidence, key=lambda e: (-abs(round(e.log10_ratio, 9)), e.finding))
    return {
        "disease": _plain(one.name),
        "code": one.disease,
        "share": round(one.share, 4),
        "evidence": [
            {
                "finding": _name(known, e.finding),
                "present": e.is_present,
                "log10_ratio": round(e.log10_ratio, 2),
                "told": e in weighed[:STRONGEST],
            }
            for e in one.evidence
        ],
    }


def _person(fields: Mapping[str, str]) -> Person:
    sex, pregnant = fields.get("sex"), fields.get("pregnant")
    if sex not in (None, "female", "male") or pregnant not in (None, "yes", "no"):
        raise DataError("sex must be female or male, and pregnant yes or no, where they are given")
    age = fields.get("age")
    try:
        years = float(age) if age else None
    except ValueError:
        raise DataError("age must be a number of years") from None
    is_pregnant = pregnant == "yes" if pregnant else False if sex == "male" else None
    return Person(years, sex, is_pregnant)


def _listed(fields: Mapping[str, str], name: str) -> list[str]:
    return [one.strip() for one in fields.get(name, "").split(";") if one.strip()]


def _name(known: Knowledge, finding: str) -> str:
    return _plain(known.ontology.terms[finding].name)


def _plain(name: str) -> str:
    """A name without the marks that divide a list."""
    return name.replace(";", ",").replace("|", "/").strip()


def objects(value: Json) -> Sequence[Mapping[str, Json]]:
    """A list of objects, as the facts hold them."""
    return cast("list[dict[str, Json]]", value)


def strings(value: Json) -> list[str]:
    """A list of texts, as the facts hold them."""
    return cast("list[str]", value)
