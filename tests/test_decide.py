import dataclasses
import json

import pytest
from tiny_llm import one_thread
from tiny_study import APP, examples, study, tiny_model

from medtune.artifacts import Arm, Comparison, Decision, read_jsonl, read_predictions
from medtune.decide import RULE, arms, decide
from medtune.decide.arms import classical, majority
from medtune.decide.draw import choose_shots, draw_few, fitting
from medtune.decide.verdict import fixed_gates, judge
from medtune.errors import DataError
from medtune.llm.predict import predict
from medtune.metrics import rouge_l
from medtune.records import Estimate, Gate, Message
from medtune.stats import verdict

TRAIN, ASKED = examples(60, "train"), examples(24, "validation")
FREE_APP = dataclasses.replace(
    APP, choices=None, metrics={"rouge_l": rouge_l}, primary="rouge_l", gates=()
)
LIST_APP = dataclasses.replace(
    FREE_APP,
    reply=lambda example: json.dumps(example.target),
    parse=lambda example, text: json.loads(text),
)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    with one_thread():
        yield tiny_model(folder / "base"), tiny_model(folder / "tuned", seed=1)


def estimate(value, low=None, high=None, n_groups=100):
    return Estimate(
        value,
        value - 0.05 if low is None else low,
        value + 0.05 if high is None else high,
        2 * n_groups,
        n_groups,
        "by hand",
    )


def arm(name, value, calibration=None):
    return Arm(
        name=name,
        estimates={"macro_f1": estimate(value)},
        seconds_per_example=0.1,
        prompt_tokens_per_example=50,
        failed=0,
        unparsed=0,
        about="made up",
    )


def judged(values, *, half=0.05, margin=0.0, lower_is_better=False):
    """The judgement on arms of these values; each difference has an interval of +- `half`."""
    sign = -1 if lower_is_better else 1
    pairs = [("small_tune", other) for other in values if other != "small_tune"]
    if "classical" in values:
        pairs += [("classical", prompt) for prompt in ("zero_shot", "few_shot") if prompt in values]
    comparisons = []
    for one, other in pairs:
        gap = sign * (values[one] - values[other])
        difference = estimate(gap, gap - half, gap + half)
        p = 0.001 if abs(gap) > half else 0.6
        comparisons.append(
            Comparison(
                arm=one,
                against=other,
                metric="macro_f1",
                difference=difference,
                p_value=p,
                p_adjusted=p,
                test="by hand",
                verdict=verdict(difference, p),
            )
        )
    return judge(
        [arm(name, value) for name, value in values.items()],
        comparisons,
        primary="macro_f1",
        margin=margin,
        lower_is_better=lower_is_better,
    )


BASE = {"majority": 0.2, "zero_shot": 0.3, "few_shot": 0.4, "small_tune": 0.6}


def test_a_small_tune_that_is_better_than_prompt_and_majority_means_tune():
    found = judged(BASE)
    assert (found.verdict, found.recommendation) == ("yes", "tune")
    assert found.best_prompt == "few_shot"
    assert any("few_shot: macro_f1 0.400" in reason for reason in found.reasons)
    assert any("is better than few_shot: difference" in reason for reason in found.reasons)
    assert not any("classical" in reason for reason in found.reasons)


def test_a_small_tune_that_loses_to_the_prompt_means_prompt():
    found = judged(BASE | {"small_tune": 0.34})
    assert (found.verdict, found.recommendation) == ("no", "prompt")


def test_a_difference_that_chance_may_explain_means_more_data_and_says_how_much():
    found = judged(BASE | {"small_tune": 0.44})
    assert (found.verdict, found.recommendation) == ("not_enough_data", "collect_more_data")
    # 100 groups x (2.8016 x 0.0255 / 0.04)^2, where 0.0255 is the half width over 1.96.
    assert any("about 320 validation groups (now 100)" in reason for reason in found.reasons)
    assert found.minimum_detectable == pytest.approx(0.0715, abs=1e-4)


def test_no_number_of_groups_is_promised_where_the_tune_is_behind():
    found = judged(BASE | {"small_tune": 0.39})
    assert found.verdict == "not_enough_data"
    assert any("no number of validation groups" in reason for reason in found.reasons)


def test_a_tune_no_better_than_the_most_frequent_answer_is_not_recommended():
    found = judged(BASE | {"majority": 0.7})
    assert (found.verdict, found.recommendation) == ("no", "collect_more_data")


def test_a_classical_baseline_ahead_of_all_is_recommended_when_tuning_is_not():
    found = judged({"classical": 0.9} | BASE | {"small_tune": 0.34})
    assert (found.verdict, found.recommendation) == ("no", "classical")


def test_a_classical_baseline_that_is_not_surely_ahead_is_not_recommended():
    found = judged({"classical": 0.42} | BASE | {"small_tune": 0.34})
    assert (found.verdict, found.recommendation) == ("no", "prompt")


def test_a_classical_baseline_ahead_of_a_winning_tune_is_said_but_changes_nothing():
    found = judged({"classical": 0.8} | BASE)
    assert (found.verdict, found.recommendation) == ("yes", "tune")
    assert "classical baseline" in found.reasons[-1]
    assert "must be compared" in found.reasons[-1]


def test_the_margin_counts_against_the_prompt_only():
    assert judged(BASE, margin=0.10).verdict == "yes"
    assert judged(BASE, margin=0.18).verdict == "not_enough_data"
    assert judged(BASE, margin=0.30).recommendation == "prompt"


def test_less_is_better_where_the_metric_says_so():
    values = {"majority": 0.8, "zero_shot": 0.7, "few_shot": 0.6, "small_tune": 0.4}
    found = judged(values, lower_is_better=True)
    assert (found.verdict, found.best_prompt) == ("yes", "few_shot")


def test_without_shots_the_zero_shot_prompt_is_the_best():
    values = {name: value for name, value in BASE.items() if name != "few_shot"}
    assert judged(values).best_prompt == "zero_shot"


def test_the_gates_are_fixed_from_the_baselines():
    calibration = {"small_tune": estimate(0.1), "few_shot": estimate(0.3)}
    gates = fixed_gates(primary="f", margin=0.02, best_prompt="few_shot", calibration=calibration)
    assert gates == [
        Gate("f", at_least=0.02, against="few_shot"),
        Gate("f", at_least=0.0, against="majority"),
        Gate("expected_calibration_error", at_most=0.25),
    ]
    calm = fixed_gates(
        primary="f",
        margin=0.0,
        best_prompt="few_shot",
        calibration=calibration | {"few_shot": estimate(0.05)},
    )
    assert calm[-1].at_most == 0.15
    assert len(fixed_gates(primary="f", margin=0.0, best_prompt="few_shot", calibration={})) == 2


def test_the_majority_arm_gives_the_commonest_target_with_its_share():
    found = majority(APP, TRAIN, ASKED)
    assert {p.answer for p in found.predictions} == {"yes"}
    assert {p.confidence for p in found.predictions} == {0.5}
    assert found.prompt_tokens == 0
    lists = [dataclasses.replace(TRAIN[i], target=["a"] if i < 3 else ["b"]) for i in range(4)]
    free = majority(LIST_APP, lists, ASKED)
    assert free.predictions[0].answer == ["a"]
    assert free.predictions[0].confidence is None


def test_the_classical_arm_learns_what_the_text_says():
    found = classical(APP, TRAIN, ASKED)
    assert all(p.right for p in found.predictions)
    assert all(1 / 3 <= p.confidence <= 1 for p in found.predictions)
    assert [p.id for p in found.predictions] == [example.id for example in ASKED]


def test_the_classical_arm_sees_only_what_the_model_reads():
    told = [dataclasses.replace(e, fields={**e.fields, "label": str(e.target)}) for e in TRAIN]
    blind = dataclasses.replace(APP, prompt=lambda example: [Message("user", "the same")])
    assert len({p.answer for p in classical(blind, told, told).predictions}) == 1


def test_which_arms_there_are_depends_on_the_task(out, models):
    run, shots = study(out), TRAIN[:2]
    assert list(arms(run, APP, TRAIN, models[0], shots)) == [
        "majority",
        "classical",
        "zero_shot",
        "few_shot",
    ]
    assert list(arms(run, APP, TRAIN, models[0], ())) == ["majority", "classical", "zero_shot"]
    assert list(arms(run, FREE_APP, TRAIN, models[0], ())) == ["majority", "zero_shot"]
    varied = dataclasses.replace(APP, choices=lambda example: [example.id, "none"])
    assert "classical" not in arms(run, varied, TRAIN, models[0], ())
    one_label = [example for example in TRAIN if example.target == "yes"]
    assert "classical" not in arms(run, APP, one_label, models[0], ())


def test_the_prompting_arms_are_those_of_predict(out, models):
    run, shots = study(out), TRAIN[:2]
    plan = arms(run, APP, TRAIN, models[0], shots)
    few = plan["few_shot"](ASKED)
    expected = predict(models[0], APP, ASKED, settings=run.evaluate, what="x", shots=shots)
    assert few.predictions == expected.predictions
    assert few.prompt_tokens > plan["zero_shot"](ASKED).prompt_tokens
    assert few.name == "few_shot"
    assert "2 worked examples" in few.about


def test_shots_go_round_the_labels_are_short_and_of_different_groups():
    shots = choose_shots(APP, TRAIN, 7, seed=0)
    assert [shot.target for shot in shots[-3:]] == ["no", "maybe", "yes"]
    assert len(shots) == 7
    assert len({shot.group for shot in shots}) == 7
    assert choose_shots(APP, list(reversed(TRAIN)), 7, seed=0) == shots
    assert choose_shots(APP, TRAIN, 7, seed=1) != shots
    long = dataclasses.replace(TRAIN[0], id="long", group="long", fields={"text": "word " * 500})
    assert long not in choose_shots(APP, [*TRAIN, long], 30, seed=0)


def test_there_are_no_more_shots_than_groups():
    assert len(choose_shots(APP, TRAIN[:4], 7, seed=0)) <= 2
    assert choose_shots(APP, TRAIN, 0, seed=0) == []
    assert len(choose_shots(FREE_APP, TRAIN, 3, seed=0)) == 3


def test_shots_that_do_not_fit_the_context_are_left_out(models):
    shots = choose_shots(APP, TRAIN, 6, seed=0)
    kept = [
        len(fitting(shots, APP, models[0], longest=longest, reply_tokens=8))
        for longest in (40, 300, 400, 500)
    ]
    assert kept[0] == 6
    assert kept == sorted(kept, reverse=True)
    assert 0 < kept[2] < 6
    assert kept[3] == 0


def test_the_few_are_drawn_by_seed_with_groups_together():
    few = draw_few(TRAIN, 20, seed=0)
    assert len({example.id for example in few}) == 20
    groups = [example.group for example in few]
    assert groups == sorted(groups, key=groups.index)
    assert draw_few(list(reversed(TRAIN)), 20, seed=0) == few
    assert {e.id for e in draw_few(TRAIN, 10, seed=0)} < {e.id for e in few}
    assert len(draw_few(TRAIN, 1000, seed=0)) == 60


def _tune(models, asked):
    def small_tune(few):
        asked.append([example.id for example in few])
        return models[1]

    return small_tune


def _decide(run, models, tune, key="key", app=APP):
    return decide(run, app, models[0], tune, key=key, inputs={"train": "t", "validation": "v"})


def test_the_whole_experiment(out, models):
    run, asked = study(out), []
    decision = _decide(run, models, _tune(models, asked))
    names = ["majority", "classical", "zero_shot", "few_shot", "small_tune"]
    assert [one.name for one in decision.arms] == names
    assert all({p.n for p in one.estimates.values()} == {24} for one in decision.arms)
    pairs = {(one.arm, one.against) for one in decision.comparisons}
    assert pairs == {("small_tune", name) for name in names[:-1]} | {
        ("classical", "zero_shot"),
        ("classical", "few_shot"),
    }
    assert decision.rule == RULE
    assert decision.gates[-1] == APP.gates[0]
    assert decision.gates[0].against in ("zero_shot", "few_shot")
    assert len(decision.shots) == 3
    assert set(decision.shots) <= {example.id for example in TRAIN}
    assert len(asked) == 1
    assert len(asked[0]) == 20
    assert set(decision.outputs) == {
        f"decide/{name}.{end}" for name in names for end in ("jsonl", "arm.json")
    }
    assert Decision.current(out, "key") == decision
    # The random tune cannot be better than the texts that give the answer away.
    assert decision.verdict != "yes"
    assert any(reason.startswith("classical: macro_f1 1.000") for reason in decision.reasons)
    small = read_predictions(out / "decide/small_tune.jsonl")
    expected = predict(models[1], APP, ASKED, settings=run.evaluate, what="x")
    assert small == list(expected.predictions)


def test_a_killed_experiment_goes_on_after_the_last_whole_arm(out, models):
    run = study(out)

    def killed(few):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _decide(run, models, killed)
    assert not (out / Decision.file).exists()
    before = {path.name: path.stat().st_mtime_ns for path in (out / "decide").iterdir()}
    assert "few_shot.jsonl" in before
    asked = []
    resumed = _decide(run, models, _tune(models, asked))
    after = {path.name: path.stat().st_mtime_ns for path in (out / "decide").iterdir()}
    assert {name: after[name] for name in before} == before
    assert len(asked) == 1
    again = _decide(run, models, killed)
    assert again.model_dump(exclude={"created"}) == resumed.model_dump(exclude={"created"})
    fresh = _decide(run, models, _tune(models, asked), key="other")
    assert len(asked) == 2
    assert fresh.comparisons == resumed.comparisons


def test_free_replies_go_through_the_same_experiment(out, models):
    decision = _decide(study(out), models, _tune(models, []), app=FREE_APP)
    assert [one.name for one in decision.arms] == [
        "majority",
        "zero_shot",
        "few_shot",
        "small_tune",
    ]
    assert all(gate.metric == "rouge_l" for gate in decision.gates)


def test_shots_that_do_not_fit_are_told_on_the_screen(out, models, capsys):
    decision = _decide(study(out, longest=490), models, _tune(models, []))
    assert decision.shots == []
    assert "few_shot" not in [one.name for one in decision.arms]
    assert "0 of 3 worked examples: more do not fit" in capsys.readouterr().err


def test_an_empty_split_is_named(out, models):
    run = study(out)
    (out / "validation.jsonl").write_text("", encoding="utf-8")
    with pytest.raises(DataError, match=r"validation\.jsonl: no examples"):
        _decide(run, models, _tune(models, []))


def test_no_text_of_a_record_is_in_the_decision(out, models):
    _decide(study(out), models, _tune(models, []))
    text = (out / Decision.file).read_text(encoding="utf-8")
    assert "patient" not in text
    for row in read_jsonl(out / "decide/zero_shot.jsonl"):
        assert "fields" not in row
