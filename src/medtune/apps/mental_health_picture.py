"""The mood trend as a picture: each scale over time with its bands, its trend and its warnings.

One HTML page that needs nothing else: the SVG is inline, text stays text.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from html import escape

from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure

from medtune.clinical.mood import SCALES, Point, Scale, Trend, trend
from medtune.clinical.screening import QUESTIONNAIRES
from medtune.clinical.screening_change import RELIABLE
from medtune.errors import DataError
from medtune.report.plots.canvas import BLUE, GREY, INK, PALE, VERMILION, WIDE, draw

ROW_HEIGHT = 2.1
WORDS = {
    "better": "getting better",
    "worse": "getting worse",
    "no clear change": "no clear change",
    "not enough data": "not enough data to tell",
}
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; color: #1f2933; max-width: 860px; margin: 2rem auto;
        padding: 0 1rem; }}
h1 {{ font-size: 1.3rem; margin: 0; }}
svg {{ width: 100%; height: auto; font-family: system-ui, sans-serif; }}
li.alarm {{ color: #a23b00; font-weight: 600; }}
small {{ color: #52606d; }}
</style>
<h1>{title}</h1>
{svg}
<ul>{lines}</ul>
<small>Trend: median slope of all pairs of days with its 95 % interval (Theil 1950, Sen 1968).
Bands: severities of PHQ-9 (Kroenke 2001) and GAD-7 (Spitzer 2006). A picture for a talk, not a
diagnosis.</small>
</html>
"""


def picture(
    series: Mapping[str, Sequence[Point]],
    *,
    title: str = "Mood over time",
    alarms: Mapping[date, str] | None = None,
) -> str:
    """A page with one panel for each scale.

    Args:
        series: Check-ins by scale: mood (0 to 10), PHQ-9, GAD-7 or CES-D.
        title: What stands above; no name of a patient is needed.
        alarms: Days on which safety was to be assessed, with the reason.

    Raises:
        DataError: There is nothing to draw, a scale is unknown, or a value lies outside it.
    """
    shown = {name: sorted(points, key=_day) for name, points in series.items() if points}
    unknown = sorted(shown.keys() - SCALES.keys())
    if unknown or not shown:
        raise DataError(
            f"picture: {', '.join(unknown)}: not one of {', '.join(SCALES)}"
            if unknown
            else "picture: there is no check-in to draw"
        )
    trends = {name: trend(points, SCALES[name]) for name, points in shown.items()}
    marks = alarms or {}

    def paint(figure: Figure) -> None:
        panels = figure.subplots(len(shown), 1, sharex=True, squeeze=False)
        for axes, (name, points) in zip(panels[:, 0], shown.items(), strict=True):
            _panel(axes, SCALES[name], points, trends[name], list(marks))

    label = "; ".join(_line(name, found) for name, found in trends.items())
    svg = draw("mood-trend", (WIDE, ROW_HEIGHT * len(shown) + 0.4), label, paint)
    lines = [f"<li>{escape(_line(name, found))}</li>" for name, found in trends.items()]
    lines += [
        f'<li class="alarm">{day.isoformat()}: {escape(why)}</li>'
        for day, why in sorted(marks.items())
    ]
    return PAGE.format(title=escape(title), svg=svg, lines="".join(lines))


def _day(point: Point) -> date:
    return point.day


def _line(name: str, found: Trend) -> str:
    """The trend of a scale in one line."""
    words = f"{name}: {WORDS[found.direction]} ({found.n} check-ins"
    if found.per_week is None or found.low is None or found.high is None:
        return f"{words}; five over a week are needed)"
    return f"{words}; {found.per_week:+.2f} a week, {found.low:+.2f} to {found.high:+.2f})"


def _panel(
    axes: Axes, scale: Scale, points: Sequence[Point], found: Trend, alarms: Sequence[date]
) -> None:
    days = [float(date2num(point.day)) for point in points]
    values = [point.value for point in points]
    _bands(axes, scale)
    axes.plot(days, values, color=GREY, linewidth=1, zorder=2)
    axes.plot(days, values, "o", color=BLUE, markersize=5, zorder=3)
    if found.per_week is not None:
        middle, height = _middle(days), _middle(values)
        ends = (days[0], days[-1])
        axes.plot(
            ends,
            [height + (day - middle) / 7 * found.per_week for day in ends],
            color=INK,
            linestyle="--",
            linewidth=1.2,
        )
    for day in alarms:
        axes.axvline(float(date2num(day)), color=VERMILION, linewidth=1.4, zorder=1)
    axes.set_ylim(scale.low - 0.03 * scale.high, scale.high * 1.03)
    axes.set_ylabel(scale.name)
    good = "higher is better" if scale.more_is_better else "lower is better"
    reliable = RELIABLE.get(scale.name)
    axes.set_title(f"{good}; reliable change {reliable:g}" if reliable else good, fontsize=8.5)
    locator = AutoDateLocator(minticks=3, maxticks=8)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))


def _middle(values: Sequence[float]) -> float:
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def _bands(axes: Axes, scale: Scale) -> None:
    """The severities as stripes with their names, where the scale has them."""
    form = QUESTIONNAIRES.get(scale.name)
    if form is None:
        return
    tops = [low for low, _ in form.bands[1:]] + [form.highest]
    for i, ((low, name), top) in enumerate(zip(form.bands, tops, strict=True)):
        if i % 2:
            axes.axhspan(low, top, color=PALE, zorder=0)
        axes.text(
            1.005, (low + top) / 2, name, transform=axes.get_yaxis_transform(), fontsize=7.5,
            va="center", color=INK,
        )  # fmt: skip
