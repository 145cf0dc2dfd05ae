"""Arms as points with 95 % intervals, and their paired differences around zero."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from medtune.artifacts import Comparison
from medtune.records import Estimate
from medtune.report import words
from medtune.report.plots.canvas import (
    INK,
    WIDE,
    beside,
    draw,
    height,
    names,
    rows_axes,
    spread,
)

VERDICT_COLUMN = 132
"""Points from the axes to the verdict of a comparison, to the right of its numbers."""


class Row(NamedTuple):
    """One point with its whiskers."""

    label: str
    found: Estimate
    colour: str
    strong: bool = False


class Line(NamedTuple):
    """A dashed line to compare the points with, such as a gate."""

    at: float
    label: str


def dots(
    name: str, rows: Sequence[Row], *, axis: str, label: str, line: Line | None = None
) -> Markup:
    """Draw each row as a point with its 95 % interval, the numbers beside it."""
    edges = [edge for row in rows for edge in (row.found.low, row.found.high)]
    edges += [] if line is None else [line.at]

    def paint(figure: Figure) -> None:
        axes = rows_axes(figure, len(rows))
        axes.set_xlim(*spread(min(edges), max(edges)))
        if line is not None:
            axes.axvline(line.at, color=INK, linewidth=1, linestyle=(0, (4, 3)))
            axes.annotate(
                line.label,
                (line.at, 1.0),
                xycoords=axes.get_xaxis_transform(),
                ha="center",
                va="bottom",
            )
        for place, row in enumerate(rows):
            _whisker(axes, place, row.found, row.colour, strong=row.strong)
            beside(axes, place, words.estimate(row.found), bold=row.strong)
        names(
            axes,
            [row.label for row in rows],
            frozenset(place for place, row in enumerate(rows) if row.strong),
        )
        axes.set_xlabel(axis)

    return draw(name, (WIDE, height(len(rows))), label, paint)


def forest(
    name: str,
    comparisons: Sequence[Comparison],
    colours: Mapping[str, str],
    *,
    axis: str,
    label: str,
) -> Markup:
    """Draw paired differences around the zero line, with what each means beside it."""

    def paint(figure: Figure) -> None:
        axes = rows_axes(figure, len(comparisons))
        low = min([0.0, *(each.difference.low for each in comparisons)])
        high = max([0.0, *(each.difference.high for each in comparisons)])
        left, right = spread(low, high)
        axes.set_xlim(left, right)
        axes.axvspan(0, right, color="#EAF3F8", linewidth=0, zorder=0)
        axes.axvline(0, color=INK, linewidth=1.2)
        for place, each in enumerate(comparisons):
            strong = each.verdict == "yes"
            _whisker(axes, place, each.difference, colours[each.against])
            beside(axes, place, words.estimate(each.difference, signed=True))
            beside(axes, place, judged(each), bold=strong, offset=VERDICT_COLUMN)
        names(axes, [f"against {words.arm_name(each.against)}" for each in comparisons])
        axes.set_xlabel(axis)

    return draw(name, (WIDE, height(len(comparisons))), label, paint)


def judged(comparison: Comparison) -> str:
    """The verdict of a comparison in one or two words."""
    if comparison.verdict == "yes":
        return "better"
    if comparison.verdict == "not_enough_data":
        return "cannot tell"
    return "worse" if comparison.difference.high < 0 else "not better"


def _whisker(axes: Axes, row: int, found: Estimate, colour: str, *, strong: bool = False) -> None:
    axes.plot(
        [found.low, found.high], [row, row], color=colour, linewidth=2.4, solid_capstyle="butt"
    )
    for end in (found.low, found.high):
        axes.plot([end, end], [row - 0.13, row + 0.13], color=colour, linewidth=1.6)
    axes.plot(
        [found.value],
        [row],
        marker="o",
        markersize=9 if strong else 7.5,
        color=colour,
        markeredgecolor="white",
        markeredgewidth=1.2,
    )
