"""Each guard finds the fault that is planted, and lets its clean twin pass."""

from dataclasses import replace

import pytest
from planted import (
    against,
    arm,
    clean_evidence,
    count,
    data_card,
    decision,
    estimate,
    evaluation,
    tune_record,
)

from medtune.guards import GUARDS, Evidence, Facts
from medtune.records import Gate

BUILT = ("data_quality", "overfitting", "compute", "compliance", "testing")


def judge(name: str, evidence: Evidence) -> list[tuple[str, str]]:
    guard = GUARDS[name].judge
    assert guard is not None
    findings = guard(evidence)
    assert all(f.guard == name and f.where and f.evidence and f.remedy for f in findings)
    return [(f.severity, f.what) for f in findings]


def test_there_are_ten_guards_and_five_of_them_judge():
    assert list(GUARDS) == [
        "data_quality",
        "overfitting",
        "fairness",
        "compute",
        "generalization",
        "knowledge_decay",
        "ethics",
        "compliance",
        "transfer",
        "testing",
    ]
    assert all(guard.name == name and guard.asks for name, guard in GUARDS.items())
    assert tuple(name for name, guard in GUARDS.items() if guard.judge) == BUILT


@pytest.mark.parametrize("name", BUILT)
def test_clean_work_is_not_accused(name: str):
    assert [f for f in judge(name, clean_evidence()) if f[0] != "note"] == []


CARDS = [
    (data_card(leaks=["r7"]), "warn", "in train too"),
    (data_card(conflicts=[f"r{i}" for i in range(21)]), "warn", "different targets"),
    (data_card(exact_duplicates=1), "note", "duplicates"),
    (data_card(near_duplicate_pairs=1), "note", "duplicates"),
    (data_card(receipt={"a": count(100, {"empty": 11})}), "warn", "were left out"),
    (data_card(groups={"train": 9, "validation": 4, "test": 9}), "warn", "validation split"),
]


@pytest.mark.parametrize(("card", "severity", "what"), CARDS, ids=[c[2] for c in CARDS])
def test_data_quality_finds(card, severity: str, what: str):
    found = judge("data_quality", clean_evidence(data=card))
    assert [one[0] for one in found] == [severity]
    assert what in found[0][1]


def test_data_quality_lets_its_limits_pass():
    card = data_card(
        conflicts=[f"r{i}" for i in range(20)],  # five per cent of 400
        receipt={"a": count(100, {"empty": 10})},
        groups={"train": 5, "validation": 5, "test": 5},
    )
    assert judge("data_quality", clean_evidence(data=card)) == []


TUNES = [
    (tune_record(train_loss=0.1, validation_loss=0.5), "warn", "far above"),
    (tune_record(best_step=40, stopped="all epochs"), "note", "under-trained"),
    (tune_record(train_loss=float("inf")), "block", "finite"),
    (tune_record(validation_loss=float("nan")), "block", "finite"),
]


@pytest.mark.parametrize(("tune", "severity", "what"), TUNES)
def test_overfitting_finds(tune, severity: str, what: str):
    found = judge("overfitting", clean_evidence(tune=tune))
    assert [one[0] for one in found] == [severity]
    assert what in found[0][1]


def test_overfitting_ignores_a_gap_between_tiny_losses():
    tune = tune_record(train_loss=0.01, validation_loss=0.05)
    assert judge("overfitting", clean_evidence(tune=tune)) == []


def test_overfitting_finds_a_test_below_what_validation_promised():
    fallen = evaluation(arms=[arm("tuned", estimate(0.70, 0.6, 0.8))])
    assert "worse than validation" in judge("overfitting", clean_evidence(evaluation=fallen))[0][1]


def test_overfitting_knows_that_for_some_metrics_less_is_better():
    evidence = clean_evidence()
    evidence = evidence._replace(
        facts=evidence.facts._replace(lower_is_better=frozenset({"accuracy"}))
    )
    low = evaluation(arms=[arm("tuned", estimate(0.70, 0.6, 0.8))])
    assert judge("overfitting", evidence._replace(evaluation=low)) == []
    high = evaluation(arms=[arm("tuned", estimate(0.90, 0.8, 0.95))])
    assert len(judge("overfitting", evidence._replace(evaluation=high))) == 1


def test_compute_warns_when_the_memory_was_nearly_full():
    full = clean_evidence(tune=tune_record(peak_memory_gb=14.5))
    assert [severity for severity, _ in judge("compute", full)] == ["note", "warn"]
    assert [s for s, _ in judge("compute", full._replace(facts=Facts()))] == ["note"]


@pytest.mark.parametrize("licence", ["", "  ", "not stated", "Unknown"])
def test_compliance_misses_the_licence_of_one_source(licence: str):
    card = data_card(
        sources=[
            {"name": "a.jsonl", "sha256": "ab", "licence": "MIT"},
            {"name": "b.jsonl", "sha256": "cd", "licence": licence},
        ]
    )
    ((severity, what),) = judge("compliance", clean_evidence(data=card))
    assert severity == "warn"
    assert "b.jsonl" in what


def test_compliance_names_everything_that_nobody_stated():
    evidence = clean_evidence(data=data_card(sources=[]), facts=Facts("not stated", "", ""))
    found = " ".join(what for _, what in judge("compliance", evidence))
    assert all(word in found for word in ("source", "model", "intended use", "forbidden use"))


WIDE = estimate(0.25, 0.10, 0.40)
TUNED = arm("tuned", estimate(0.85, 0.78, 0.92))
TESTS = [
    ({"evaluation": evaluation(failed=3)}, "block", "failed"),
    ({"evaluation": evaluation(arms=[TUNED.model_copy(update={"failed": 1})])}, "block", "failed"),
    ({"evaluation": evaluation(arms=[TUNED.model_copy(update={"unparsed": 6})])}, "warn", "read"),
    ({"evaluation": evaluation(arms=[])}, "block", "not measured"),
    ({"evaluation": evaluation(openings=3)}, "warn", "more than one adapter"),
    ({"evaluation": evaluation(comparisons=[against("x", WIDE, "yes")])}, "warn", "sealed test"),
    ({"decision": decision(minimum_detectable=0.2)}, "warn", "validation set"),
    ({"decision": decision(gates=[])}, "block", "no gate"),
    ({"decision": decision(gates=[Gate("accuracy")])}, "block", "no bound"),
]


@pytest.mark.parametrize(("changed", "severity", "what"), TESTS)
def test_testing_finds(changed, severity: str, what: str):
    found = judge("testing", clean_evidence(**changed))
    assert [one[0] for one in found] == [severity]
    assert what in found[0][1]


def test_testing_tells_how_many_openings_and_what_p_they_ask_for():
    guard = GUARDS["testing"].judge
    assert guard is not None
    (finding,) = guard(clean_evidence(evaluation=evaluation(openings=5)))
    assert "5 adapters" in finding.evidence
    assert "p < 0.01 " in finding.evidence


def test_a_guard_does_not_change_what_it_judges():
    evidence = clean_evidence()
    before = replace(evidence.decision.gates[0]), evidence.evaluation.model_dump_json()
    for guard in GUARDS.values():
        if guard.judge is not None:
            assert guard.judge(evidence) == guard.judge(evidence)
    assert (evidence.decision.gates[0], evidence.evaluation.model_dump_json()) == before
