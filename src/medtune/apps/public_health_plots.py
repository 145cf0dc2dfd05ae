"""The drawings of `public_health_picture`: curve, map and bars, as inline SVG.

A count of 1 to 10 is withheld: it is drawn at the largest height that it may have.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from medtune.clinical.surveillance.forecast import Forecast
from medtune.clinical.surveillance.nowcast import Nowcast
from medtune.clinical.surveillance.series import week_label
from medtune.clinical.surveillance.signals import Signal
from medtune.clinical.surveillance.suppress import SMALL
from medtune.report.plots.canvas import (
    BLUE,
    FAINT,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    WIDE,
    draw,
    legend,
)

MOST_NAMES = 5
SHARE = re.compile(r"(\d+)% \((\d+) to (\d+)\)")
WORDS = {
    "bcg": "BCG",
    "dtp3": "DTP, third dose",
    "measles": "measles",
    "full": "all basic vaccines",
    "none": "no vaccine",
    "dropout": "dropout, BCG to measles",
}
STATUS_COLOURS = {
    "signal": VERMILION,
    "watch": ORANGE,
    "no signal": GREEN,
    "not judged": FAINT,
}


@dataclass(frozen=True, slots=True)
class Curve:
    """The weeks of one place up to the one looked at."""

    weeks: Sequence[int]
    counts: Sequence[float]
    signals: Sequence[Signal]
    """Of each week, as judged when it ended."""
    latest: Sequence[Nowcast]
    """Of the last weeks; empty without report dates."""
    ahead: Sequence[Forecast]


def draw_curve(curve: Curve, label: str) -> Markup:
    """Bars of the counts, what is to come, expected and threshold, signals, and the forecast."""

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.grid(visible=True, axis="y")
        _paint_counts(axes, curve)
        _paint_baseline(axes, curve)
        _paint_forecast(axes, curve)
        ticks = [week for week in _all_weeks(curve) if week % 8 == curve.weeks[-1] % 8]
        axes.set_xticks(ticks, labels=[week_label(week) for week in ticks])
        _limit(axes, curve)
        axes.set_ylabel("cases by week of onset")
        legend(figure, 4)

    return draw("curve", (WIDE, 4.2), label, paint)


def draw_map(signals: Mapping[str, Signal], centres: Mapping[str, tuple[float, float]]) -> Markup:
    """A bubble at the centre of each place with cases: area by count, colour by status.

    Centres are (longitude, latitude) in degrees. Nothing is drawn without them.
    """
    shown = {name: one for name, one in signals.items() if name in centres and one.observed > 0}
    if not shown:
        return Markup()
    largest = max(_height(one.observed) for one in shown.values())

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.set_aspect("equal")
        axes.scatter(*zip(*centres.values(), strict=True), s=8, color=GREY, label="no case")
        for status, colour in STATUS_COLOURS.items():
            names = [name for name, one in shown.items() if one.level == status]
            if names:
                axes.scatter(
                    *zip(*(centres[name] for name in names), strict=True),
                    s=[20 + 900 * _height(shown[name].observed) / largest for name in names],
                    color=colour,
                    alpha=0.7,
                    label=status,
                )
        for n, name in enumerate(_named(shown)):
            above = 7 if n % 2 else -7
            axes.annotate(name, centres[name], (8, above), textcoords="offset points", va="center")
        axes.margins(0.12)
        axes.set_xlabel("longitude, degrees")
        axes.set_ylabel("latitude, degrees")
        for handle in figure.legend(loc="outside upper left", ncols=4).legend_handles:
            handle.set_sizes([40.0])  # type: ignore[union-attr]  # all are scatters

    return draw("map", (WIDE, 6.0), "Map of cases and status by place", paint)


def _named(shown: Mapping[str, Signal]) -> list[str]:
    """The places whose names are written: too many would cover one another."""
    order = sorted(
        shown, key=lambda name: (shown[name].level == "no signal", -shown[name].observed)
    )
    return order[:MOST_NAMES]


def draw_places(signals: Mapping[str, Signal]) -> Markup:
    """A bar for each place with cases, coloured by its status."""
    shown = sorted(
        ((name, one) for name, one in signals.items() if one.observed > 0),
        key=lambda pair: (-_height(pair[1].observed), pair[0]),
    )

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.grid(visible=True, axis="x")
        for status, colour in STATUS_COLOURS.items():
            rows = [n for n, (_, one) in enumerate(shown) if one.level == status]
            heights = [_height(shown[n][1].observed) for n in rows]
            if rows:
                axes.barh(rows, heights, color=colour, label=status, height=0.7)
        for row, (_, one) in enumerate(shown):
            text = f"{one.observed:.0f}" if one.observed >= SMALL else f"<{SMALL}"
            axes.annotate(
                text, (_height(one.observed), row), (4, 0), textcoords="offset points", va="center"
            )
        axes.set_yticks(range(len(shown)), labels=[name for name, _ in shown])
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.set_xlabel("cases reported so far")
        legend(figure, 4)

    return draw("places", (WIDE, 1.1 + 0.3 * len(shown)), "Cases and status by place", paint)


def draw_coverage(known: Mapping[str, str], label: str) -> Markup:
    """A bar with its interval for each share of a place's coverage, and the target as a line."""
    shares = {key: SHARE.fullmatch(text) for key, text in known.items()}
    shown = {key: [int(n) for n in found.groups()] for key, found in shares.items() if found}
    names = list(shown)

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.grid(visible=True, axis="x")
        values = [shown[name][0] for name in names]
        reach = [
            [shown[name][0] - shown[name][1] for name in names],
            [shown[name][2] - shown[name][0] for name in names],
        ]
        colours = [ORANGE if name in ("none", "dropout") else BLUE for name in names]
        axes.barh(range(len(names)), values, xerr=reach, color=colours, height=0.6, ecolor=INK)
        if "target" in known:
            axes.axvline(float(known["target"].rstrip("%")), color=GREEN, linewidth=1.6)
        axes.set_yticks(range(len(names)), labels=[WORDS.get(name, name) for name in names])
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.set_xlim(0, 100)
        axes.set_xlabel("per cent of the children")

    return draw("coverage", (WIDE, 1.2 + 0.42 * len(names)), label, paint) if names else Markup()


def _limit(axes: Axes, curve: Curve) -> None:
    """Cut the axis where a wide forecast would flatten the curve, and say how far it reaches."""
    counts = [*map(_height, curve.counts), *(one.high for one in curve.latest)]
    inner = [one[0.75] for one in curve.ahead]
    widest = max([one[0.975] for one in curve.ahead], default=0.0)
    top = 1.15 * max([*counts, *inner])
    axes.set_ylim(0, max(top, min(widest * 1.05, 1.5 * top)))
    if widest > axes.get_ylim()[1]:
        axes.annotate(
            f"95 % to {widest:,.0f}",
            (curve.weeks[-1] + len(curve.ahead), axes.get_ylim()[1]),
            (0, -10),
            textcoords="offset points",
            ha="right",
        )


def _height(count: float) -> float:
    """A withheld count is drawn at the largest that it may be."""
    return float(SMALL - 1) if 0 < count < SMALL else count


def _all_weeks(curve: Curve) -> range:
    return range(curve.weeks[0], curve.weeks[-1] + 1 + len(curve.ahead))


def _paint_counts(axes: Axes, curve: Curve) -> None:
    heights = [_height(count) for count in curve.counts]
    axes.bar(curve.weeks, heights, color=BLUE, width=0.8, label="reported")
    late = [
        (week, height, one)
        for week, height, one in zip(
            reversed(curve.weeks), reversed(heights), reversed(curve.latest), strict=False
        )
        if one.reported >= SMALL and one.median > one.reported
    ]
    if not late:
        return
    weeks, bottoms = [week for week, _, _ in late], [height for _, height, _ in late]
    gains = [one.median - one.reported for _, _, one in late]
    reach = [
        [one.median - one.low for *_, one in late],
        [one.high - one.median for *_, one in late],
    ]
    axes.bar(weeks, gains, bottom=bottoms, color=SKY, alpha=0.6, width=0.8, label="still to come")
    axes.errorbar(
        weeks, [one.median for *_, one in late], yerr=reach, fmt="none", ecolor=INK, capsize=2
    )


def _paint_baseline(axes: Axes, curve: Curve) -> None:
    judged_weeks = [
        (week, one) for week, one in zip(curve.weeks, curve.signals, strict=True) if one.upper
    ]
    if judged_weeks:
        weeks = [week for week, _ in judged_weeks]
        axes.step(
            weeks,
            [one.upper or 0 for _, one in judged_weeks],
            where="mid",
            color=VERMILION,
            linewidth=1.4,
            label="threshold",
        )
        axes.step(
            weeks,
            [one.expected or 0 for _, one in judged_weeks],
            where="mid",
            color=GREEN,
            linewidth=1.4,
            label="expected",
        )
    top = max([*curve.counts, *(one.median for one in curve.latest), SMALL])
    for level, marker in (("signal", "v"), ("watch", "^")):
        weeks = [w for w, one in zip(curve.weeks, curve.signals, strict=True) if one.level == level]
        if weeks:
            axes.plot(
                weeks,
                [-0.03 * top] * len(weeks),
                linestyle="none",
                marker=marker,
                color=STATUS_COLOURS[level],
                clip_on=False,
                markersize=5,
                label=level,
            )


def _paint_forecast(axes: Axes, curve: Curve) -> None:
    weeks = [curve.weeks[-1] + step for step in range(1, len(curve.ahead) + 1)]
    for low, high, alpha, label in ((0.025, 0.975, 0.2, "95 %"), (0.25, 0.75, 0.4, "50 %")):
        axes.fill_between(
            weeks,
            [one[low] for one in curve.ahead],
            [one[high] for one in curve.ahead],
            color=PURPLE,
            alpha=alpha,
            linewidth=0,
            label=f"forecast, {label}",
        )
    axes.plot(weeks, [one[0.5] for one in curve.ahead], color=PURPLE, marker="o", markersize=3)
