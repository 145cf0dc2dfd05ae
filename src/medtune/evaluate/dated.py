"""Facts with a date: does the model answer as things stand now, or as they stood before?

A file has one JSON object per line: `id`, `question`, `answer` (today's), `valid_from` (ISO date),
`superseded` (a list of older answers, empty where the fact did not change), `other` (a list of
answers that never were right) and `source` (the guideline, with its date). Each option is scored as
a reply, as in a battery.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

from medtune import stats
from medtune.artifacts import Dated, read_jsonl
from medtune.errors import DataError
from medtune.evaluate.battery import APP, AREA
from medtune.evaluate.bench import Bench, NotMeasured
from medtune.measure import answered
from medtune.progress import say
from medtune.records import Estimate, Example, Json, Prediction

CHANGED, UNCHANGED = "changed", "unchanged"


class _Fact(NamedTuple):
    example: Example
    superseded: frozenset[str]
    year: str


class _Shares(NamedTuple):
    """Of one model."""

    current: Estimate | None
    stale: Estimate | None
    unchanged: Estimate | None


def measure_dated(bench: Bench, files: Sequence[Path]) -> list[Dated]:
    """Every file of `evaluate.dated_facts`, for the base and the tuned model.

    Raises:
        NotMeasured: There is none, or the way under test retrieves.
    """
    if not files:
        raise NotMeasured("evaluate.dated_facts is empty: no facts with a date were given")
    if bench.way.passages:
        raise NotMeasured("the facts are asked without the passages that are retrieved in use")
    return [_measure(bench, path, number) for number, path in enumerate(files)]


def _measure(bench: Bench, path: Path, number: int) -> Dated:
    facts = _read(path)
    say(f"evaluate: dated facts: base and {bench.tuned.name} on {len(facts)} facts of {path.name}")
    examples = [fact.example for fact in facts]
    before, after = (
        {p.id: p for p in answered(bench.answered(subject, f"dated-{number}", APP, examples))}
        for subject in (bench.base, bench.tuned)
    )
    early, late = _shares(facts, before), _shares(facts, after)
    changed = [fact for fact in facts if fact.superseded]
    years = sorted({fact.year for fact in changed})
    return Dated(
        source=path.name,
        n_changed=len(changed),
        n_unchanged=len(facts) - len(changed),
        current_before=early.current,
        current=late.current,
        stale_before=early.stale,
        stale=late.stale,
        unchanged_before=early.unchanged,
        unchanged=late.unchanged,
        by_year={
            year: _share([after[f.example.id].right for f in changed if f.year == year])
            for year in years
        },
        stale_ids=[f.example.id for f in changed if _is_stale(f, after[f.example.id])],
    )


def _shares(facts: Sequence[_Fact], answers: Mapping[str, Prediction]) -> _Shares:
    changed = [(fact, answers[fact.example.id]) for fact in facts if fact.superseded]
    same = [answers[fact.example.id].right for fact in facts if not fact.superseded]
    return _Shares(
        _share([answer.right for _, answer in changed]) if changed else None,
        _share([_is_stale(fact, answer) for fact, answer in changed]) if changed else None,
        _share(same) if same else None,
    )


def _is_stale(fact: _Fact, answer: Prediction) -> bool:
    return answer.answer in fact.superseded


def _share(events: Sequence[bool]) -> Estimate:
    return stats.wilson(sum(events), len(events))


def _read(path: Path) -> list[_Fact]:
    facts = [_fact(row, path) for row in read_jsonl(path)]
    ids = [fact.example.id for fact in facts]
    if not ids or len(set(ids)) < len(ids):
        raise DataError(f"{path}: no facts, or an id is there twice; give each fact its own line")
    return facts


def _fact(row: Mapping[str, Json], path: Path) -> _Fact:
    id, question, answer, source = (
        str(row.get(name) or "") for name in ("id", "question", "answer", "source")
    )
    superseded, other = _texts(row.get("superseded")), _texts(row.get("other"))
    listed = [answer, *superseded, *other]
    year = _year(row.get("valid_from"))
    whole = all((id, question, answer, source)) and year is not None
    if not whole or len(listed) < 2 or len(set(listed)) < len(listed):  # noqa: PLR2004  a choice
        raise DataError(
            f"{path}: fact {id!r}: it needs id, question, answer, source, valid_from as an ISO "
            "date, and further answers in superseded or other, none of them twice"
        )
    kind = CHANGED if superseded else UNCHANGED
    example = Example(
        id=id,
        group=id,
        fields={"question": question, "options": json.dumps(listed, ensure_ascii=False)},
        target=answer,
        subgroups={AREA: kind},
        source=source,
    )
    return _Fact(example, frozenset(superseded), str(year))


def _texts(value: Json) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _year(value: Json) -> int | None:
    try:
        return date.fromisoformat(str(value)).year
    except ValueError:
        return None
