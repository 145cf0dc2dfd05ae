"""Values with their units: can a living adult have them, or do they fit another unit better?

Found are the quantities of `ranges.py` where a name stands before a number ("creatinine 1.2 mg/dL",
"BP 120/80", "72-year-old") and fields whose name is one ("creatinine_mg_dl: 1.2"). A number with a
unit that the table does not have is left alone, and so is a quantity that is not in the table.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from medtune.artifacts import Check
from medtune.data.checks.ranges import RANGES, Range
from medtune.data.checks.shares import Look, by_share
from medtune.records import Example

FAIL = 0.005
"""Share of records with an impossible value from which the data cannot be relied on."""
NUMBER = r"(?P<value>\d+(?:\.\d+)?)"
UNITS = sorted({unit for one in RANGES.values() for unit in one.units}, key=len, reverse=True)
SPACED = {re.sub(r"[^a-z0-9%]+", " ", unit).strip(): unit for unit in UNITS}
"""How a unit is written in the name of a field: "mg dl" for mg/dL."""
UNIT = r"(?P<unit>%|°?\s?[a-zµμ\[][a-z0-9*^/\[\]µμ]*)?"
FLUID = r"(?P<fluid>(?:urin\w*|csf|cerebrospinal fluid|sweat|pleural|ascitic|synovial|fundal) )?"
"""Another fluid or height than the table is about: such a value is left alone."""
BETWEEN = (
    r"(?:[ \t]*(?:\[[^\]\n]*\]|\([^)\n]*\)))?"
    r"(?:[ \t]+(?:in (?:blood|serum|plasma)|level|is|was|of|at|to))*[ \t]*[:=]?[ \t]*"
)
PARTIAL = r"(?![\w.]*\d)(?![ \t]*[-–/'’′][ \t]*\d)(?![ \t]*(?:feet|foot|ft))"
"""Not the first number of a range, a ratio, or feet and inches."""
PATTERNS = {
    name: re.compile(rf"(?<![\w-]){FLUID}(?:{one.names}){BETWEEN}{NUMBER}{PARTIAL}[ \t]*{UNIT}")
    for name, one in RANGES.items()
}
PRESSURE = re.compile(
    r"\b(?:bp|blood pressure)(?: is| was| of)?\s*:?\s*(\d{1,3})\s*/\s*(\d{1,3})\b"
)
AGE = re.compile(r"\b(\d{1,3})[- ]?(?:year|yr)s?[- ]old\b")


class Doubt(NamedTuple):
    """A value that cannot be, or fits another unit."""

    quantity: str
    kind: str
    """"impossible" or "unit"."""


def plausibility(examples: Sequence[Example]) -> Check:
    """How many records hold a value that cannot be, or seems to be in another unit."""
    doubts = {e.id: found for e in examples if (found := find_doubts(e.fields))}
    quantities = sorted({doubt.quantity for found in doubts.values() for doubt in found})
    n_units = sum(any(d.kind == "unit" for d in found) for found in doubts.values())
    told = f" ({n_units} of the latter; {', '.join(quantities)})" if doubts else ""
    look = Look(
        "values and units",
        "plausibility",
        f"hold a value that no living adult has, or that fits another unit{told}",
        "correct the value or its unit at the source, or leave these records out",
        fail=FAIL,
    )
    return by_share(look, list(doubts), len(examples))


def find_doubts(fields: Mapping[str, str]) -> list[Doubt]:
    """The doubtful values of one record."""
    doubts: set[Doubt] = set()
    for name, value in fields.items():
        if re.fullmatch(r"\s*\d+(?:\.\d+)?\s*", value):
            doubts.update(_in_text(_named(name, value), bare=True))
        else:
            doubts.update(_in_text(value.lower(), bare=False))
    return sorted(doubts)


def _named(name: str, value: str) -> str:
    """A field that holds a number only, as text with its name and the unit in its name."""
    words = re.sub(r"[^a-z0-9%]+", " ", name.lower()).strip()
    for spaced, unit in SPACED.items():
        if words.endswith(f" {spaced}"):
            return f"{words.removesuffix(spaced)}{value} {unit}"
    return f"{words} {value}"


def _in_text(text: str, *, bare: bool) -> Iterator[Doubt]:
    """The doubtful values of a text.

    Args:
        text: In lower case.
        bare: Whether a number without a unit is judged for every quantity. In running text it is
            only for those that are written so: "HCT 116" is a cell line.
    """
    for systolic, diastolic in PRESSURE.findall(text):
        if (
            float(systolic) <= float(diastolic)
            or float(systolic) > RANGES["systolic pressure"].possible[1]
        ):
            yield Doubt("blood pressure", "impossible")
    for age in AGE.findall(text):
        if float(age) > RANGES["age"].possible[1]:
            yield Doubt("age", "impossible")
    for name, pattern in PATTERNS.items():
        for match in pattern.finditer(text):
            unit = _unit(match["unit"])
            kind = _doubt(RANGES[name], float(match["value"]), unit)
            judged = bare or RANGES[name].bare or unit in RANGES[name].units
            if kind and judged and not match["fluid"]:
                yield Doubt(name, kind)


def _unit(written: str | None) -> str:
    return (written or "").replace("°", "").replace("µ", "u").replace("μ", "u").strip()


def _doubt(range_: Range, value: float, unit: str) -> str:
    first = next(iter(range_.units))
    if unit not in range_.units:
        if unit and _looks_like_a_unit(unit):
            return ""
        unit = first if range_.bare else ""
    if unit and _inside(range_.valid, range_, value, unit):
        return ""
    if any(_inside(range_.valid, range_, value, other) for other in range_.units if other != unit):
        return "unit" if unit and len(set(range_.units.values())) > 1 else ""
    return "" if unit and _inside(range_.possible, range_, value, unit) else "impossible"


def _looks_like_a_unit(text: str) -> bool:
    """Whether it is a unit of something else, such as mEq or g, and not the next word."""
    return "/" in text or "%" in text or len(text) <= 3  # noqa: PLR2004  mg, mEq, cm


def _inside(limits: tuple[float, float], range_: Range, value: float, unit: str) -> bool:
    factor, offset = range_.units[unit]
    return limits[0] <= value * factor + offset <= limits[1]
