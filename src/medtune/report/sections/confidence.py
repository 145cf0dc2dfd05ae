"""The part of the sealed test that asks what the model's confidence is worth."""

from collections.abc import Sequence

from medtune.artifacts import Confidence, Selection, SetResult
from medtune.records import Estimate
from medtune.report import words
from medtune.report.blocks import Block, Cell, Heading, Pair, Picture, Table, Text, Tone
from medtune.report.plots import sealed as plots

COVERS: dict[str, tuple[str, Tone]] = {
    "yes": ("kept", "good"),
    "no": ("broken", "bad"),
    "not_enough_data": ("cannot tell", "unsure"),
}


def confidence_blocks(found: Confidence | None) -> list[Block]:
    """Withheld answers, calibration in numbers, and sets of answers; empty if not measured."""
    if found is None:
        return []
    blocks: list[Block] = [Heading("What its confidence is worth")]
    numbers = _numbers(found)
    blocks.append(Pair([_curve(found), numbers]) if found.curve else numbers)
    if found.selection is not None:
        blocks.append(Text(_selected(found.selection, found.n_validation)))
    if found.sets:
        blocks.append(_sets(found.sets))
    return blocks


def _curve(found: Confidence) -> Picture:
    all_of_them = found.curve[-1]
    half = min(found.curve, key=lambda point: abs(point["coverage"] - 0.5))
    says = (
        f"Answering all, {words.percent(all_of_them['risk'])} are wrong; of the surest half, "
        f"{words.percent(half['risk'])}."
    )
    return Picture(
        svg=plots.risk_coverage(found.curve, f"Wrong answers by share answered. {says}"),
        title="Does it help to withhold unsure answers?",
        shows="The share of wrong answers when only the surest ones are given.",
        read="From left to right more answers are given. A line that rises means that the "
        "confidence tells good answers from bad ones.",
        says=says,
        half=True,
    )


def _numbers(found: Confidence) -> Table:
    rows: list[tuple[str, str, str]] = [
        ("Brier score", words.estimate(found.brier), "0"),
        ("slope", words.estimate(found.slope), "1"),
        ("intercept", words.estimate(found.intercept, signed=True), "0"),
        ("area of risk by coverage", words.estimate(found.area), "0"),
    ]
    if found.temperature is not None and found.error_at_temperature is not None:
        rows.append(
            (
                f"calibration error at temperature {found.temperature:.2f}",
                words.estimate(found.error_at_temperature),
                "0",
            )
        )
    return Table(
        head=("on the sealed test", "measured", "best"),
        align="lrr",
        rows=rows,
        caption=f"The temperature was fitted on {found.n_validation} validation examples. A slope "
        "below 1 means confidences that are too extreme.",
        narrow=True,
    )


def _selected(selection: Selection, n_validation: int) -> str:
    asked = words.percent(selection.asked_risk)
    if selection.threshold is None or selection.coverage is None:
        return (
            f"On {n_validation} validation examples no threshold of confidence kept the wrong "
            f"answers below {asked}: withholding unsure answers is not enough."
        )
    kept = "it could not be told" if selection.risk is None else words.estimate(selection.risk)
    return (
        f"A confidence of {words.percent(selection.threshold)} was chosen on validation to keep "
        f"the wrong answers below {asked}. On the sealed test, a share of "
        f"{words.estimate(selection.coverage)} is then answered, and of those a share of {kept} is "
        "wrong."
    )


def _sets(sets: Sequence[SetResult]) -> Table:
    return Table(
        head=("sets of answers", "promised", "hold the target", "size", "promise"),
        align="lrrrl",
        rows=[
            (
                one.kind,
                words.percent(one.promised),
                words.estimate(one.coverage),
                _size(one.size),
                Cell(COVERS[one.covers][0], tone=COVERS[one.covers][1]),
            )
            for one in sets
        ],
        caption="Conformal sets name every answer that cannot be ruled out. The size is a share of "
        "all choices: smaller says more.",
    )


def _size(size: Estimate) -> str:
    return words.estimate(size)
