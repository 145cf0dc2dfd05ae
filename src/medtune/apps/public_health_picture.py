"""What a person looks at: the epidemic curve with its signals, all places of the week, the report.

`python -m medtune.apps.public_health_picture FILE OUT.html [PLACE] [WEEK]` draws one place of a
file that `public_health_data` can read. The page holds all it shows and loads nothing.
"""

import sys
from html import escape
from pathlib import Path

from medtune.apps.public_health import judged
from medtune.apps.public_health_data import CaseSeries, read
from medtune.apps.public_health_plots import Curve, draw_curve, draw_map, draw_places
from medtune.artifacts import write_text
from medtune.clinical.surveillance.forecast import damped
from medtune.clinical.surveillance.report import cells, write_report
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

BACK_WEEKS = 52
LEVELS = (0.025, 0.25, 0.5, 0.75, 0.975)
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 16px/1.5 system-ui, sans-serif; color: #1F2933; max-width: 60rem; margin: 2rem auto;
  padding: 0 1rem; }}
svg {{ width: 100%; height: auto; }} h1 {{ font-size: 1.4rem; }} h2 {{ font-size: 1.1rem; }}
table {{ border-collapse: collapse; }} td {{ padding: .15rem 1.2rem .15rem 0; }}
.note {{ color: #52606D; font-size: .9rem; }}
</style></head><body>
<h1>{title}</h1><p class="note">As known at the end of {day}. A signal is a reason to look, not an
outbreak; a person verifies it. Draft until confirmed by an epidemiologist.</p>
{curve}<h2>Report</h2><p>{report}</p><h2>Cells</h2><table>{cells}</table>
<h2>All places this week</h2>{places}
<p class="note">Counts of 1 to {small} are withheld and drawn as one height. False discovery rate
controlled over all places.</p></body></html>
"""


def picture(path: Path, place: str | None = None, week: str | None = None) -> str:
    """One HTML page: curve, report and cells of a place, and all places of that week.

    Args:
        path: A file with cases.
        place: None takes the place with most cases.
        week: Such as 2015-W36; None takes the place's week with most cases.

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


def main(source: str, out: str, place: str | None = None, week: str | None = None) -> None:
    """Write the page."""
    write_text(Path(out), picture(Path(source), place, week))


if __name__ == "__main__":
    main(*sys.argv[1:])
