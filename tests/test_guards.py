"""Each guard finds the fault that is planted, and lets its clean twin pass."""

from dataclasses import replace

import pytest
from planted import (
    against,
    arm,
    clean_evidence,
    count,
    data_card,
    dated,
    decision,
    domain,
    estimate,
    evaluation,
    memorisation,
    perturbed,
    retained,
    subgroup,
    swap,
    tune_record,
)

from medtune.artifacts import RESTRICTED, Check, Fairness, LeftOut
from medtune.config import SwapSection
from medtune.guards import GUARDS, Evidence, Facts
from medtune.records import Gate

BUILT = tuple(GUARDS)


def judge(name: str, evidence: Evidence) -> list[tuple[str, str]]:
    guard = GUARDS[name].judge
    assert guard is not None
    findings = guard(evidence)
    assert all(f.guard == name and f.where and f.evidence and f.remedy for f in findings)
    return [(f.severity, f.what) for f in findings]


def test_there_are_ten_guards_and_all_of_them_judge():
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
    assert all(guard.judge is not None for guard in GUARDS.values())


@pytest.mark.parametrize("name", BUILT)
def test_clean_work_is_not_accused(name: str):
    assert [f for f in judge(name, clean_evidence()) if f[0] != "note"] == []


def found(outcome: str, topic: str = "independence") -> Check:
    return Check(
        name="leaks", topic=topic, outcome=outcome, found="3 of 400 records", ids=["r7"], remedy="x"
    )


CARDS = [
    (data_card(checks=[found("warn")]), "warn", "leaks"),
    (data_card(checks=[found("fail")]), "block", "leaks: not fit"),
    (data_card(checks=[]), "warn", "nobody looked"),
    (data_card(checks=[found("not_run")]), "warn", "nobody looked"),
    (data_card(receipt={"a": count(100, {"empty": 11})}), "warn", "were left out"),
]


@pytest.mark.parametrize(("card", "severity", "what"), CARDS, ids=[c[2] for c in CARDS])
def test_data_quality_finds(card, severity: str, what: str):
    judged = judge("data_quality", clean_evidence(data=card))
    assert [one[0] for one in judged] == [severity]
    assert what in judged[0][1]


def test_data_quality_lets_its_limits_pass():
    card = data_card(checks=[found("pass")], receipt={"a": count(100, {"empty": 10})})
    assert judge("data_quality", clean_evidence(data=card)) == []


def test_what_the_checks_say_of_people_and_licences_is_judged_by_other_guards():
    people = data_card(checks=[*data_card().checks, found("warn", "people")])
    assert judge("data_quality", clean_evidence(data=people)) == []
    assert ("warn", "leaks: a person must look") in judge("fairness", clean_evidence(data=people))
    bad = found("warn", "origin").model_copy(update={"name": RESTRICTED})
    licences = data_card(checks=[*data_card().checks, bad])
    assert judge("data_quality", clean_evidence(data=licences)) == []
    assert len(judge("compliance", clean_evidence(data=licences))) == 1


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


def test_overfitting_tells_what_the_kept_step_showed():
    seen = {
        "step": 20,
        "train_loss": 0.30,
        "validation_loss": 0.35,
        "membership": 0.8,
        "membership_low": 0.7,
        "membership_high": 0.9,
        "canary_bits": None,
        "sign": "membership",
        "says": "step 20: training examples can be told from validation by their loss",
    }
    found = judge("overfitting", clean_evidence(tune=tune_record(watched=seen)))
    assert [(one[0], one[1]) for one in found] == [
        ("warn", "the step that was kept shows signs of learning by heart")
    ]
    clean = tune_record(watched=seen | {"sign": "none"})
    assert judge("overfitting", clean_evidence(tune=clean)) == []
    same_weights = tune_record(train_loss=0.1, watched=seen | {"sign": "none"})
    assert judge("overfitting", clean_evidence(tune=same_weights)) == []


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


GAP = (-0.2, -0.3, -0.1)
UNSURE = (-0.05, -0.2, 0.1)
WORSE = {"before": estimate(0.9, 0.85, 0.95, 60), "after": estimate(0.5, 0.4, 0.6, 60)}
LOST = WORSE | {"change": estimate(-0.4, -0.5, -0.3, 60), "p_adjusted": 0.001, "kept": "no"}


def fair(*rows, **changed) -> dict[str, object]:
    fields = {"margin": 0.05, "rows": list(rows), "suppressed": {}}
    return {"fairness": Fairness(**(fields | changed))}


PARTS = [
    ("fairness", {"fairness": None}, "warn", "nobody can say"),
    ("fairness", fair(), "warn", "nobody can say"),
    ("fairness", fair(subgroup("A", "yes", GAP)), "block", "'A' is served worse"),
    ("fairness", fair(subgroup("A", "not_enough_data", UNSURE, detectable=0.2)), "warn", "too few"),
    ("fairness", fair(subgroup("A", "no", (0, 0, 0)), suppressed={"site": 2}), "note", "too small"),
    ("fairness", {"swaps": []}, "note", "no pairs"),
    ("fairness", {"swaps": [swap("sex", estimate(0.3, 0.2, 0.4), "no")]}, "block", "often is not"),
    ("fairness", {"swaps": [swap("sex", WIDE, "not_enough_data")]}, "warn", "cannot show"),
    ("generalization", {"retention": []}, "warn", "forget was not measured"),
    ("generalization", {"retention": [retained("general", **LOST)]}, "block", "'general'"),
    ("generalization", {"retention": [retained("safety", **LOST)]}, "block", "'safety'"),
    (
        "generalization",
        {"retention": [retained("safety", right_to_wrong=["s001"], kept="not_enough_data")]},
        "warn",
        "now wrong",
    ),
    ("generalization", {"robustness": []}, "warn", "wording changes"),
    ("generalization", {"robustness": [perturbed("typos", 0.6)]}, "warn", "depend on typos"),
    (
        "generalization",
        {"robustness": [perturbed("typos", 0.95, change=estimate(-0.2, -0.3, -0.1))]},
        "warn",
        "depend on typos",
    ),
    ("generalization", {"robustness": [perturbed("negation", 0.95)]}, "warn", "hardly reacts"),
    (
        "generalization",
        {
            "left_out": [
                LeftOut(
                    attribute="site",
                    value="B",
                    with_it=estimate(0.8, 0.7, 0.9),
                    without_it=estimate(0.5, 0.4, 0.6),
                    change=estimate(-0.3, -0.4, -0.2),
                )
            ]
        },
        "warn",
        "'B'",
    ),
    ("transfer", {"transfer": []}, "warn", "was not measured"),
    (
        "transfer",
        {
            "transfer": [
                domain("set", "x", 0, change=estimate(-0.3, -0.4, -0.2), harmed="yes"),
            ]
        },
        "block",
        "worse than the base model",
    ),
    ("transfer", {"transfer": [domain("site", "A", 9)]}, "note", "no domain was tried"),
    ("knowledge_decay", {"dated": []}, "warn", "was not measured"),
    ("knowledge_decay", {"dated": [dated(stale=estimate(0.4, 0.3, 0.5))]}, "block", "superseded"),
    ("knowledge_decay", {"dated": [dated(stale=estimate(0.0, 0.0, 0.2))]}, "warn", "too few"),
    (
        "knowledge_decay",
        {"dated": [dated(unchanged=estimate(0.5, 0.4, 0.6))]},
        "block",
        "did not change were lost",
    ),
    ("overfitting", {"memorisation": None}, "warn", "was not measured"),
    ("overfitting", {"memorisation": memorisation(extracted=1)}, "block", "writes out secrets"),
    (
        "overfitting",
        {"memorisation": memorisation(exposure=estimate(5.0, 4.0, 6.0))},
        "warn",
        "more likely than others",
    ),
    (
        "overfitting",
        {"memorisation": memorisation(membership=estimate(0.7, 0.6, 0.8))},
        "warn",
        "can be told from others",
    ),
]


@pytest.mark.parametrize(("guard", "changed", "severity", "what"), PARTS)
def test_a_part_of_the_evaluation_is_judged(guard: str, changed, severity: str, what: str):
    found = judge(guard, clean_evidence(evaluation=evaluation(**changed)))
    assert [one[0] for one in found] == [severity]
    assert what in found[0][1]


def test_forgetting_only_warns_where_the_goal_does_not_promise_to_keep_ability():
    evidence = clean_evidence(evaluation=evaluation(retention=[retained("general", **LOST)]))
    accuracy = evidence.run.model_copy(update={"goal": "accuracy"})
    assert [s for s, _ in judge("generalization", evidence._replace(run=accuracy))] == ["warn"]


def test_pairs_must_be_tried_where_bias_is_the_goal():
    evidence = clean_evidence(evaluation=evaluation(swaps=[]))
    bias = evidence.run.model_copy(update={"goal": "bias"})
    guard = GUARDS["fairness"].judge
    assert guard is not None
    (finding,) = guard(evidence._replace(run=bias))
    assert (finding.severity, finding.unmeasured) == ("warn", True)


def test_a_swap_that_the_run_names_and_nobody_could_measure_is_no_silent_pass():
    evidence = clean_evidence(
        evaluation=evaluation(not_measured={"swaps: age": "no test example holds one of its words"})
    )
    sections = [SwapSection(name=name, pairs=(("a", "b"),)) for name in ("sex", "age")]
    guard = GUARDS["fairness"].judge
    assert guard is not None
    for named in (sections[:1], sections):
        evaluate = evidence.run.evaluate.model_copy(update={"swaps": tuple(named)})
        run = evidence.run.model_copy(update={"evaluate": evaluate})
        found = [(f.severity, f.unmeasured, f.what) for f in guard(evidence._replace(run=run))]
        assert found == [("warn", True, "swap 'age' was not measured")][: len(named) - 1]


def test_a_domain_that_could_not_be_measured_is_told_beside_the_others():
    missing = {"transfer: set '1: other.jsonl'": "12 examples in fewer than 2 groups"}
    evidence = clean_evidence(evaluation=evaluation(not_measured=missing))
    guard = GUARDS["transfer"].judge
    assert guard is not None
    (found,) = guard(evidence)
    assert (found.severity, found.unmeasured) == ("warn", True)
    assert "other.jsonl" in found.evidence


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        ("", False),
        ("n/a", False),
        ("not applicable", False),
        ("N/A: x", False),
        ("not applicable: the records are of published articles", True),
        ("The head of the laboratory can stop it", True),
    ],
)
def test_a_question_of_ethics_is_answered_with_a_reason(text: str, answers: bool):
    evidence = clean_evidence()
    ethics = evidence.run.ethics.model_copy(update={"oversight": text})
    changed = evidence._replace(run=evidence.run.model_copy(update={"ethics": ethics}))
    assert (judge("ethics", changed) == []) is answers


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
