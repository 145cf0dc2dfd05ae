"""The decision in one picture: every arm beside the learning curve of the tune, on one axis."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

from medtune.artifacts import Arm, Curve
from medtune.report import words
from medtune.report.plots.canvas import INK, SKY, WIDE, draw, spread

HEIGHT = 3.9
"""Inches."""
NAME_WIDTH = 11
"""Characters of an arm's name before it is broken."""
TICKS = 6


class Scale(NamedTuple):
    """The vertical axis."""

    axis: str
    """What it shows."""
    bar: float | None
    """What a tune must exceed, if there is such a value."""


def arms_and_curve(
    arms: Sequence[Arm],
    metric: str,
    curve: Curve,
    colours: Mapping[str, str],
    *,
    scale: Scale,
    label: str,
) -> Markup:
    """Draw the arms as points with intervals, and the curve with its band, on one vertical axis.

    Args:
        arms: From left to right.
        metric: The name of the metric that decides.
        curve: Of the tune.
        colours: By arm.
        scale: The vertical axis.
        label: What a screen reader says.
    """

    def paint(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1.15, 1))
        _curve(right, curve)
        _arms(left, arms, metric, colours)
        left.set_ylabel(scale.axis)
        edges = [e for arm in arms for e in (arm.estimates[metric].low, arm.estimates[metric].high)]
        edges += [point.value for point in curve.points]
        edges += [e for band in curve.band for e in (band.low, band.high)]
        if scale.bar is not None:
            for axes in figure.axes:
                axes.axhline(scale.bar, color=INK, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
        left.set_ylim(*spread(min(edges), max(edges)))

    return draw("decision-curve", (WIDE, HEIGHT), label, paint)


def _arms(axes: Axes, arms: Sequence[Arm], metric: str, colours: Mapping[str, str]) -> None:
    axes.grid(visible=True, axis="y")
    for place, arm in enumerate(arms):
        found, colour = arm.estimates[metric], colours[arm.name]
        axes.plot([place, place], [found.low, found.high], color=colour, linewidth=2.4)
        axes.plot(
            [place],
            [found.value],
            marker="o",
            markersize=8,
            color=colour,
            markeredgecolor="white",
            markeredgewidth=1.2,
        )
    labels = [textwrap.fill(words.arm_name(arm.name), NAME_WIDTH) for arm in arms]
    axes.set_xticks(range(len(arms)), labels=labels, fontsize=8)
    axes.set_xlim(-0.6, len(arms) - 0.4)
    axes.set_title("Every arm on validation")


def _curve(axes: Axes, curve: Curve) -> None:
    sizes = [band.examples for band in curve.band]
    axes.grid(visible=True, axis="y")
    axes.fill_between(
        sizes,
        [band.low for band in curve.band],
        [band.high for band in curve.band],
        color=SKY,
        alpha=0.28,
        linewidth=0,
    )
    largest = max(point.examples for point in curve.points)
    inside = [band for band in curve.band if band.examples <= largest]
    beyond = [*inside[-1:], *(band for band in curve.band if band.examples > largest)]
    for style, part in (("-", inside), ((0, (2, 1.5)), beyond)):
        axes.plot(
            [band.examples for band in part],
            [band.value for band in part],
            color=SKY,
            linewidth=2,
            linestyle=style,
        )
    axes.plot(
        [point.examples for point in curve.points],
        [point.value for point in curve.points],
        linestyle="none",
        marker="o",
        markersize=6,
        color=SKY,
        markeredgecolor=INK,
        markeredgewidth=0.8,
    )
    axes.axvline(curve.projected_to, color=INK, linewidth=1, linestyle=(0, (1, 2)))
    axes.annotate(
        f"read at {curve.projected_to:,}",
        (curve.projected_to, 0.0),
        xycoords=axes.get_xaxis_transform(),
        xytext=(-4, 5),
        textcoords="offset points",
        ha="right",
    )
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(
        FixedLocator(_ticks([point.examples for point in curve.points], sizes[-1]))
    )
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("training examples")
    axes.set_title("The tune by its training examples")


def _ticks(tuned: Sequence[int], last: int) -> list[float]:
    """The sizes that were tuned, and the end, but for those close to their left neighbour."""
    shown: list[float] = []
    for size in sorted({*tuned, last}):
        if not shown or size >= 2 * shown[-1]:
            shown.append(size)
    return shown[-TICKS:]
