import dataclasses
import json

import pytest
from tiny_llm import one_thread
from tiny_study import APP, LABELS, answering, examples, study, tiny_model

from medtune.artifacts import Evaluation, read_predictions
from medtune.errors import DataError
from medtune.evaluate import Setup, evaluate, subject_of
from medtune.evaluate.seal import open_seal
from medtune.evaluate.subgroups import measure_fairness
from medtune.evaluate.tables import confusion, primary_by_subgroup, reliability
from medtune.llm.predict import predict
from medtune.records import ArmResult, Gate, Objective, Prediction
from medtune.release.gate import judge_gates

TEST = examples(120, "test")


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    with one_thread():
        yield tiny_model(tmp_path_factory.mktemp("models"), seed=1)


def _evaluate(run, tuned, baselines=None, *, key="key", adapter="a1", objective=None):
    if baselines is None:
        baselines = {"zero_shot": answering("z", 0.5, 0.6), "majority": answering("m", 0.2)}
    inputs = {"adapter": adapter, "test": "t", "decision": "d"}
    setup = Setup(
        tuned=subject_of(tuned, "tuned", run.evaluate),
        base=subject_of(tuned, "base", run.evaluate),
        baselines=baselines,
        objective=objective,
    )
    return evaluate(run, APP, setup, key=key, inputs=inputs)


def test_the_whole_evaluation(out, tuned):
    run = study(out)
    few = {"validation_examples": 20, "retention_items": 4, "robustness_examples": 8}
    whole = run.evaluate.model_copy(update=few | {"membership_examples": 12})
    run = run.model_copy(update={"evaluate": whole})
    found = _evaluate(run, tuned)
    assert [arm.name for arm in found.arms] == ["tuned", "zero_shot", "majority"]
    assert [(one.arm, one.against) for one in found.comparisons] == [
        ("tuned", "zero_shot"),
        ("tuned", "majority"),
    ]
    assert set(found.calibration) == {"tuned", "zero_shot"}
    assert sum(row["n"] for row in found.reliability) == 120
    assert sum(sum(row.values()) for row in found.confusion.values()) == 120
    assert set(found.confusion) == set(LABELS)
    assert set(found.subgroups["site"]) == {"A", "B"}
    assert (found.failed, found.openings) == (0, 1)
    expected = predict(tuned, APP, TEST, settings=run.evaluate, what="x")
    assert read_predictions(out / "predictions.jsonl") == list(expected.predictions)
    assert "evaluate/zero_shot.jsonl" in found.outputs
    assert found.confidence.n_validation == 20
    assert [row.area for row in found.retention] == ["general", "medical", "safety"]
    assert all(row.change.value == 0 for row in found.retention), "base and tuned are one model"
    assert {row.name for row in found.robustness} == {"typos", "irrelevant_context", "negation"}
    assert found.memorisation.n_train == found.memorisation.n_held_out == 12
    assert [row.value for row in found.transfer] == ["A", "B"]
    inapplicable = ("options_order", "findings_order", "paraphrase", "units")
    assert set(found.not_measured) == {
        *("swaps", "left_out", "dated", "judged", "likeness"),
        *(f"robustness: {name}" for name in inapplicable),
    }
    assert {"evaluate/validation-tuned.jsonl", "evaluate/memorisation.json"} <= set(found.outputs)
    assert Evaluation.current(out, "key") == found


def test_what_the_decision_was_about_is_measured_on_the_sealed_test(out, tuned):
    def in_site(name):
        metric = APP.metrics["macro_f1"]
        return Objective(f"macro_f1 where site={name}", metric, lambda p: is_of(p, name), 1.0)

    def is_of(prediction, name):
        return prediction.subgroups["site"] == name

    found = _evaluate(study(out), tuned, objective=in_site("B"))
    gates = [Gate("macro_f1 where site=B", at_least=-1.0, against="zero_shot")]
    (judged,) = judge_gates(gates, found)
    assert judged.met
    assert judged.estimate.n == 40
    assert all("macro_f1 where site=B" in arm.estimates for arm in found.arms)
    nobody = _evaluate(study(out), tuned, key="none", objective=in_site("C"))
    (judged,) = judge_gates([Gate("macro_f1 where site=C", at_least=-1.0)], nobody)
    assert "not measured, so not met" in judged.why


def test_the_same_adapter_again_gives_the_same_and_is_not_counted_again(out, tuned):
    run = study(out)
    first = _evaluate(run, tuned)
    again = _evaluate(run, tuned, key="other")
    assert again.openings == 1
    for part in set(Evaluation.model_fields) - {"key", "created", "outputs", "arms"}:
        assert getattr(again, part) == getattr(first, part)


def test_every_other_adapter_is_counted_and_logged(out, tuned):
    run = study(out)
    _evaluate(run, tuned, adapter="a1")
    assert _evaluate(run, tuned, adapter="a2", key="k2").openings == 2
    assert _evaluate(run, tuned, adapter="a1", key="k1").openings == 2
    lines = [
        json.loads(line) for line in (out / "seal.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert [line["adapter"] for line in lines] == ["a1", "a2"]
    assert all(line["test"] == "t" and line["opened"].endswith("+00:00") for line in lines)


def test_the_seal_is_broken_before_the_test_is_read(out, tuned):
    run = study(out)
    (out / "test.jsonl").unlink()
    with pytest.raises(DataError, match=r"test\.jsonl: no such file"):
        _evaluate(run, tuned)
    assert (out / "seal.jsonl").exists()


def test_a_damaged_seal_is_not_written_over(out):
    (out / "seal.jsonl").write_text('{"adapter": "a0"}\n{"adap', encoding="utf-8")
    with pytest.raises(DataError, match=r"seal\.jsonl:2"):
        open_seal(out, adapter="a1", test="t")
    assert (out / "seal.jsonl").read_text(encoding="utf-8").endswith('{"adap')


def test_a_killed_evaluation_goes_on_after_the_last_whole_arm(out, tuned):
    run, calls = study(out), []

    def counted(asked):
        calls.append("zero_shot")
        return answering("z", 0.5, 0.6)(asked)

    def killed(asked):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _evaluate(run, tuned, {"zero_shot": counted, "majority": killed})
    assert not (out / Evaluation.file).exists()
    before = (out / "predictions.jsonl").stat().st_mtime_ns
    found = _evaluate(run, tuned, {"zero_shot": counted, "majority": answering("m", 0.2)})
    assert calls == ["zero_shot"]
    assert (out / "predictions.jsonl").stat().st_mtime_ns == before
    assert found.openings == 1


def test_an_empty_test_is_named(out, tuned):
    run = study(out)
    (out / "test.jsonl").write_text("", encoding="utf-8")
    with pytest.raises(DataError, match=r"test\.jsonl: no examples"):
        _evaluate(run, tuned)


def test_failed_predictions_of_any_arm_are_counted(out, tuned):
    def failing(asked):
        result = answering("z", 1.0)(asked)
        first = dataclasses.replace(result.predictions[0], answer=None, failed=True)
        return dataclasses.replace(result, predictions=[first, *result.predictions[1:]])

    found = _evaluate(study(out), tuned, {"zero_shot": failing})
    assert found.failed == 1
    assert found.comparisons[0].difference.n == 119


def result(*answers) -> ArmResult:
    """Answers to the first test examples; a whole prediction is taken as it is."""
    made = [
        a
        if isinstance(a, Prediction)
        else Prediction(e.id, e.group, e.target, a, subgroups=e.subgroups)
        for e, a in zip(TEST, answers, strict=False)
    ]
    return ArmResult("tuned", "made up", made, 1.0, 1)


def test_the_confusion_counts_every_way_of_answering():
    declined = Prediction("x", "x", "yes", None, abstained=True)
    broken = Prediction("y", "y", "yes", None, failed=True)
    asked = TEST[:6]
    assert [e.target for e in asked] == ["no", "yes", "maybe", "yes", "no", "yes"]
    found = confusion(APP, asked, result("no", "no", "perhaps", declined, None, broken))
    assert found == {
        "maybe": {"maybe": 0, "no": 0, "yes": 0, "(abstained)": 0, "perhaps": 1, "(unread)": 0},
        "no": {"maybe": 0, "no": 1, "yes": 0, "(abstained)": 0, "perhaps": 0, "(unread)": 1},
        "yes": {"maybe": 0, "no": 1, "yes": 0, "(abstained)": 1, "perhaps": 0, "(unread)": 0},
    }
    free = dataclasses.replace(APP, choices=None)
    assert confusion(free, asked, result("no")) == {}


def test_small_subgroups_are_left_out():
    def of(n, n_groups, site):
        return [
            Prediction(
                f"{site}{i}", f"{site}-g{i % n_groups}", "yes", "yes", subgroups={"site": site}
            )
            for i in range(n)
        ]

    made = [*of(30, 5, "kept"), *of(29, 29, "few"), *of(60, 4, "one ward")]
    found = _fairness(*made[: len(TEST)])
    assert {row.value for row in found.rows} == {"kept"}
    assert found.suppressed == {"site": 2}
    shown = primary_by_subgroup(APP.primary, found)
    assert shown["site"]["kept"].n_groups == 5
    assert _fairness(*of(10, 10, "x")).rows == []


def _fairness(*made):
    return measure_fairness(APP, result(*made), None, margin=0.05, resamples=200, seed=0)


def test_no_reliability_without_confidences():
    assert reliability(result("yes", "no")) == []
    sure = answering("s", 1.0, 0.9)(TEST)
    assert reliability(sure) == [{"confidence": pytest.approx(0.9), "accuracy": 1.0, "n": 120.0}]
