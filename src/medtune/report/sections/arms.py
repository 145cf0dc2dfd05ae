"""Tables that the decision and the sealed test share."""

from collections.abc import Mapping, Sequence

from medtune.artifacts import Arm, Comparison
from medtune.records import Estimate, Gate, Json
from medtune.report import words
from medtune.report.blocks import Cell, Table, Tone
from medtune.report.plots.arms import judged

COSTS = ("time per example", "prompt tokens", "unread", "failed")
MOST_BESIDE, MOST_METRICS = 2, 4
"""Metrics that fit beside the costs, and in a table of their own."""
JUDGED: dict[str, Tone] = {
    "better": "good",
    "worse": "bad",
    "not better": "bad",
    "cannot tell": "unsure",
}


def arms_tables(
    arms: Sequence[Arm], primary: str, colours: Mapping[str, str], caption: str
) -> list[Table]:
    """Every arm with all its metrics and what it costs, in the order given; the primary first."""
    metrics = [primary, *dict.fromkeys(m for arm in arms for m in arm.estimates if m != primary)]
    rows = [
        [
            Cell(words.arm_name(arm.name), colour=colours[arm.name]),
            *(_number(arm.estimates.get(metric)) for metric in metrics),
            words.duration(arm.seconds_per_example),
            f"{arm.prompt_tokens_per_example:,.0f}",
            f"{arm.unparsed:,}",
            Cell(f"{arm.failed:,}", tone="bad" if arm.failed else None),
        ]
        for arm in arms
    ]
    head = ["arm", *(words.metric_name(metric) for metric in metrics), *COSTS]
    last = len(head) - len(COSTS)
    pieces = (
        [range(1, len(head))]
        if len(metrics) <= MOST_BESIDE
        else [
            *(
                range(start, min(start + MOST_METRICS, last))
                for start in range(1, last, MOST_METRICS)
            ),
            range(last, len(head)),
        ]
    )
    return [
        Table(
            head=[head[0], *(head[column] for column in piece)],
            align="l" + "r" * len(piece),
            rows=[[row[0], *(row[column] for column in piece)] for row in rows],
            caption=caption if piece is pieces[-1] else "",
        )
        for piece in pieces
    ]


def about_table(arms: Sequence[Arm], colours: Mapping[str, str]) -> Table:
    """What was done in each arm."""
    return Table(
        head=("arm", "what was done"),
        align="ll",
        rows=[
            (
                Cell(words.arm_name(arm.name), colour=colours[arm.name]),
                words.sentence(words.readable(arm.about)),
            )
            for arm in arms
        ],
    )


def comparisons_table(comparisons: Sequence[Comparison], caption: str) -> Table:
    """Every paired comparison with its verdict; what all share is said once, in the caption."""
    one_arm = len({each.arm for each in comparisons}) == 1
    one_metric = len({each.metric for each in comparisons}) == 1
    shown = [*([] if one_arm else ["arm"]), "against", *([] if one_metric else ["metric"])]
    shared = [
        *([words.arm_name(comparisons[0].arm)] if one_arm else []),
        *([words.metric_name(comparisons[0].metric)] if one_metric else []),
    ]
    rows: list[Sequence[Cell | str]] = []
    for each in comparisons:
        named = {
            "arm": words.arm_name(each.arm),
            "against": words.arm_name(each.against),
            "metric": words.metric_name(each.metric),
        }
        rows.append(
            [
                *(named[name] for name in shown),
                words.estimate(each.difference, signed=True),
                words.p_value(each.p_adjusted),
                Cell(judged(each), tone=JUDGED[judged(each)]),
            ]
        )
    prefix = words.sentence(", ".join(shared)) + " " if shared else ""
    return Table(
        head=[*shown, "difference", "p, corrected", "is it better?"],
        align="l" * len(shown) + "rrl",
        rows=rows,
        caption=prefix + caption,
    )


def gate_text(gate: Gate) -> str:
    """A gate as a condition in words."""
    return condition(
        {
            "metric": gate.metric,
            "at_least": gate.at_least,
            "at_most": gate.at_most,
            "against": gate.against,
        }
    )


def condition(gate: Mapping[str, Json]) -> str:
    """A gate's condition in words, from its fields."""
    metric = words.metric_name(str(gate.get("metric", "metric")))
    against = gate.get("against")
    signed = isinstance(against, str)
    bounds = [
        f"{side} {_bound(bound, signed=signed)}"
        for side, bound in (("at least", gate.get("at_least")), ("at most", gate.get("at_most")))
        if isinstance(bound, int | float)
    ]
    what = (
        f"{metric}, difference to the {words.arm_name(against)}"
        if isinstance(against, str)
        else metric
    )
    return f"{what}: {' and '.join(bounds)}"


def _bound(value: float, *, signed: bool) -> str:
    """A limit in full, for a gate must not be rounded."""
    return words.decimal(value, max(2, _decimals(value)), signed=signed) if value else "0"


def _decimals(value: float) -> int:
    """How many decimals the number is written with, at most four."""
    return len(f"{value:.4f}".rstrip("0").partition(".")[2])


def _number(found: Estimate | None) -> str:
    return "not measured" if found is None else words.estimate(found)
