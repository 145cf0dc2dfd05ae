"""Section 5: the sealed test, opened once for this model."""

from collections.abc import Mapping, Sequence

from medtune.artifacts import Comparison, Decision, Evaluation
from medtune.records import Estimate
from medtune.report import words
from medtune.report.blocks import Block, Callout, Cell, Pair, Picture, Section, Table, Text
from medtune.report.plots import sealed as plots
from medtune.report.plots.arms import Line, Row, dots, forest, judged
from medtune.report.plots.canvas import INK
from medtune.report.sections.arms import arms_tables, comparisons_table
from medtune.report.sections.broke import broke_blocks
from medtune.report.sections.confidence import confidence_blocks
from medtune.report.sections.decision import READ, spoken
from medtune.report.sections.mistakes import confusion_block
from medtune.report.sections.whom import whom_blocks
from medtune.report.verdict import (
    classical_note,
    lower_wins,
    primary_comparisons,
    ranked,
    tuned_arm,
)

MOST_SUBGROUPS = 24
HONEST = 0.02
"""Mean confidence that lies this close to the accuracy is called honest."""


def sealed_section(
    evaluation: Evaluation | None, decision: Decision | None, colours: Mapping[str, str]
) -> Section:
    """The evaluation as a section."""
    return Section(
        id="evaluate",
        title="The sealed test",
        question="How good is what is to be released, on examples that nothing was chosen by?",
        blocks=() if evaluation is None else _blocks(evaluation, decision, colours),
        command="evaluate",
    )


def _blocks(
    evaluation: Evaluation, decision: Decision | None, colours: Mapping[str, str]
) -> list[Block]:
    blocks: list[Block] = [_opened(evaluation)]
    if note := classical_note(evaluation):
        blocks.insert(0, Callout("Compare with the classical baseline", note, "unsure"))
    if evaluation.failed:
        blocks.append(
            Callout(
                "Failed predictions",
                f"{words.count(evaluation.failed, 'prediction')} failed through "
                "our own fault. They count as nothing and block a release; run evaluate again.",
                "bad",
            )
        )
    blocks += _arms(evaluation, decision, colours)
    blocks += _comparisons(evaluation, colours)
    blocks += _errors(evaluation, colours)
    blocks += confidence_blocks(evaluation.confidence)
    if evaluation.subgroups:
        blocks.append(_subgroups(evaluation))
    return [*blocks, *whom_blocks(evaluation), *broke_blocks(evaluation)]


def _opened(evaluation: Evaluation) -> Text:
    n = evaluation.openings
    could = (
        ""
        if evaluation.detectable is None
        else " Before it was opened, the smallest difference that it could be expected to show was "
        f"{words.number(evaluation.detectable)}."
    )
    if n <= 1:
        return Text(f"The test was sealed until now: this is the first model scored on it.{could}")
    return Text(
        f"{words.count(n, 'different model')} have been scored on this test, this one included. "
        f"Each opening makes its numbers a little less trustworthy.{could}"
    )


def _arms(
    evaluation: Evaluation, decision: Decision | None, colours: Mapping[str, str]
) -> list[Block]:
    primary = evaluation.primary
    arms = ranked(evaluation.arms, evaluation.comparisons, primary)
    if not arms:
        return []
    tuned = tuned_arm(evaluation)
    metric = words.metric_name(primary)
    gate = _gate(decision, primary)
    better = "lower" if lower_wins(evaluation.arms, evaluation.comparisons, primary) else "higher"
    rows = [
        Row(
            words.arm_name(arm.name),
            arm.estimates[primary],
            colours[arm.name],
            tuned is not None and arm.name == tuned.name,
        )
        for arm in arms
    ]
    place = next((place for place, row in enumerate(rows) if row.strong), None)
    says = f"The {rows[0].label} is first with {words.estimate(rows[0].found)}."
    if place:
        says += (
            f" The {rows[place].label} comes in place {place + 1} of {len(rows)} with "
            f"{words.estimate(rows[place].found)}."
        )
    picture = Picture(
        svg=dots(
            "test-arms",
            rows,
            axis=f"{metric} on the sealed test ({better} is better)",
            label=spoken(arms, primary, "the sealed test"),
            line=gate,
        ),
        title="All arms on the sealed test",
        shows=f"The {metric} of each arm on the same "
        f"{words.count(rows[0].found.n, 'test example')}.",
        read=READ
        + ("" if gate is None else " The dashed line is a gate: the whole interval must pass it."),
        says=says,
    )
    caption = "All arms and metrics on the sealed test."
    return [picture, *arms_tables(arms, primary, colours, caption)]


def _gate(decision: Decision | None, primary: str) -> Line | None:
    """The bound that the primary metric must reach, if a gate sets one."""
    gates = decision.gates if decision is not None else []
    bounds = [
        gate.at_least if gate.at_least is not None else gate.at_most
        for gate in gates
        if gate.metric == primary and gate.against is None
    ]
    return next((Line(bound, "gate") for bound in bounds if bound is not None), None)


def _comparisons(evaluation: Evaluation, colours: Mapping[str, str]) -> list[Block]:
    drawn = primary_comparisons(evaluation.comparisons, evaluation.primary)
    if not drawn:
        return []
    metric, arm = words.metric_name(evaluation.primary), words.arm_name(drawn[0].arm)
    picture = Picture(
        svg=forest(
            "forest",
            drawn,
            colours,
            axis=f"difference in {metric}: to the right of zero the {arm} is better",
            label=f"Difference in {metric} between the {arm} and every other arm. "
            + "; ".join(
                f"against {words.arm_name(each.against)}: "
                f"{words.estimate(each.difference, signed=True)}, {judged(each)}"
                for each in drawn
            ),
        ),
        title=f"The {arm} against each other arm",
        shows=f"How much better or worse the {arm} is, example by example.",
        read="A line wholly to the right of zero means better, wholly to the left worse. A line "
        "that crosses zero means that chance may explain the difference.",
        says=_outcomes(drawn),
    )
    tests = words.listed(list(dict.fromkeys(each.test for each in evaluation.comparisons)))
    table = comparisons_table(
        evaluation.comparisons,
        f"Paired comparisons ({tests}), corrected for their number (Holm).",
    )
    return [picture, table]


def _outcomes(comparisons: Sequence[Comparison]) -> str:
    by_outcome: dict[str, list[str]] = {}
    for each in comparisons:
        by_outcome.setdefault(judged(each), []).append(f"the {words.arm_name(each.against)}")
    order = {
        "better": "better than",
        "worse": "worse than",
        "not better": "not better than",
        "cannot tell": "cannot be told apart from",
    }
    parts = [
        f"{'' if key == 'cannot tell' else 'is '}{phrase} {words.listed(by_outcome[key])}"
        for key, phrase in order.items()
        if key in by_outcome
    ]
    return f"The {words.arm_name(comparisons[0].arm)} {'; it '.join(parts)}."


def _errors(evaluation: Evaluation, colours: Mapping[str, str]) -> list[Block]:
    """Mistakes and confidence, two side by side where they fit."""
    confusion = confusion_block(evaluation.confusion)
    bins = [each for each in evaluation.reliability if each.get("n", 0) > 0]
    sure: list[Picture | Table] = [_reliability(bins)] if bins else []
    if evaluation.calibration:
        sure.append(_calibration(evaluation.calibration, colours))
    if isinstance(confusion, Picture) and confusion.half:
        return [Pair([confusion, *sure[:1]]), *sure[1:]]
    return [*([] if confusion is None else [confusion]), *([Pair(sure)] if sure else [])]


def _reliability(bins: Sequence[Mapping[str, float]]) -> Picture:
    n = sum(each["n"] for each in bins)
    sure = sum(each["n"] * each["confidence"] for each in bins) / n
    right = sum(each["n"] * each["accuracy"] for each in bins) / n
    says = f"On average it is {words.percent(sure)} sure and {words.percent(right)} right"
    if abs(sure - right) < HONEST:
        says += ", so its confidence is honest on the whole."
    else:
        says += f": it is {'over' if sure > right else 'under'}-confident."
    return Picture(
        svg=plots.reliability(bins, f"How often the model is right against how sure it is. {says}"),
        title="Can its confidence be trusted?",
        shows="The model's answers in bins of like confidence; a larger dot is more answers.",
        read="On the dashed line, “80 % sure” means right 8 times out of 10. Dots below the line "
        "are over-confident.",
        says=says,
        half=True,
    )


def _calibration(calibration: Mapping[str, Estimate], colours: Mapping[str, str]) -> Table:
    return Table(
        head=("arm", "expected calibration error"),
        align="lr",
        rows=[
            (Cell(words.arm_name(name), colour=colours[name]), words.estimate(found))
            for name, found in calibration.items()
        ],
        caption="The mean gap between confidence and accuracy; 0 is perfect.",
        narrow=True,
    )


def _subgroups(evaluation: Evaluation) -> Picture:
    tuned = tuned_arm(evaluation)
    rows = [
        Row(f"{words.plain(attribute)}: {value} (n = {found.n:,})", found, INK)
        for attribute, values in evaluation.subgroups.items()
        for value, found in values.items()
    ]
    overall = tuned.estimates.get(evaluation.primary) if tuned is not None else None
    more = len(rows) - MOST_SUBGROUPS
    metric = words.metric_name(evaluation.primary)
    return Picture(
        svg=dots(
            "subgroups",
            rows[:MOST_SUBGROUPS],
            axis=f"{metric} of the {words.arm_name(evaluation.way.name)}",
            label=f"{metric} by subgroup. "
            + "; ".join(f"{row.label}: {words.estimate(row.found)}" for row in rows),
            line=None if overall is None else Line(overall.value, "all"),
        ),
        title=f"{metric[0].upper()}{metric[1:]} by subgroup",
        shows="The same metric for each group of people or records; groups too small are left out."
        + (f" {more} more are not drawn." if more > 0 else ""),
        read="The dashed line is the value over all. These intervals are not corrected for their "
        "number; whether a gap is real, the corrected tests say.",
        says=f"{_spread(rows)} {_worse(evaluation)}".rstrip(),
    )


def _spread(rows: Sequence[Row]) -> str:
    ordered = sorted(rows, key=lambda row: row.found.value)
    worst, best = ordered[0], ordered[-1]
    return (
        f"The lowest is “{worst.label}” with {words.estimate(worst.found)}, the highest "
        f"“{best.label}” with {words.estimate(best.found)}."
    )


def _worse(evaluation: Evaluation) -> str:
    """What the corrected tests of the gaps say; empty if none was made."""
    fairness = evaluation.fairness
    tested = [] if fairness is None else [r for r in fairness.rows if r.gap is not None]
    tested = [row for row in tested if row.metric == evaluation.primary]
    if fairness is None or not tested:
        return ""
    named = [f"“{words.plain(r.attribute)}: {r.value}”" for r in tested if r.worse == "yes"]
    margin = words.number(fairness.margin)
    if named:
        return f"Shown to be worse than the rest by more than {margin}: {words.listed(named)}."
    unsure = sum(row.worse == "not_enough_data" for row in tested)
    return f"None is shown to be worse than the rest by more than {margin}" + (
        f"; of {unsure} of {len(tested)} it cannot be told." if unsure else "."
    )
