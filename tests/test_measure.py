import dataclasses
import json

import pytest
from tiny_study import APP, LABELS, answering, examples

from medtune.artifacts import read_predictions
from medtune.errors import DataError
from medtune.measure import (
    answered,
    arm_files,
    compare,
    compare_pairs,
    measure,
    one_of_few,
    resumed,
    summarise,
)
from medtune.records import ArmResult

ASKED = examples(40, "v")


def arm(name, share, confidence=None) -> ArmResult:
    return answering(name, share, confidence)(ASKED)


def with_failure(result: ArmResult, *places: int) -> ArmResult:
    changed = [
        dataclasses.replace(p, answer=None, failed=i in places) if i in places else p
        for i, p in enumerate(result.predictions)
    ]
    return dataclasses.replace(result, predictions=changed)


def test_an_arm_is_summarised_with_all_metrics_and_its_cost():
    found = summarise(arm("one", 0.5), APP, resamples=200, seed=0)
    assert set(found.estimates) == {"macro_f1", "accuracy"}
    assert found.estimates["accuracy"].value == 0.5
    assert (found.failed, found.unparsed) == (0, 0)
    assert found.seconds_per_example == pytest.approx(1.5 / 40)
    assert found.prompt_tokens_per_example == pytest.approx(30 / 40)


def test_failed_predictions_count_as_nothing_but_are_counted():
    found = summarise(with_failure(arm("one", 1.0), 0, 1), APP, resamples=200, seed=0)
    assert found.failed == 2
    assert found.unparsed == 0
    assert found.estimates["accuracy"].value == 1.0
    assert found.estimates["accuracy"].n == 38


def test_an_arm_that_failed_throughout_has_no_numbers():
    broken = with_failure(arm("one", 1.0), *range(40))
    with pytest.raises(DataError, match="arm one: all 40 predictions failed"):
        answered(broken)


def test_the_better_arm_is_found_better_and_the_worse_one_not():
    good, bad, same = arm("good", 1.0), arm("bad", 0.3), arm("same", 1.0)
    found = compare(APP, good, [bad, same], resamples=200, seed=0)
    assert [one.verdict for one in found] == ["yes", "not_enough_data"]
    assert [one.against for one in found] == ["bad", "same"]
    assert found[0].p_adjusted == pytest.approx(2 * found[0].p_value)
    turned = compare(APP, bad, [good], resamples=200, seed=0)[0]
    assert turned.verdict == "no"
    assert turned.difference.value == -found[0].difference.value


def test_the_margin_is_part_of_the_verdict():
    one, other = arm("one", 1.0), arm("other", 0.6)
    assert compare(APP, one, [other], resamples=200, seed=0)[0].verdict == "yes"
    assert compare(APP, one, [other], resamples=200, seed=0, margin=0.9)[0].verdict == "no"


def test_only_examples_that_both_arms_answered_are_compared():
    one, other = with_failure(arm("one", 1.0), 0, 1), with_failure(arm("other", 0.5), 1, 2)
    found = compare(APP, one, [other], resamples=200, seed=0)[0]
    assert found.difference.n == 37


def test_arms_that_were_asked_other_examples_are_not_compared():
    fewer = answering("fewer", 1.0)(ASKED[1:])
    with pytest.raises(DataError, match="v000"):
        compare(APP, arm("one", 1.0), [fewer], resamples=200, seed=0)


def test_arms_that_answered_nothing_in_common_are_not_compared():
    one = with_failure(arm("one", 1.0), *range(20))
    other = with_failure(arm("other", 1.0), *range(20, 40))
    with pytest.raises(DataError, match="no example in common"):
        compare(APP, one, [other], resamples=200, seed=0)


def test_less_is_better_where_the_application_says_so():
    app = dataclasses.replace(
        APP,
        metrics={"errors": lambda ps: sum(not p.right for p in ps) / len(ps)},
        primary="errors",
        lower_is_better=frozenset({"errors"}),
    )
    found = compare(app, arm("good", 1.0), [arm("bad", 0.3)], resamples=200, seed=0)[0]
    assert found.verdict == "yes"
    assert found.difference.value == pytest.approx(0.7)


def test_holm_is_over_all_pairs():
    a, b, c = arm("a", 1.0), arm("b", 0.5), arm("c", 0.4)
    found = compare_pairs(APP, [(a, b), (a, c), (b, c)], resamples=200, seed=0)
    assert found[0].p_adjusted == pytest.approx(3 * found[0].p_value)


def test_calibration_is_measured_where_all_answers_have_confidences():
    results = [arm("sure", 0.5, confidence=0.9), arm("mute", 0.5)]
    found = measure(APP, results, [(results[0], results[1])], resamples=200, seed=0)
    assert set(found.calibration) == {"sure"}
    assert found.calibration["sure"].value == pytest.approx(0.4)
    assert [one.name for one in found.arms] == ["sure", "mute"]
    assert len(found.comparisons) == 1


def test_the_labels_of_a_task_are_known_only_if_all_examples_have_the_same():
    assert one_of_few(APP, ASKED) == LABELS
    varied = dataclasses.replace(APP, choices=lambda example: (example.id, "none"))
    assert one_of_few(varied, ASKED) is None
    assert one_of_few(dataclasses.replace(APP, choices=None), ASKED) is None


def asked_once(share=0.5):
    calls = []

    def run(asked):
        calls.append(len(asked))
        return answering("inner", share, 0.7)(asked)

    return run, calls


def test_a_whole_arm_is_not_run_again(out):
    run, calls = asked_once()
    path = out / "decide" / "arm.jsonl"
    first = resumed(path, key="k", name="arm", examples=ASKED, run=run)
    again = resumed(path, key="k", name="arm", examples=ASKED, run=run)
    assert calls == [40]
    assert again == first
    assert again.name == "arm"
    assert read_predictions(path) == list(first.predictions)


def test_an_arm_is_run_again_for_another_key_or_other_examples(out):
    run, calls = asked_once()
    path = out / "arm.jsonl"
    resumed(path, key="k", name="arm", examples=ASKED, run=run)
    resumed(path, key="other", name="arm", examples=ASKED, run=run)
    resumed(path, key="other", name="arm", examples=ASKED[:10], run=run)
    assert calls == [40, 40, 10]


@pytest.mark.parametrize("damage", ["cut", "no_sidecar", "bad_sidecar", "no_predictions"])
def test_a_damaged_arm_is_run_again(out, damage):
    run, calls = asked_once()
    path, beside = out / "arm.jsonl", out / "arm.arm.json"
    whole = resumed(path, key="k", name="arm", examples=ASKED, run=run)
    if damage == "cut":
        path.write_text(path.read_text(encoding="utf-8")[:-40], encoding="utf-8")
    elif damage == "bad_sidecar":
        beside.write_text('{"key":', encoding="utf-8")
    else:
        (beside if damage == "no_sidecar" else path).unlink()
    assert resumed(path, key="k", name="arm", examples=ASKED, run=run) == whole
    assert calls == [40, 40]


def test_an_arm_that_is_killed_leaves_nothing(out):
    def killed(asked):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        resumed(out / "arm.jsonl", key="k", name="arm", examples=ASKED, run=killed)
    assert list(out.iterdir()) == []


def test_the_files_of_an_arm_are_named_with_their_hashes(out):
    run, _ = asked_once()
    path = out / "decide" / "arm.jsonl"
    resumed(path, key="k", name="arm", examples=ASKED, run=run)
    files = arm_files(path, out)
    assert set(files) == {"decide/arm.jsonl", "decide/arm.arm.json"}
    about = json.loads((out / "decide/arm.arm.json").read_text(encoding="utf-8"))
    assert about["predictions_sha256"] == files["decide/arm.jsonl"]
