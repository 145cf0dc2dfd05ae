"""The mood trend as a picture: each scale over time with its bands, its trend and its warnings.

One HTML page that needs nothing else: the SVG is inline, text stays text.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from html import escape

from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from medtune.clinical.mood import SCALES, Point, Scale, Trend, trend
from medtune.clinical.redflags import triage
from medtune.clinical.screening import QUESTIONNAIRES
from medtune.clinical.screening_change import RELIABLE
from medtune.clinical.urgency import Urgency
from medtune.errors import DataError
from medtune.records import Example, Json, View
from medtune.report.plots.canvas import BLUE, FAINT, GREY, INK, PALE, VERMILION, WIDE, draw

ROW_HEIGHT = 2.1
FIELDS = {"mood": "mood", "phq_9": "PHQ-9", "gad_7": "GAD-7", "ces_d": "CES-D"}
"""Field of a record to scale."""
EPOCH = date(2000, 1, 1)
DAYS_OF_MONTH = 365.25 / 12
SIX_MONTHS = 6
THRESHOLDS = {"CES-D": 16}
"""The usual threshold of a scale without bands (Radloff 1977)."""
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
    since: date | None = None,
) -> str:
    """A page with one panel for each scale.

    Args:
        series: Check-ins by scale: mood (0 to 10), PHQ-9, GAD-7 or CES-D.
        title: What stands above; no name of a patient is needed.
        alarms: Days on which safety was to be assessed, with the reason.
        since: The first day, where only the months since then are known; None shows the dates.

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
            _label_days(axes, since)

    label = "; ".join(_line(name, found) for name, found in trends.items())
    svg = draw("mood-trend", (WIDE, ROW_HEIGHT * len(shown) + 0.4), label, paint)
    lines = [f"<li>{escape(_line(name, found))}</li>" for name, found in trends.items()]
    lines += [
        f'<li class="alarm">{_told(day, since)}: {escape(why)}</li>'
        for day, why in sorted(marks.items())
    ]
    return PAGE.format(title=escape(title), svg=svg, lines="".join(lines))


def draw_person(view: View) -> str:
    """The check-ins of the person whom a record is of.

    Read are the fields `date` (ISO), or `month` since the first visit, and `mood`, `phq_9`, `gad_7`
    and `ces_d`. A day is marked where the rules, item 9 of PHQ-9 (`phq_9_item_9`) or the tuned
    model say that safety is to be assessed.

    Raises:
        DataError: No check-in of the person has a day and a value.
    """
    person = _person_of(view.record)
    visits = [one for one in view.records if _person_of(one) == person]
    series: dict[str, list[Point]] = {}
    alarms: dict[date, str] = {}
    for one in visits:
        day = _date_of(one)
        if day is None:
            continue
        for field, scale in FIELDS.items():
            if one.fields.get(field):
                series.setdefault(scale, []).append(Point(day, _number(one, field)))
        if why := _why(one, view.answers.get(one.id)):
            alarms[day] = why
    is_dated = any(one.fields.get("date") for one in visits)
    since = None if is_dated else EPOCH
    return picture(series, title="Check-ins of one person", alarms=alarms, since=since)


def _told(day: date, since: date | None) -> str:
    return day.isoformat() if since is None else f"month {(day - since).days / DAYS_OF_MONTH:.0f}"


def _person_of(one: Example) -> str:
    return one.fields.get("person", one.group)


def _date_of(one: Example) -> date | None:
    if one.fields.get("date"):
        try:
            return date.fromisoformat(one.fields["date"])
        except ValueError:
            raise DataError(f"record {one.id!r}: date is not written as 2026-08-01") from None
    if one.fields.get("month"):
        return EPOCH + timedelta(days=round(_number(one, "month") * DAYS_OF_MONTH))
    return None


def _number(one: Example, field: str) -> float:
    try:
        return float(one.fields[field])
    except ValueError:
        raise DataError(f"record {one.id!r}: {field} is not a number") from None


def _why(one: Example, answer: Json) -> str:
    """Why safety was to be assessed on that day; "" if nothing says so. No words of the person."""
    found = triage(one.fields.get("checkin", ""))
    why: list[str] = []
    if found.level is not None and found.level >= Urgency.URGENT:
        why.append(f"rules {', '.join(found.rule_ids)}")
    if one.fields.get("phq_9_item_9", "0") not in ("", "0"):
        why.append("item 9 of PHQ-9 is above 0")
    if answer == "yes":
        why.append("the model would ask about suicide")
    return "; ".join(why)


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
    if scale.name in THRESHOLDS:
        axes.axhline(THRESHOLDS[scale.name], color=FAINT, linewidth=1.2, zorder=0)
        axes.set_title(f"{axes.get_title('left')}; line: {THRESHOLDS[scale.name]}", fontsize=8.5)


def _label_days(axes: Axes, since: date | None) -> None:
    if since is not None:
        axes.set_xlabel("months since the first check-in")
        months = MultipleLocator(SIX_MONTHS * DAYS_OF_MONTH, float(date2num(since)))
        axes.xaxis.set_major_locator(months)
        axes.xaxis.set_major_formatter(
            lambda day, _: f"{(day - float(date2num(since))) / DAYS_OF_MONTH:.0f}"
        )
        return
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
