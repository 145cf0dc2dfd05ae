"""Tables that the decision and the sealed test share."""

from collections.abc import Mapping, Sequence

from medtune.artifacts import Arm, Comparison
from medtune.records import Estimate, Gate, Json
from medtune.report import words
from medtune.report.blocks import Cell, Table, Tone
from medtune.report.plots.arms import judged

JUDGED: dict[str, Tone] = {
    "better": "good",
    "worse": "bad",
    "not better": "bad",
    "cannot tell": "unsure",
}


def arms_table(
    arms: Sequence[Arm], primary: str, colours: Mapping[str, str], caption: str
) -> Table:
    """Every arm with all its metrics and what it costs, in the order given."""
    metrics = [primary, *dict.fromkeys(m for arm in arms for m in arm.estimates if m != primary)]
    return Table(
        head=(
            "arm",
            *(words.metric_name(metric) for metric in metrics),
            "time per example",
            "prompt tokens",
            "unread",
            "failed",
        ),
        align="l" + "r" * (len(metrics) + 4),
        rows=[
            (
                Cell(words.arm_name(arm.name), colour=colours[arm.name]),
                *(_number(arm.estimates.get(metric)) for metric in metrics),
                words.duration(arm.seconds_per_example),
                f"{arm.prompt_tokens_per_example:,.0f}",
                f"{arm.unparsed:,}",
                Cell(f"{arm.failed:,}", tone="bad" if arm.failed else None),
            )
            for arm in arms
        ],
        caption=caption,
    )


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
    """Every paired comparison with its verdict."""
    return Table(
        head=("arm", "against", "metric", "difference", "p, corrected", "is it better?"),
        align="lllrrl",
        rows=[
            (
                words.arm_name(each.arm),
                words.arm_name(each.against),
                words.metric_name(each.metric),
                words.estimate(each.difference, signed=True),
                words.p_value(each.p_adjusted),
                Cell(judged(each), tone=JUDGED[judged(each)]),
            )
            for each in comparisons
        ],
        caption=caption,
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
