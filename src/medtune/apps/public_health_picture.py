"""What a person looks at: the epidemic curve with its signals, all places of the week, the report.

Where the model has written a report, its claims stand there too, with what the cells refuse of
them. The page holds all it shows and loads nothing.
"""

from html import escape
from pathlib import Path

from medtune.apps.public_health import facts, judged
from medtune.apps.public_health_data import CaseSeries, read
from medtune.apps.public_health_plots import Curve, draw_coverage, draw_curve, draw_map, draw_places
from medtune.clinical.surveillance.forecast import damped
from medtune.clinical.surveillance.report import cells, claims, write_report
from medtune.clinical.surveillance.series import last_day, pooled, week_label, weekly_counts
from medtune.clinical.surveillance.situation import (
    FORECAST_WEEKS,
    Facts,
    case_facts,
    completed,
    delays,
    nowcasts,
)
from medtune.clinical.surveillance.suppress import SMALL
from medtune.errors import ConfigError, did_you_mean
from medtune.records import View

BACK_WEEKS = 52
LEVELS = (0.025, 0.25, 0.5, 0.75, 0.975)
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 16px/1.5 system-ui, sans-serif; color: #1F2933; max-width: 60rem; margin: 2rem auto;
  padding: 0 1rem; }}
svg {{ width: 100%; height: auto; }} h1 {{ font-size: 1.4rem; }} h2 {{ font-size: 1.1rem; }}
table {{ border-collapse: collapse; }} td {{ padding: .15rem 1.2rem .15rem 0; }}
.note {{ color: #52606D; font-size: .9rem; }} .wrong {{ color: #a31616; font-weight: 600; }}
</style></head><body>
<h1>{title}</h1><p class="note">As known at the end of {day}. A signal is a reason to look, not an
outbreak; a person verifies it. Draft until confirmed by an epidemiologist.</p>
{curve}<h2>Report</h2><p>{report}</p>{said}<h2>Cells</h2><table>{cells}</table>
<h2>All places this week</h2>{places}
<p class="note">Counts of 1 to {small} are withheld and drawn as one height. False discovery rate
controlled over all places.</p></body></html>
"""
COVERAGE_PAGE = (
    PAGE[: PAGE.index("<h1>")]
    + """<h1>{title}</h1><p class="note">Shares with their 95 % intervals; the line is the target.
Draft until confirmed by an epidemiologist.</p>
{bars}<h2>Report</h2><p>{report}</p>{said}<h2>Cells</h2><table>{cells}</table></body></html>
"""
)


def draw_record(view: View) -> str:
    """The page of a record, out of the sources of its run.

    Raises:
        ConfigError: The record's place is in none of the sources.
    """
    cells = {key: str(value) for key, value in facts(view.record).items()}
    said = _said(view, cells)
    if cells["status"] == "coverage":
        return _coverage_page(cells, said)
    for path in view.sources():
        if path.name == view.record.source or not view.record.source:
            return picture(path, cells["place"], cells["period"], said)
    raise ConfigError(f"record {view.record.id!r}: its source is not one of data.sources")


def _said(view: View, cells: Facts) -> str:
    """What the model claimed, and what the cells refuse of it; empty if it was not asked."""
    answer = view.answers.get(view.record.id)
    if not isinstance(answer, list):
        return ""
    borne = claims(cells, write_report(cells))
    lines = "".join(
        f"<li>{escape(str(one))}</li>"
        if one in borne
        else f'<li class="wrong">{escape(str(one))}: the cells do not say so</li>'
        for one in answer
    )
    return f"<h2>What the model claimed</h2><ul>{lines}</ul>"


def _coverage_page(known: Facts, said: str) -> str:
    """The coverage of a place against the target, with its report and cells."""
    title = f"{known['topic'].capitalize()} in {known['place']}, {known['period']}"
    return COVERAGE_PAGE.format(
        title=escape(title),
        bars=draw_coverage(known, title),
        report=escape(write_report(known)),
        said=said,
        cells=_table(cells(known)),
    )


def picture(path: Path, place: str | None = None, week: str | None = None, said: str = "") -> str:
    """One HTML page: curve, report and cells of a place, and all places of that week.

    Args:
        path: A file with cases.
        place: None takes the place with most cases.
        week: Such as 2015-W36; None takes the place's week with most cases.
        said: What a model said of it, as HTML.

    Raises:
        ConfigError: The file has no cases, or not that place or week.
        DataError: The file cannot be read.
    """
    series = _cases_of(path, place)
    name = place or max(series.places, key=lambda one: len(series.places[one].onsets))
    at = _week(series, name, week)
    everywhere = pooled(list(series.places.values()))
    learn = delays(everywhere, at)
    curve = _curve(series, name, at)
    signals = judged(series, at, learn)
    facts = case_facts(
        series.places[name],
        at,
        signals[name],
        head=(series.topic, name),
        learn=learn,
        first=series.first,
    )
    return PAGE.format(
        title=escape(f"{series.topic.capitalize()} in {name}, {week_label(at)}"),
        day=last_day(at).isoformat(),
        curve=draw_curve(curve, f"Weekly {series.topic} in {name}"),
        report=escape(write_report(facts)),
        said=said,
        cells=_table(cells(facts)),
        places=draw_map(signals, series.centres) + draw_places(signals),
        small=SMALL - 1,
    )


def _cases_of(path: Path, place: str | None) -> CaseSeries:
    found = [source for source in read(path) if isinstance(source, CaseSeries)]
    if place is not None:
        known = [name for series in found for name in series.places]
        found = [series for series in found if place in series.places]
        if not found:
            raise ConfigError(f"place {place!r} is not in {path}{did_you_mean(place, known)}")
    if not found:
        raise ConfigError(f"{path}: no cases in it to draw; coverage has no curve")
    return found[0]


def _week(series: CaseSeries, place: str, label: str | None) -> int:
    """The week asked for, or the one with most cases of those with some history."""
    counts = weekly_counts(series.places[place], series.first, series.last)
    weeks = range(series.first, series.last + 1)
    if label is None:
        return max(weeks, key=lambda week: (counts[week - series.first], week))
    for week in weeks:
        if week_label(week) == label:
            return week
    raise ConfigError(
        f"week {label!r} is not in the data, which has {week_label(series.first)} to "
        f"{week_label(series.last)}"
    )


def _curve(series: CaseSeries, place: str, at: int) -> Curve:
    everywhere = pooled(list(series.places.values()))
    first = max(series.first, at - BACK_WEEKS + 1)
    weeks = list(range(first, at + 1))
    signals = [judged(series, week, delays(everywhere, week))[place] for week in weeks]
    learn = delays(everywhere, at)
    cases = series.places[place]
    latest = nowcasts(cases, at, learn) if learn is not None else []
    start = max(series.first, at - FORECAST_WEEKS + 1)
    whole = completed(weekly_counts(cases, start, at), latest)
    return Curve(
        weeks=weeks,
        counts=weekly_counts(cases, first, at),
        signals=signals,
        latest=latest,
        ahead=damped(whole, 4, levels=LEVELS),
    )


def _table(known: Facts) -> str:
    return "".join(
        f"<tr><td>{escape(key)}</td><td>{escape(text)}</td></tr>" for key, text in known.items()
    )
