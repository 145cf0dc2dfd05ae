"""The rule of the decision as a pure function of what was measured.

It reads nothing but the numbers that the decision stores, so anybody can apply it again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from scipy.stats import norm

from medtune import stats
from medtune.artifacts import Comparison, Decision
from medtune.config import GoalName
from medtune.decide.baselines import CLASSICAL, MAJORITY
from medtune.decide.compare import GUESSING, PROJECTED, TUNES
from medtune.decide.cost import SAVING
from medtune.decide.goal import CHEAPER, RULES, TOLERANCE
from medtune.decide.projection import FARTHEST
from medtune.decide.prompting import PROMPTS, RETRIEVAL
from medtune.records import Verdict
from medtune.stats.interval import Z_INTERVAL

FIRST_LEVEL, NEXT_LEVELS = 0.04, 0.2
"""Error that the first decision may spend, and what each later one may spend of the one before:
0.05 over all of them. The idea, not the curve, is of Lan and DeMets 1983, Biometrika 70:659."""
SEEN = 0.10
"""A lift over guessing that must have been seen before it is said that nothing works."""
UNLIKELY = 0.15
KEPT_LOOSELY = ("keep retention", "keep safety")
"""A harm here counts when it is shown; a gate of the release asks for more."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One comparison, judged."""

    comparison: Comparison
    margin: float
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the rule says."""

    verdict: Verdict
    recommendation: str
    winner: str
    """The arm that is recommended; empty if none is."""
    answers: Mapping[str, Sequence[Answer]]
    """Of each tune that could be chosen, to each comparison that it had to win."""


def level_of(look: int) -> float:
    """The error that this decision may spend, the first being look 1."""
    return FIRST_LEVEL * NEXT_LEVELS ** (look - 1)


def answer(comparison: Comparison, margin: float, look: int) -> Answer:
    """Is the arm better by more than the margin? At the level of the look.

    With a margin below zero the question is whether it is no worse than that, and the interval
    alone decides, for p is about zero.
    """
    level = level_of(look)
    stretch = float(norm.ppf(1 - level / 2)) / Z_INTERVAL
    found = comparison.difference
    low = found.value - stretch * (found.value - found.low)
    high = found.value + stretch * (found.high - found.value)
    if low > margin and (margin < 0 or comparison.p_adjusted < level):
        return Answer(comparison, margin, "yes")
    return Answer(comparison, margin, "no" if high <= margin else "not_enough_data")


def best_rival(decision: Decision) -> str:
    """The best prompting arm that may be used and answered everything."""
    metric = decision.objective or decision.primary
    pick = min if decision.facts.lower_is_better else max
    arms = {arm.name: arm for arm in decision.arms}
    allowed = [RETRIEVAL] if decision.facts.must_retrieve else PROMPTS
    whole = [one for one in allowed if one in arms and not arms[one].failed]
    return pick(whole, key=lambda name: arms[name].estimates[metric].value)


def judge(decision: Decision) -> Judgement:
    """Apply the rule to the numbers of a decision, whatever its verdict says."""
    answers = {
        name: _answers(decision, measured)
        for measured, name in PROJECTED.items()
        if any(c.arm == name for c in decision.comparisons)
        and not (decision.facts.must_retrieve and measured == TUNES[0])
    }
    if not decision.facts.may_learn:
        answers = {}
    states = {name: _joined(some) for name, some in answers.items()}
    nothing = _nothing_works(decision)
    if "yes" in states.values():
        winner = max(
            (name for name, state in states.items() if state == "yes"),
            key=lambda name: min(a.comparison.difference.value for a in answers[name]),
        )
        advice = "tune" if winner == PROJECTED[TUNES[0]] else "tune_retrieve"
        return Judgement("yes", advice, winner, answers)
    unsure = "not_enough_data" in states.values() and not nothing
    verdict: Verdict = "not_enough_data" if unsure else "no"
    advice, winner = _otherwise(decision, verdict, nothing=nothing)
    return Judgement(verdict, advice, winner, answers)


def usefulness(decision: Decision, name: str) -> Verdict:
    """Is the arm better than the most frequent answer, and than guessing?"""
    return _joined(
        [
            answer(one, 0.0, decision.look)
            for one in decision.comparisons
            if one.question == "useful" and one.arm == name
        ]
    )


def _answers(decision: Decision, measured: str) -> list[Answer]:
    """To every comparison that this tune has to win."""
    goal, look, best = cast("GoalName", decision.goal), decision.look, best_rival(decision)
    cheap = RULES[goal].improves == "cost"
    margin = -decision.margin if cheap else decision.margin
    failed = {arm.name for arm in decision.arms if arm.failed}
    allowed = (RETRIEVAL,) if decision.facts.must_retrieve else PROMPTS
    rivals = {name: margin for name in allowed if name not in failed}
    won = rivals | {MAJORITY: 0.0, GUESSING: 0.0}
    of_tune = [
        one
        for one in decision.comparisons
        if one.question == "tune" and one.arm == PROJECTED[measured]
    ]
    found = [answer(one, won[one.against], look) for one in of_tune if one.against in won]
    kept = [
        answer(one, -TOLERANCE, look)
        for one in decision.comparisons
        if one.question.startswith("keep") and _is_kept(one, measured, best)
    ]
    loose = [answer(one, 0.0, look) for one in of_tune if one.against == CLASSICAL]
    loose += [one for one in kept if one.comparison.question in KEPT_LOOSELY]
    found += [one for one in kept if one.comparison.question not in KEPT_LOOSELY]
    found += [one for one in loose if one.verdict == "no"]
    if not cheap:
        return found
    saved = _saved(decision, measured, best)
    return [*found, *saved] if saved else [_doubted(one) for one in found]


def _is_kept(one: Comparison, measured: str, best: str) -> bool:
    """Whether the comparison is of this tune, with the best arm or with the model before."""
    return one.arm == measured and (one.against == best or one.question in KEPT_LOOSELY)


def _saved(decision: Decision, measured: str, best: str) -> list[Answer]:
    """Whether its requests are cheaper than the best arm's; nothing where a price is not known.

    Single requests must show it by their whole interval, and the pass in batches, of which there is
    one, must not deny it: what a prompt shares between requests is computed once there.
    """
    own, other = (
        decision.costs[name].per_1000 if name in decision.costs else None
        for name in (measured, best)
    )
    if not own or not other:
        return []
    asked = [
        answer(one, 1 - CHEAPER, decision.look)
        for one in decision.comparisons
        if one.question == SAVING and (one.arm, one.against) == (measured, best)
    ]
    return asked if own <= CHEAPER * other else [_doubted(one) for one in asked]


def _doubted(one: Answer) -> Answer:
    return replace(one, verdict="not_enough_data") if one.verdict == "yes" else one


def _joined(answers: Sequence[Answer]) -> Verdict:
    verdicts = [one.verdict for one in answers]
    if "no" in verdicts:
        return "no"
    return "not_enough_data" if "not_enough_data" in verdicts or not verdicts else "yes"


def _nothing_works(decision: Decision) -> bool:
    """Whether no arm is better than guessing, and the curve does not promise more.

    Only if a lift of 0.10 would have been seen.
    """
    lifts = [
        one for one in decision.comparisons if one.question == "useful" and one.against == GUESSING
    ]
    seen = all(stats.minimum_detectable(one.difference) <= SEEN for one in lifts)
    dull = all(usefulness(decision, one.arm) != "yes" for one in lifts)
    return bool(lifts) and seen and dull and not _may_grow(decision)


def _collects(decision: Decision) -> bool:
    """Whether more training examples, within reach, are likely to make tuning worth it."""
    curve = decision.curve
    return (
        decision.facts.may_learn
        and curve is not None
        and curve.needed is not None
        and curve.train_examples < curve.needed <= FARTHEST * curve.train_examples
    )


def _may_grow(decision: Decision) -> bool:
    """Whether more training examples, within reach, may well make tuning worth it."""
    curve = decision.curve if decision.facts.may_learn else None
    return curve is not None and (max(curve.chances.values()) > UNLIKELY or curve.still_rising)


def _otherwise(decision: Decision, verdict: Verdict, *, nothing: bool) -> tuple[str, str]:
    """Recommendation and arm where the tune is not shown to be worth it."""
    if _collects(decision):
        return "collect_more_data", ""
    if verdict == "not_enough_data" or _may_grow(decision):
        return "not_enough_data", ""
    return ("nothing_works", "") if nothing else _without_tune(decision)


def _without_tune(decision: Decision) -> tuple[str, str]:
    """Recommendation and arm after a no."""
    if _classical_is_ahead(decision):
        return "classical", CLASSICAL
    retrieval = _retrieval_is_ahead(decision)
    best = RETRIEVAL if retrieval == "yes" else best_rival(without(decision, RETRIEVAL))
    use = usefulness(decision, best)
    if use == "no" and retrieval != "yes" and any(a.name == RETRIEVAL for a in decision.arms):
        best, use = RETRIEVAL, usefulness(decision, RETRIEVAL)
    if use == "yes" and retrieval != "not_enough_data":
        return ("retrieve" if best == RETRIEVAL else "prompt"), best
    return ("nothing_works" if use == "no" else "not_enough_data"), ""


def _classical_is_ahead(decision: Decision) -> bool:
    """Whether the classical baseline beats every arm that uses a language model."""
    found = [one for one in decision.comparisons if one.question == "classical"]
    return (
        bool(found)
        and not decision.facts.must_retrieve
        and all(answer(one, 0.0, decision.look).verdict == "yes" for one in found)
    )


def _retrieval_is_ahead(decision: Decision) -> Verdict:
    """Is retrieval better than every other prompt?

    The simpler prompt has the benefit of the doubt, unless retrieval leads by more than the margin
    and a standard error.
    """
    if decision.facts.must_retrieve:
        return "yes"
    failed = {arm.name for arm in decision.arms if arm.failed}
    found = [
        one
        for one in decision.comparisons
        if one.question == "retrieve" and one.against not in failed
    ]
    if not found:
        return "no"
    state = _joined([answer(one, 0.0, decision.look) for one in found])
    leads = min(one.difference.value - stats.standard_error(one.difference) for one in found)
    if state == "not_enough_data" and leads <= decision.margin:
        return "no"
    return state


def without(decision: Decision, name: str) -> Decision:
    """The decision as if there were no such arm."""
    kept = [arm for arm in decision.arms if arm.name != name]
    return decision.model_copy(update={"arms": kept})
