"""The rule of the decision, in words and as a pure function of what was measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from medtune import stats
from medtune.artifacts import Arm, Comparison
from medtune.decide.arms import CLASSICAL, MAJORITY, PROMPTS
from medtune.records import Estimate, Gate, Verdict

SMALL_TUNE = "small_tune"
CALIBRATION = "expected_calibration_error"
STRICTEST, LOOSEST = 0.15, 0.25
"""Limits of the calibration gate, our own choice: on average, the confidence is within so much of
the truth. A badly calibrated base model does not excuse a badly calibrated release."""
RULE = """\
All arms answer the same validation examples, and differences of the primary metric are paired. \
The best prompt is the prompting arm (zero-shot or few-shot) with the best value. \
Should we tune? Yes, if the small tune is better than the best prompt by more than the margin, and \
better than the most frequent answer: the whole 95 % interval of the difference says so, and p is \
below 0.05 after Holm's correction over all comparisons. No, if the whole interval of one of the \
two differences lies at or below its margin. Else there is not enough data to tell. \
Yes means: tune. No means: use the classical baseline if it is better than every language-model \
arm by the same test; else use the best prompt if the small tune is not better than it; else (the \
small tune is no better than the most frequent answer) collect more data. Not enough data means: \
collect more data. \
A classical baseline that is ahead of the small tune does not change a yes, for a tune on all data \
may pass it, but the reasons say so, and the tuned model must be compared with it on the sealed \
test."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the rule says, and why."""

    verdict: Verdict
    recommendation: str
    """tune, prompt, classical or collect_more_data."""
    reasons: list[str]
    best_prompt: str
    minimum_detectable: float
    """Smallest difference between small tune and best prompt that validation could show."""


def judge(
    arms: Sequence[Arm],
    comparisons: Sequence[Comparison],
    *,
    primary: str,
    margin: float,
    lower_is_better: bool,
) -> Judgement:
    """Apply RULE.

    Args:
        arms: Must hold the small tune, the majority and a prompting arm.
        comparisons: Of the small tune with every other arm, and of the classical baseline, where
            there is one, with every prompting arm.
        primary: The metric that decides.
        margin: How much better than the best prompt the tune must be.
        lower_is_better: Whether less of the primary metric is better.
    """
    values = {arm.name: arm.estimates[primary].value for arm in arms}
    prompts = [name for name in PROMPTS if name in values]
    pick = min if lower_is_better else max
    best_prompt = pick(prompts, key=values.__getitem__)
    found = {(one.arm, one.against): one for one in comparisons}
    to_prompt, to_majority = found[SMALL_TUNE, best_prompt], found[SMALL_TUNE, MAJORITY]
    answers: list[Verdict] = [_verdict(to_prompt, margin), _verdict(to_majority, 0.0)]
    verdict = _joined(answers)
    ahead = _classical_is_ahead(found, prompts)
    recommendation = _recommended(verdict, not_above_prompt=answers[0] == "no", classical=ahead)
    reasons = [
        *(_arm_sentence(arm, primary) for arm in arms),
        _difference_sentence(to_prompt, margin, answers[0]),
        _difference_sentence(to_majority, 0.0, answers[1]),
    ]
    if verdict == "not_enough_data":
        unsure, limit = (
            (to_prompt, margin) if answers[0] == "not_enough_data" else (to_majority, 0.0)
        )
        reasons.append(_needed_sentence(unsure, limit))
    reasons += _classical_sentence(found)
    return Judgement(
        verdict=verdict,
        recommendation=recommendation,
        reasons=reasons,
        best_prompt=best_prompt,
        minimum_detectable=stats.minimum_detectable(to_prompt.difference),
    )


def fixed_gates(
    *, primary: str, margin: float, best_prompt: str, calibration: Mapping[str, Estimate]
) -> list[Gate]:
    """The gates that the tuned model must pass on the sealed test, fixed before tuning.

    It must be better than the best prompt by the margin and no worse than the most frequent
    answer. Where both the small tune and the best prompt state confidences, the upper bound of the
    calibration error must not exceed that of the best prompt, within 0.15 to 0.25.
    """
    gates = [
        Gate(metric=primary, at_least=margin, against=best_prompt),
        Gate(metric=primary, at_least=0.0, against=MAJORITY),
    ]
    if SMALL_TUNE in calibration and best_prompt in calibration:
        limit = min(max(calibration[best_prompt].value, STRICTEST), LOOSEST)
        gates.append(Gate(metric=CALIBRATION, at_most=limit))
    return gates


def _verdict(comparison: Comparison, margin: float) -> Verdict:
    return stats.verdict(comparison.difference, comparison.p_adjusted, margin)


def _joined(answers: Sequence[Verdict]) -> Verdict:
    if "no" in answers:
        return "no"
    return "not_enough_data" if "not_enough_data" in answers else "yes"


def _recommended(verdict: Verdict, *, not_above_prompt: bool, classical: bool) -> str:
    if verdict == "yes":
        return "tune"
    if verdict == "not_enough_data":
        return "collect_more_data"
    if classical:
        return "classical"
    return "prompt" if not_above_prompt else "collect_more_data"


def _beats_tune(comparison: Comparison) -> bool:
    """Whether the other arm is better than the small tune, by the same test turned round."""
    return comparison.difference.high < 0 and comparison.p_adjusted < stats.ALPHA


def _classical_is_ahead(
    found: Mapping[tuple[str, str], Comparison], prompts: Sequence[str]
) -> bool:
    if (SMALL_TUNE, CLASSICAL) not in found:
        return False
    beaten = all(_verdict(found[CLASSICAL, prompt], 0.0) == "yes" for prompt in prompts)
    return beaten and _beats_tune(found[SMALL_TUNE, CLASSICAL])


def _arm_sentence(arm: Arm, primary: str) -> str:
    found = arm.estimates[primary]
    return (
        f"{arm.name}: {primary} {found.value:.3f} ({found.low:.3f} to {found.high:.3f}) on "
        f"{found.n} examples of {found.n_groups} groups, {1000 * arm.seconds_per_example:.2g} ms "
        f"and {arm.prompt_tokens_per_example:.0f} prompt tokens per example."
    )


def _numbers(comparison: Comparison) -> str:
    found = comparison.difference
    return (
        f"{found.value:+.3f} ({found.low:+.3f} to {found.high:+.3f}), adjusted p "
        f"{comparison.p_adjusted:.3g}"
    )


def _difference_sentence(comparison: Comparison, margin: float, answer: Verdict) -> str:
    by = f" by more than {margin:g}" if margin else ""
    says = {
        "yes": f"is better than {comparison.against}{by}",
        "no": f"is not better than {comparison.against}{by}",
        "not_enough_data": f"cannot be told from {comparison.against}{by} with these data",
    }[answer]
    return f"The small tune {says}: difference in {comparison.metric} {_numbers(comparison)}."


def _needed_sentence(comparison: Comparison, margin: float) -> str:
    n_groups = comparison.difference.n_groups
    needed = stats.groups_needed(comparison.difference, margin)
    if needed is None:
        return (
            f"The small tune is not ahead of {comparison.against} by more than {margin:g} so far, "
            "so no number of validation groups can be named that would show it ahead; more "
            "training data may change that."
        )
    if needed <= n_groups:
        return (
            f"The {n_groups} validation groups should have been enough for a difference of "
            f"{comparison.difference.value:+.3f}, but the corrected test does not confirm it; "
            "repeat it with more groups."
        )
    return (
        f"If the difference to {comparison.against} seen here is the true one, about {needed} "
        f"validation groups (now {n_groups}) would show it with 80 % power."
    )


def _classical_sentence(found: Mapping[tuple[str, str], Comparison]) -> list[str]:
    comparison = found.get((SMALL_TUNE, CLASSICAL))
    if comparison is None or not _beats_tune(comparison):
        return []
    return [
        "A classical baseline, learned from all training examples, is ahead of the small tune at "
        f"this size of data: difference in {comparison.metric} {_numbers(comparison)}. The "
        "release must be compared with it on the sealed test."
    ]
