"""The rule of the decision on numbers made by hand, and by simulated arms."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtune.artifacts import Arm, Comparison, Cost, Curve, CurvePoint, Decision, Facts
from medtune.decide.gates import fixed_gates
from medtune.decide.goal import RULES, rule_of
from medtune.decide.reasons import reasons_of
from medtune.decide.verdict import answer, judge, level_of
from medtune.errors import DataError
from medtune.goals import GOALS
from medtune.records import Estimate, Gate

LEVELS = {"majority": 0.2, "zero_shot": 0.3, "few_shot": 0.4, "retrieval": 0.35, "small_tune": 0.6}


def estimate(value, half, n_groups=100):
    return Estimate(value, value - half, value + half, 2 * n_groups, n_groups, "by hand")


def arm(name, value, failed=0):
    return Arm(
        name=name,
        estimates={"macro_f1": estimate(value, 0.05)},
        seconds_per_example=0.1,
        prompt_tokens_per_example=50,
        failed=failed,
        unparsed=0,
        about="made up",
    )


def versus(one, other, gap, half, question, metric="macro_f1"):
    p = 0.0005 if abs(gap) > half else 0.6
    return Comparison(
        arm=one,
        against=other,
        metric=metric,
        difference=estimate(gap, half),
        p_value=p,
        p_adjusted=p,
        test="by hand",
        verdict="not_enough_data",
        question=question,
    )


def curve(chance=0.01, needed=None):
    return Curve(
        points=[CurvePoint(examples=400, seed=0, value=0.6, seconds=1.0)],
        limit=0.6,
        drop=0.3,
        onset=50,
        rate=0.7,
        draw_sd=0.02,
        band=[],
        projected_to=400,
        train_examples=400,
        chances={"400": chance, "800": chance, "1600": chance},
        needed=needed,
    )


def decision(values, *, half=0.05, guess=0.15, **changed):
    """A decision of arms with these values; each difference has an interval of +- `half`."""
    prompts = [
        name for name in ("zero_shot", "few_shot", "retrieval", "endpoint") if name in values
    ]
    tune = values["small_tune"]
    others = {**values, "guessing": guess}
    comparisons = [
        versus("projected_tune", other, tune - value, half, "tune")
        for other, value in others.items()
        if other != "small_tune"
    ]
    for name in [*prompts, "small_tune"]:
        for base in ("majority", "guessing"):
            comparisons.append(versus(name, base, values[name] - others[base], half, "useful"))
        if "classical" in values:
            gap = values["classical"] - values[name]
            comparisons.append(versus("classical", name, gap, half, "classical"))
    if "retrieval" in values:
        comparisons += [
            versus("retrieval", name, values["retrieval"] - values[name], half, "retrieve")
            for name in prompts
            if name != "retrieval"
        ]
    fields = {
        "key": "k",
        "inputs": {},
        "outputs": {},
        "medtune_version": "0",
        "created": "2026-01-01T00:00:00Z",
        "goal": "accuracy",
        "rule": rule_of("accuracy"),
        "primary": "macro_f1",
        "arms": [arm(name, value) for name, value in values.items()],
        "comparisons": comparisons,
        "verdict": "not_enough_data",
        "recommendation": "",
        "reasons": [],
        "gates": [],
        "minimum_detectable": 0.07,
        "margin": 0.02,
        "curve": curve(),
    }
    return Decision(**(fields | changed))


def says(values, **changed):
    found = judge(decision(values, **changed))
    return found.verdict, found.recommendation, found.winner


def test_a_tune_that_beats_everything_is_recommended():
    assert says(LEVELS) == ("yes", "tune", "projected_tune")


def test_a_tune_behind_the_best_prompt_means_that_prompt():
    assert says(LEVELS | {"small_tune": 0.3}) == ("no", "prompt", "few_shot")


def test_retrieval_that_beats_the_other_prompts_is_recommended():
    assert says(LEVELS | {"small_tune": 0.4, "retrieval": 0.6}) == ("no", "retrieve", "retrieval")


def test_without_retrieval_a_useless_prompt_is_not_recommended():
    values = {"majority": 0.4, "zero_shot": 0.2, "few_shot": 0.2, "small_tune": 0.3}
    assert says(values, guess=0.2)[:2] == ("no", "nothing_works")


def test_a_difference_that_chance_may_explain_is_not_enough_to_tell():
    assert says(LEVELS | {"small_tune": 0.44})[:2] == ("not_enough_data", "not_enough_data")


def test_a_curve_that_is_likely_to_reach_it_means_collect_more_data():
    rising = curve(chance=0.85, needed=1200)
    low = LEVELS | {"small_tune": 0.3}
    assert says(low, curve=rising)[:2] == ("no", "collect_more_data")
    text = reasons_of(decision(low, curve=rising), judge(decision(low, curve=rising)))[-1]
    assert "about 1,200 training examples (now 400)" in text


def test_a_curve_that_may_or_may_not_reach_it_is_told_as_such():
    low = LEVELS | {"small_tune": 0.3}
    assert says(low, curve=curve(chance=0.5))[:2] == ("no", "not_enough_data")
    found = decision(low, curve=curve(chance=0.5))
    assert "the chance is 50 %" in reasons_of(found, judge(found))[-1]


def test_arms_that_only_guess_mean_that_nothing_works():
    dull = dict.fromkeys(LEVELS, 0.2)
    assert says(dull, guess=0.2, half=0.05)[:2] == ("no", "nothing_works")


def test_that_nothing_works_is_not_said_where_it_could_not_be_seen():
    dull = dict.fromkeys(LEVELS, 0.2)
    assert says(dull, guess=0.2, half=0.15)[:2] == ("not_enough_data", "not_enough_data")


def test_a_tune_no_better_than_guessing_is_not_recommended_over_worse_prompts():
    worse = LEVELS | {"few_shot": 0.1, "zero_shot": 0.1, "retrieval": 0.1, "majority": 0.1}
    assert says(worse | {"small_tune": 0.2}, guess=0.2)[:2] == ("no", "nothing_works")


def test_a_classical_baseline_ahead_of_all_is_recommended():
    assert says({"classical": 0.9, **LEVELS}) == ("no", "classical", "classical")


def test_a_classical_baseline_that_is_not_surely_ahead_changes_nothing():
    assert says({"classical": 0.62, **LEVELS})[:2] == ("yes", "tune")


def test_where_only_retrieval_may_be_used_a_plain_tune_is_not_asked():
    facts = Facts(must_retrieve=True)
    values = LEVELS | {"retrieval": 0.5, "small_tune": 0.9}
    assert says(values, facts=facts) == ("no", "retrieve", "retrieval")


def test_records_that_may_not_be_learned_from_end_every_tune():
    assert says(LEVELS, facts=Facts(may_learn=False)) == ("no", "prompt", "few_shot")


def test_an_arm_with_a_failed_answer_is_neither_a_winner_nor_a_rival():
    values = LEVELS | {"endpoint": 0.9}
    assert says(values)[0] == "no"
    found = decision(values)
    failing = [arm(name, value, failed=3 * (name == "endpoint")) for name, value in values.items()]
    assert judge(found.model_copy(update={"arms": failing})).verdict == "yes"


def test_what_must_be_kept_decides_too():
    lost = versus("small_tune", "few_shot", -0.1, 0.03, "keep macro_f1 over all", "other")
    found = decision(LEVELS)
    harmed = found.model_copy(update={"comparisons": [*found.comparisons, lost]})
    assert judge(harmed).verdict == "no"
    unsure = versus("small_tune", "few_shot", -0.01, 0.05, "keep macro_f1 over all", "other")
    doubtful = found.model_copy(update={"comparisons": [*found.comparisons, unsure]})
    assert judge(doubtful).verdict == "not_enough_data"


def test_forgetting_speaks_against_a_tune_only_when_it_is_shown():
    found = decision(LEVELS)
    for gap, verdict in ((-0.1, "no"), (-0.01, "yes")):
        lost = versus("small_tune", "base model", gap, 0.05, "keep retention", "general")
        with_loss = found.model_copy(update={"comparisons": [*found.comparisons, lost]})
        assert judge(with_loss).verdict == verdict


def test_efficiency_asks_for_equal_quality_at_lower_cost():
    def cost(price):
        return Cost(
            per_1000=price,
            latency_median_s=1,
            latency_p95_s=1,
            n_latency=1,
            peak_memory_gb=1,
            hours_to_absorb=0,
        )

    def judged_at(price, saved, half, rival=1.0, quality=0.42):
        costs = {"few_shot": cost(rival), "small_tune": cost(price)}
        found = decision(
            LEVELS | {"small_tune": quality}, goal="efficiency", costs=costs, half=0.03
        )
        saving = versus("small_tune", "few_shot", saved, half, "saving", "price")
        found = found.model_copy(update={"comparisons": [*found.comparisons, saving]})
        return judge(found).verdict, " ".join(reasons_of(found, judge(found)))

    verdict, text = judged_at(0.5, 0.5, 0.1)
    assert verdict == "yes"
    assert "small_tune saves 50 % (40 to 60) of the price of one of few_shot" in text
    assert judged_at(0.9, 0.1, 0.05)[0] == "no"
    assert judged_at(0.5, 0.5, 0.4)[0] == "not_enough_data"  # one timing says so, the others not
    assert judged_at(0.9, 0.5, 0.1)[0] == "not_enough_data"  # the pass in batches denies it
    for price, rival in ((0.0, 0.0), (0.0, 1.0), (0.5, None)):
        verdict, text = judged_at(price, 0.5, 0.1, rival)
        assert verdict == "not_enough_data"
        assert "is 0 or unknown" in text
    assert judged_at(0.5, 0.5, 0.1, quality=0.3)[0] == "no"


def test_every_goal_has_a_rule_of_its_own():
    assert set(RULES) == set(GOALS)
    assert len({rule_of(goal) for goal in GOALS}) == len(GOALS)


def test_the_looks_spend_five_percent_together():
    assert math.fsum(level_of(look) for look in range(1, 30)) == pytest.approx(0.05)
    assert says(LEVELS | {"small_tune": 0.48}, look=1)[0] == "yes"
    assert says(LEVELS | {"small_tune": 0.48}, look=3)[0] == "not_enough_data"


@given(st.floats(-0.5, 0.5), st.floats(0.01, 0.3), st.floats(0, 0.1), st.integers(1, 4))
@settings(max_examples=60)
def test_a_later_look_never_turns_a_doubt_into_an_answer(gap, half, margin, look):
    one = versus("a", "b", gap, half, "tune")
    now, later = answer(one, margin, look).verdict, answer(one, margin, look + 1).verdict
    assert later in (now, "not_enough_data")


def test_the_margin_asked_for_is_the_gate_of_the_release():
    calibration = {"small_tune": estimate(0.1, 0.02), "few_shot": estimate(0.3, 0.02)}
    assert fixed_gates(decision(LEVELS), calibration) == [
        Gate("macro_f1", at_least=0.02, against="few_shot"),
        Gate("macro_f1", at_least=0.0, against="majority"),
        Gate("expected_calibration_error", at_most=0.25),
    ]
    calm = fixed_gates(decision(LEVELS), calibration | {"few_shot": estimate(0.05, 0.02)})
    assert calm[-1].at_most == 0.15
    assert len(fixed_gates(decision(LEVELS), {})) == 2


def test_a_goal_about_a_part_of_the_records_is_gated_on_that_part():
    spanish = "macro_f1 where language=es"
    arms = [
        arm(name, value).model_copy(update={"estimates": {spanish: estimate(value, 0.05)}})
        for name, value in LEVELS.items()
    ]
    found = decision(LEVELS, goal="language", objective=spanish, arms=arms)
    assert fixed_gates(found, {}) == [
        Gate(spanish, at_least=0.02, against="few_shot"),
        Gate(spanish, at_least=0.0, against="majority"),
        Gate("macro_f1", at_least=-0.02, against="few_shot"),
        Gate("macro_f1", at_least=0.0, against="majority"),
    ]


def test_no_gate_of_the_release_compares_with_an_outside_model():
    outside = decision(LEVELS | {"endpoint": 0.55})
    assert [gate.against for gate in fixed_gates(outside, {})] == ["few_shot", "majority"]


def test_every_arm_that_loses_is_told_why_in_one_sentence():
    found = decision({"classical": 0.5, **LEVELS})
    sentences = reasons_of(found, judge(found))
    for name in ("classical", *LEVELS):
        mine = [text for text in sentences if text.startswith(f"{name}: ")]
        assert len(mine) == 1
        assert ";" in mine[0]
    assert any("few_shot" in text and "projected_tune differs" in text for text in sentences)


def test_less_is_better_where_the_metric_says_so():
    values = {"majority": 0.8, "zero_shot": 0.7, "few_shot": 0.6, "small_tune": 0.4}
    turned = decision({name: 1 - value for name, value in values.items()}, guess=0.1)
    found = turned.model_copy(
        update={
            "arms": [arm(name, value) for name, value in values.items()],
            "facts": Facts(lower_is_better=True),
        }
    )
    assert judge(found).verdict == "yes"
    assert fixed_gates(found, {})[0].against == "few_shot"


def test_a_signed_decision_cannot_be_changed_unseen(out):
    signed = decision(LEVELS).signed()
    assert signed.verified(out) == signed
    for change in ({"verdict": "yes"}, {"gates": [Gate("x", at_least=0.0)]}, {"margin": 0.0}):
        with pytest.raises(DataError, match="changed after it was signed"):
            signed.model_copy(update=change).verified(out)
    signed.save(out)
    assert Decision.load(out).verified(out) == signed
