"""Section 3: should we tune?"""

from collections.abc import Mapping, Sequence

from medtune.artifacts import Arm, Curve, Decision
from medtune.report import words
from medtune.report.blocks import Block, Bullets, Callout, Picture, Section, Table, Text
from medtune.report.plots.arms import Row, dots
from medtune.report.plots.decision import Scale, arms_and_curve
from medtune.report.sections.arms import about_table, arms_tables, comparisons_table, gate_text
from medtune.report.sections.costs import costs_table, prompts_table
from medtune.report.verdict import ADVICE, TONES, lower_wins, ranked

SHOWN_QUESTIONS = ("", "tune", "retrieve", "classical")
"""Comparisons that the table shows; the others are in decision.json."""


def decision_section(decision: Decision | None, colours: Mapping[str, str]) -> Section:
    """The experiment before the tuning as a section."""
    return Section(
        id="decide",
        title="The decision",
        question="Is a better prompt enough, is a simpler method better, or should we tune?",
        blocks=() if decision is None else _blocks(decision, colours),
        command="decide",
    )


def _blocks(decision: Decision, colours: Mapping[str, str]) -> list[Block]:
    metric = decision.objective or decision.primary
    arms = ranked(decision.arms, decision.comparisons, metric)
    advice = ADVICE.get(decision.recommendation, words.plain(decision.recommendation))
    blocks: list[Block] = [
        Callout(
            f"Should we tune? {words.VERDICTS[decision.verdict].capitalize()}",
            words.sentence(advice),
            TONES[decision.verdict],
        ),
        Text("Every way of doing the task, called an arm, answered the same validation examples."),
    ]
    if arms:
        blocks.append(decision_picture(arms, decision, colours))
    if decision.reasons:
        blocks.append(
            Bullets(
                "Reasons", [words.sentence(words.readable(reason)) for reason in decision.reasons]
            )
        )
    blocks += arms_tables(
        [*arms, *(arm for arm in decision.arms if arm not in arms)],
        metric,
        colours,
        "All arms. “Unread” counts replies in which no answer could be read; they count as wrong. "
        "“Failed” counts our own faults; they count as nothing and block a release.",
    )
    if decision.costs:
        blocks.append(costs_table(decision, arms, colours))
    compared = [one for one in decision.comparisons if one.question in SHOWN_QUESTIONS]
    if compared:
        blocks.append(
            comparisons_table(
                compared,
                "Paired comparisons on the same examples, corrected for their number (Holm). These "
                "validation examples could show a difference of "
                f"{words.number(decision.minimum_detectable)} or more; a smaller one stays unseen.",
            )
        )
    blocks.append(about_table(decision.arms, colours))
    if decision.recipes:
        blocks.append(prompts_table(decision))
    if decision.gates:
        blocks.append(_gates(decision))
    blocks.append(
        Callout(
            "The rule, as written before the experiment",
            words.sentence(words.readable(decision.rule)),
            "plain",
        )
    )
    return blocks


def decision_picture(
    arms: Sequence[Arm], decision: Decision, colours: Mapping[str, str]
) -> Picture:
    """Every arm and the learning curve in one picture."""
    if decision.curve is None:
        return arms_picture("decision", arms, decision, colours)
    metric = decision.objective or decision.primary
    name, meaning = words.metric_name(metric), words.metric_meaning(metric)
    lower = decision.facts.lower_is_better
    return Picture(
        svg=arms_and_curve(
            list(reversed(arms)),
            metric,
            _upright(decision.curve, lower=lower),
            colours,
            scale=Scale(
                f"{name} ({'lower' if lower else 'higher'} is better)", _bar(decision, metric)
            ),
            label=spoken(arms, metric, "validation"),
        ),
        title="All arms on the same validation examples, and what more training examples bring",
        shows=f"Left, the {name} of each arm"
        + (f": {meaning}." if meaning else ".")
        + " Right, the same of tunes on more and more training examples, and the curve through "
        "them.",
        read=f"{READ} The shaded band holds the curve in 95 of 100 cases; beyond the largest tune "
        "(dashed) it is a projection. The level dashed line is the best prompting arm with the "
        "margin: a tune must exceed it by the whole interval. Both sides have one vertical axis.",
        says=_best(arms, metric) + " " + _curve_says(decision),
    )


def arms_picture(
    name: str,
    arms: Sequence[Arm],
    measured: Decision,
    colours: Mapping[str, str],
) -> Picture:
    """The arms of the decision, the best on top."""
    primary = measured.objective or measured.primary
    metric, meaning = words.metric_name(primary), words.metric_meaning(primary)
    lower = lower_wins(measured.arms, measured.comparisons, primary)
    return Picture(
        svg=dots(
            name,
            [
                Row(words.arm_name(arm.name), arm.estimates[primary], colours[arm.name])
                for arm in arms
            ],
            axis=f"{metric} on validation ({'lower' if lower else 'higher'} is better)",
            label=spoken(arms, primary, "validation"),
        ),
        title="All arms on the same validation examples",
        shows=f"The {metric} of each arm" + (f": {meaning}." if meaning else "."),
        read=READ,
        says=_best(arms, primary),
    )


READ = (
    "The dot is what was measured; the line is its 95 % interval, the range in which the true "
    "value plausibly lies. The axis need not start at zero."
)


def spoken(arms: Sequence[Arm], primary: str, where: str) -> str:
    """The picture of the arms for a screen reader."""
    return f"{words.metric_name(primary)} on {where} with 95 % interval. " + "; ".join(
        f"{words.arm_name(arm.name)}: {words.estimate(arm.estimates[primary])}" for arm in arms
    )


def _best(arms: Sequence[Arm], primary: str) -> str:
    best = arms[0]
    found = best.estimates[primary]
    says = (
        f"The best arm is the {words.arm_name(best.name)} with {words.estimate(found)}, "
        f"from {words.count(found.n, 'example')} in {words.count(found.n_groups, 'group')}."
    )
    if len(arms) > 1:
        second = arms[1]
        says += (
            f" The {words.arm_name(second.name)} follows with "
            f"{words.estimate(second.estimates[primary])}."
        )
    return says


def _curve_says(decision: Decision) -> str:
    curve = decision.curve
    assert curve is not None, "the caller looked"
    at = next(band for band in curve.band if band.examples == curve.projected_to)
    sign = -1 if decision.facts.lower_is_better else 1
    low, value, high = sorted((sign * at.low, sign * at.value, sign * at.high))
    chance = curve.chances[str(curve.projected_to)]
    return (
        f"A tune on {curve.projected_to:,} examples is expected at {words.decimal(value, 2)} "
        f"({words.decimal(low, 2)} to {words.decimal(high, 2)}); the chance that it beats the best "
        f"other arm by the margin of {decision.margin:g} is {100 * chance:.0f} %."
    )


def _bar(decision: Decision, metric: str) -> float | None:
    """The best prompting arm and the margin."""
    names = {gate.against for gate in decision.gates if gate.metric == decision.primary}
    values = [
        arm.estimates[metric].value
        for arm in decision.arms
        if arm.name in names and arm.name != "majority"
    ]
    sign = -1 if decision.facts.lower_is_better else 1
    return values[0] + sign * decision.margin if values else None


def _upright(curve: Curve, *, lower: bool) -> Curve:
    """The curve in the metric's own sign: inside, more is always better."""
    if not lower:
        return curve
    points = [p.model_copy(update={"value": -p.value}) for p in curve.points]
    band = [
        b.model_copy(update={"value": -b.value, "low": -b.high, "high": -b.low}) for b in curve.band
    ]
    return curve.model_copy(update={"points": points, "band": band})


def _gates(decision: Decision) -> Table:
    return Table(
        head=("gate fixed before the tuning", "compared with"),
        align="ll",
        rows=[
            (
                gate_text(gate),
                f"the {'lower' if gate.at_least is not None else 'upper'} end of the interval",
            )
            for gate in decision.gates
        ],
        caption="What a tuned model must reach on the sealed test to be released; a prompt is not "
        "asked to beat another prompt. The decision is signed, so the gates cannot be changed "
        "afterwards unseen.",
    )
