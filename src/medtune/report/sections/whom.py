"""The part of the sealed test that asks for whom the model is good."""

from collections.abc import Sequence

from medtune.artifacts import Evaluation, Fairness, SubgroupRow, SwapResult
from medtune.report import words
from medtune.report.blocks import Block, Cell, Heading, Table, Text, Tone

MOST_ROWS = 40
WORSE: dict[str, tuple[str, Tone]] = {
    "yes": ("yes", "bad"),
    "no": ("no", "good"),
    "not_enough_data": ("cannot tell", "unsure"),
}
EXPECTED: dict[str, tuple[str, Tone]] = {
    "yes": ("yes", "good"),
    "no": ("no", "bad"),
    "not_enough_data": ("cannot tell", "unsure"),
}


def whom_blocks(evaluation: Evaluation) -> list[Block]:
    """Gaps between subgroups and the rest, and counterfactual pairs; empty if not measured."""
    blocks: list[Block] = []
    fairness = evaluation.fairness
    if fairness is not None and fairness.rows:
        blocks += _gaps(fairness, evaluation.primary)
    if evaluation.swaps:
        blocks.append(_swaps(evaluation.swaps))
    return [Heading("For whom it is good"), *blocks] if blocks else []


def _gaps(fairness: Fairness, primary: str) -> list[Block]:
    """The worst first; rows of the primary metric before the others."""
    rows = sorted(
        (row for row in fairness.rows if row.gap is not None),
        key=lambda row: (row.worse != "yes", row.metric != primary, _value(row)),
    )
    n_hidden = sum(fairness.suppressed.values())
    notes = [
        f"Each subgroup is held against all others; up to {words.number(fairness.margin)} is let "
        "pass, and the p-values are corrected for the number of gaps."
    ]
    if n_hidden:
        notes.append(f"{words.count(n_hidden, 'subgroup')} with too few examples left out.")
    if len(rows) > MOST_ROWS:
        notes.append(f"{len(rows) - MOST_ROWS} more rows are in evaluation.json.")
    table = Table(
        head=("subgroup", "metric", "value", "gap to the rest", "smallest gap seen", "worse?"),
        align="llrrrl",
        rows=[_row(row) for row in rows[:MOST_ROWS]],
        caption="“Smallest gap seen” is what so few examples can show with 80 % power.",
    )
    return [Text(" ".join(notes)), table]


def _value(row: SubgroupRow) -> float:
    return 0.0 if row.gap is None else row.gap.value


def _row(row: SubgroupRow) -> Sequence[Cell | str]:
    return (
        f"{words.plain(row.attribute)}: {row.value} (n = {row.estimate.n:,})",
        words.metric_name(row.metric),
        words.estimate(row.estimate),
        "" if row.gap is None else words.estimate(row.gap, signed=True),
        "" if row.detectable is None else words.number(row.detectable),
        Cell(WORSE[row.worse][0], tone=WORSE[row.worse][1]),
    )


def _swaps(swaps: Sequence[SwapResult]) -> Table:
    return Table(
        head=("words swapped", "answers should", "pairs", "answers changed", "as expected?"),
        align="llrrl",
        rows=[
            (
                words.plain(swap.name),
                "stay the same" if swap.expect == "same" else "differ",
                f"{swap.n:,}",
                words.estimate(swap.flips),
                Cell(EXPECTED[swap.as_expected][0], tone=EXPECTED[swap.as_expected][1]),
            )
            for swap in swaps
        ],
        caption="The same test examples with some words swapped, such as he and she.",
    )
