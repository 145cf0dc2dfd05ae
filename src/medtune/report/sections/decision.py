"""Section 3: should we tune?"""

from collections.abc import Mapping, Sequence

from medtune.artifacts import Arm, Decision
from medtune.report import words
from medtune.report.blocks import Block, Bullets, Callout, Picture, Section, Table, Text
from medtune.report.plots.arms import Row, dots
from medtune.report.sections.arms import about_table, arms_tables, comparisons_table, gate_text
from medtune.report.verdict import ADVICE, TONES, lower_wins, ranked


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
    arms = ranked(decision.arms, decision.comparisons, decision.primary)
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
        blocks.append(arms_picture("decision", arms, decision, colours))
    blocks.append(
        Callout(
            "The rule, as written before the experiment",
            words.sentence(words.readable(decision.rule)),
            "plain",
        )
    )
    if decision.reasons:
        blocks.append(
            Bullets(
                "Reasons", [words.sentence(words.readable(reason)) for reason in decision.reasons]
            )
        )
    blocks += arms_tables(
        [*arms, *(arm for arm in decision.arms if arm not in arms)],
        decision.primary,
        colours,
        "All arms. “Unread” counts replies in which no answer could be read; they count as wrong. "
        "“Failed” counts our own faults; they count as nothing and block a release.",
    )
    if decision.comparisons:
        blocks.append(
            comparisons_table(
                decision.comparisons,
                "Paired comparisons on the same examples, corrected for their number (Holm). These "
                "validation examples could show a difference of "
                f"{words.number(decision.minimum_detectable)} or more; a smaller one stays unseen.",
            )
        )
    blocks.append(about_table(decision.arms, colours))
    if decision.gates:
        blocks.append(_gates(decision))
    return blocks


def arms_picture(
    name: str,
    arms: Sequence[Arm],
    measured: Decision,
    colours: Mapping[str, str],
) -> Picture:
    """The arms of the decision, the best on top."""
    primary = measured.primary
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
        caption="What the tuned model must reach on the sealed test to be released.",
    )
