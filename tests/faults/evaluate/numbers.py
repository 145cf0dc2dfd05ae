"""Numbers that claim more than the data hold, and evidence that is not what it seems."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from planted import arm, clean_evidence, estimate
from planted import evaluation as clean_evaluation
from tiny_bench import bench, subject
from tiny_study import APP, answering, examples

from faults import Fault
from medtune import stats
from medtune.artifacts import Evaluation
from medtune.config import JudgeSection
from medtune.errors import DataError
from medtune.evaluate.battery import read_battery
from medtune.evaluate.dated import measure_dated
from medtune.evaluate.judge import Judge, measure_judged
from medtune.evaluate.seal import open_seal
from medtune.guards import GUARDS
from medtune.measure import compare, measure, resumed
from medtune.metrics import accuracy
from medtune.records import ArmResult, Example, Gate, Prediction
from medtune.release.gate import judge_gates

DRAWS = {"resamples": 400, "seed": 0}


def objections(guard: str, **changed: object) -> str:
    judge = GUARDS[guard].judge
    assert judge is not None
    found = judge(clean_evidence(**changed))
    return "; ".join(f"{f.what}: {f.evidence}" for f in found if f.severity != "note")


def unmet(evaluation: Evaluation, gate: Gate) -> str:
    return "; ".join(result.why for result in judge_gates([gate], evaluation) if not result.met)


# -- Claims ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Claim:
    """Two arms of which the first is said to be better."""

    first: list[bool]
    second: list[bool]
    group: Callable[[int], int] = lambda i: i


def made(right: Sequence[bool], group: Callable[[int], int]) -> list[Prediction]:
    return [
        Prediction(f"r{i:04d}", f"g{group(i):04d}", "yes", "yes" if ok else "no")
        for i, ok in enumerate(right)
    ]


def claim(n: int) -> Claim:
    """Right in three of four, against one of two."""
    return Claim([i % 4 != 0 for i in range(n)], [i % 2 == 0 for i in range(n)])


def enough(folder: Path) -> Claim:
    return claim(200)


def not_better(claim: Claim) -> str:
    first, second = made(claim.first, claim.group), made(claim.second, claim.group)
    found = stats.paired(accuracy, first, second, **DRAWS)
    verdict = stats.verdict(found.difference, found.p_value)
    low, high = found.difference.low, found.difference.high
    return "" if verdict == "yes" else f"{verdict}: {low:+.3f} to {high:+.3f}"


def copied(claim: Claim) -> Claim:
    """Eight patients whose records are copied twenty-five times each."""
    right = [i in (0, 1, 2, 3, 4, 5) for i in range(8)]
    other = [i in (0, 1, 2, 6) for i in range(8)]
    return Claim(right * 25, other * 25, group=lambda i: i % 8)


def hunted(p_values: list[float]) -> list[float]:
    """The best of twenty comparisons of arms that do not differ."""
    return [0.03, *np.linspace(0.1, 1.0, 19).tolist()]


def uncorrected(p_values: list[float]) -> str:
    adjusted = stats.holm(p_values)
    bold = [p for p, a in zip(p_values, adjusted, strict=True) if p < stats.ALPHA <= a]
    return f"{len(bold)} of {len(p_values)} do not stand after Holm's correction" if bold else ""


def other_examples(folder: Path) -> tuple[list[Prediction], list[Prediction]]:
    return made([True, False] * 10, lambda i: i), made([True] * 20, lambda i: i)


def refused_pair(arms: tuple[list[Prediction], list[Prediction]]) -> str:
    try:
        stats.paired(accuracy, *arms, **DRAWS)
    except DataError as error:
        return str(error)
    return ""


# -- A whole test ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Test:
    """Answers on a sealed test, and the folder it lies in."""

    folder: Path
    tuned: ArmResult
    other: ArmResult
    openings: int = 1


def test(folder: Path) -> Test:
    asked = examples(200, "t")
    return Test(folder, answering("tuned", 0.9, 0.9)(asked), answering("majority", 0.5, 0.5)(asked))


def evaluated(work: Test) -> Evaluation:
    found = measure(APP, [work.tuned, work.other], [(work.tuned, work.other)], **DRAWS)
    named = [
        one.model_copy(update={"estimates": {"accuracy": one.estimates["accuracy"]}})
        for one in found.arms
    ]
    return clean_evaluation(
        arms=named,
        comparisons=[c.model_copy(update={"metric": "accuracy"}) for c in found.comparisons],
        calibration=found.calibration,
        failed=sum(one.failed for one in found.arms),
        openings=work.openings,
    )


def changed_answers(change: Callable[[int, Prediction], Prediction]) -> Callable[[Test], Test]:
    def plant(work: Test) -> Test:
        some = [change(i, p) for i, p in enumerate(work.tuned.predictions)]
        return replace(work, tuned=replace(work.tuned, predictions=some))

    return plant


def failed(i: int, p: Prediction) -> Prediction:
    return replace(p, answer=None, failed=True) if i % 40 == 0 else p


def unread(i: int, p: Prediction) -> Prediction:
    return replace(p, answer=None) if i % 10 == 0 else p


def swapped_labels(i: int, p: Prediction) -> Prediction:
    other = {"yes": "no", "no": "yes"}
    return replace(p, answer=other.get(str(p.answer), p.answer))


def boastful(i: int, p: Prediction) -> Prediction:
    return replace(p, confidence=0.99, answer=p.answer if i % 5 < 3 else "no")


def testing(work: Test) -> str:
    return objections("testing", evaluation=evaluated(work))


def gate(one: Gate) -> Callable[[Test], str]:
    return lambda work: unmet(evaluated(work), one)


def peek(work: Test) -> Test:
    """Open the seal for two adapters."""
    open_seal(work.folder, adapter="first", test="t")
    return replace(work, openings=open_seal(work.folder, adapter="second", test="t"))


def too_small(work: Test) -> Test:
    few = [replace(one, predictions=list(one.predictions[:24])) for one in (work.tuned, work.other)]
    return replace(work, tuned=few[0], other=few[1])


def many_looks(work: Test) -> str:
    found = compare(APP, work.tuned, [work.other], **DRAWS)
    return "" if found[0].verdict == "yes" else f"{found[0].verdict}: {found[0].p_adjusted:.3g}"


def edited(work: Test) -> Test:
    """Change an answer in the file after it was scored."""
    path = work.folder / "arm.jsonl"
    path.write_text(path.read_text("utf-8").replace('"answer": "no', '"answer": "yes', 1), "utf-8")
    return work


def scored(folder: Path) -> Test:
    work = test(folder)
    asked = examples(200, "t")
    resumed(folder / "arm.jsonl", key="k", name="tuned", examples=asked, run=lambda _: work.tuned)
    return work


def not_taken(work: Test) -> str:
    """Whether an edited file of answers is asked again, instead of being believed."""
    asked: list[str] = []

    def again(some: Sequence[Example]) -> ArmResult:
        asked.append("its hash is not that of the answers that were scored: asked again")
        return work.tuned

    files = {"key": "k", "name": "tuned", "examples": examples(200, "t")}
    resumed(work.folder / "arm.jsonl", run=again, **files)
    return "; ".join(asked)


# -- Judges ----------------------------------------------------------------------------------------

RUBRIC = [
    {"id": "kind", "text": "It is kind.", "points": 5},
    {"id": "rude", "text": "It is rude.", "points": -5},
]


@dataclass(frozen=True)
class Judging:
    folder: Path
    judge: Judge
    people: Callable[[int], bool] = lambda i: i % 2 == 0


def honest(messages) -> str:
    reply, criterion = messages[1].content.split("Reply:\n")[1].split("\n\nCriterion")
    return json.dumps({"met": ("kind" in reply) == ("kind" in criterion)})


def judging(folder: Path) -> Judging:
    return Judging(folder, honest)


def with_judge(judge: Judge) -> Callable[[Judging], Judging]:
    return lambda work: replace(work, judge=judge)


def often_broken(messages) -> str | None:
    reply = messages[1].content.split("Reply:\n")[1]
    return "I think that" if "words 1" in reply else honest(messages)


def picks_its_labels(messages) -> str | None:
    """Answers on the replies to judge, and on two labels of three."""
    reply = messages[1].content.split("Reply:\n")[1].split("\n\nCriterion")[0]
    return None if int(reply.split()[-1]) >= 40 else honest(messages)


def by_base_rate(messages) -> str:
    """Reads the criterion and no reply."""
    return json.dumps({"met": "kind" in messages[1].content.split("Criterion")[1]})


def rubric_gate(work: Judging) -> str:
    rows = [
        {
            "id": f"l{i}",
            "prompt": "p",
            "reply": f"kind {i}" if i % 2 == 0 else f"words {i}",
            "criterion": "kind" if i % 4 < 2 else "rude",
            "met": work.people(i) == (i % 4 < 2),
        }
        for i in range(60)
    ]
    labels, rubric = work.folder / "labels.jsonl", work.folder / "rubric.json"
    labels.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    rubric.write_text(json.dumps(RUBRIC), encoding="utf-8")
    app = replace(APP, choices=None, metrics={"accuracy": accuracy}, primary="accuracy")
    model = subject("tuned", lambda e: f"kind words {int(e.id[-2:]) % 3}")
    bench_ = bench(work.folder, model, app=app)
    section = JudgeSection(rubric=rubric, labels=labels)
    settings = bench_.run.evaluate.model_copy(update={"judge": section})
    bench_ = replace(bench_, run=bench_.run.model_copy(update={"evaluate": settings}))
    found = clean_evaluation(judged=measure_judged(bench_, work.judge))
    return unmet(found, Gate("rubric_score", at_least=0.5))


# -- Files and statements --------------------------------------------------------------------------

ITEM = {"id": "q1", "area": "own", "question": "Why?", "options": ["a", "b"], "answer": "b"}
FACT = {
    "id": "f1",
    "question": "From which age?",
    "answer": "45",
    "superseded": ["50"],
    "other": [],
    "valid_from": "2021-05-18",
    "source": "a guideline of 2021",
}


def file_of(row: dict[str, object]) -> Callable[[Path], Path]:
    def clean(folder: Path) -> Path:
        path = folder / "rows.jsonl"
        path.write_text(json.dumps(row) + "\n", encoding="utf-8")
        return path

    return clean


def edit(**changed: object) -> Callable[[Path], Path]:
    def plant(path: Path) -> Path:
        row = json.loads(path.read_text("utf-8")) | changed
        path.write_text(json.dumps(row) + "\n", encoding="utf-8")
        return path

    return plant


def battery(path: Path) -> str:
    try:
        read_battery(path)
    except DataError as error:
        return str(error)
    return ""


def facts(path: Path) -> str:
    try:
        measure_dated(bench(path.parent, subject("tuned", lambda e: str(e.target))), [path])
    except DataError as error:
        return str(error)
    return ""


def ethics(answers: dict[str, str]) -> str:
    evidence = clean_evidence()
    section = evidence.run.ethics.model_copy(update=answers)
    return objections("ethics", run=evidence.run.model_copy(update={"ethics": section}))


def likeness(gate: Gate) -> str:
    arms = [arm("tuned", estimate(0.9, 0.85, 0.95))]
    return unmet(clean_evaluation(arms=arms, likeness=estimate(0.99, 0.98, 1.0)), gate)


FAULTS = (
    Fault("too few data for a yes", lambda _: claim(12), enough, not_better),
    Fault("copied records counted as patients", copied, enough, not_better),
    Fault("comparisons that are not corrected", hunted, lambda _: [0.001] * 20, uncorrected),
    Fault(
        "arms that answered different examples",
        lambda arms: (arms[0], arms[1][1:]),
        other_examples,
        refused_pair,
    ),
    Fault("our failures among the answers", changed_answers(failed), test, testing),
    Fault("replies that state no answer", changed_answers(unread), test, testing),
    Fault("a sealed test that was opened twice", peek, test, testing),
    Fault("a test too small for its question", too_small, test, testing),
    Fault(
        "swapped labels",
        changed_answers(swapped_labels),
        test,
        gate(Gate("accuracy", at_least=0.0, against="majority")),
    ),
    Fault(
        "a model that is too sure",
        changed_answers(boastful),
        test,
        gate(Gate("expected_calibration_error", at_most=0.15)),
    ),
    Fault(
        "a tune no better than the majority",
        lambda work: replace(work, tuned=replace(work.other, name="tuned")),
        test,
        many_looks,
    ),
    Fault("answers that were edited after scoring", edited, scored, not_taken),
    Fault(
        "a judge that always agrees", with_judge(lambda m: '{"met": true}'), judging, rubric_gate
    ),
    Fault("a judge that breaks", with_judge(lambda m: "Sure! It is"), judging, rubric_gate),
    Fault("a judge that often fails", with_judge(often_broken), judging, rubric_gate),
    Fault("a judge that picks its labels", with_judge(picks_its_labels), judging, rubric_gate),
    Fault(
        "a judge that knows how often each criterion is met and reads nothing",
        lambda work: replace(work, judge=by_base_rate, people=lambda i: i % 30 > 1),
        judging,
        rubric_gate,
    ),
    Fault(
        "a judge that contradicts people",
        lambda work: replace(work, people=lambda i: i % 3 == 0),
        judging,
        rubric_gate,
    ),
    Fault("an item whose answer is no option", edit(answer="c"), file_of(ITEM), battery),
    Fault("a fact without a date", edit(valid_from="lately"), file_of(FACT), facts),
    Fault("a fact without a source", edit(source=""), file_of(FACT), facts),
    Fault("a question of ethics left open", lambda _: {"oversight": ""}, lambda _: {}, ethics),
    Fault(
        "an excuse without a reason",
        lambda _: {"justice": "not applicable"},
        lambda _: {"justice": "not applicable: the records are of published articles"},
        ethics,
    ),
    Fault(
        "a gate on alike hidden states",
        lambda _: Gate("likeness", at_least=0.5),
        lambda _: Gate("accuracy", at_least=0.5),
        likeness,
    ),
)
