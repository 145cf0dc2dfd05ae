"""Units of measurement: a subset of UCUM, by exact factors, and clinical spellings of it.

Source: The Unified Code for Units of Measure, version 2.2 (2024), ucum.org; factors of the atoms
as there, exact as fractions. `eq` and `osm` stay dimensions of their own here (UCUM calls both
1 mol): a milliequivalent of calcium is half a millimole, so only an analyte's charge turns one into
the other. Mass and amount of substance are turned into each other by the analyte's molar mass.
"""

import re
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from medtune.errors import DataError

PREFIXES = {
    "G": 9, "M": 6, "k": 3, "h": 2, "da": 1, "d": -1, "c": -2, "m": -3, "u": -6, "n": -9,
    "p": -12, "f": -15,
}  # fmt: skip
METRIC: dict[str, tuple[Fraction, dict[str, int]]] = {
    "g": (Fraction(1), {"mass": 1}),
    "m": (Fraction(1), {"length": 1}),
    "s": (Fraction(1), {"time": 1}),
    "K": (Fraction(1), {"temperature": 1}),
    "mol": (Fraction(1), {"amount": 1}),
    "eq": (Fraction(1), {"charge": 1}),
    "osm": (Fraction(1), {"osmoles": 1}),
    "L": (Fraction(1, 1000), {"length": 3}),
    "l": (Fraction(1, 1000), {"length": 3}),
    "[IU]": (Fraction(1), {"international units": 1}),
    "U": (Fraction(1, 60_000_000), {"amount": 1, "time": -1}),
    "kat": (Fraction(1), {"amount": 1, "time": -1}),
    "Pa": (Fraction(1000), {"mass": 1, "length": -1, "time": -2}),
    "m[Hg]": (Fraction(133_322_000), {"mass": 1, "length": -1, "time": -2}),
    "m[H2O]": (Fraction(9_806_650), {"mass": 1, "length": -1, "time": -2}),
    "J": (Fraction(1000), {"mass": 1, "length": 2, "time": -2}),
    "cal": (Fraction(4184), {"mass": 1, "length": 2, "time": -2}),
    "Hz": (Fraction(1), {"time": -1}),
}
"""Atoms that take a prefix: factor in grams, metres, seconds, kelvins, moles; dimension."""
PLAIN: dict[str, tuple[Fraction, dict[str, int]]] = {
    "min": (Fraction(60), {"time": 1}),
    "h": (Fraction(3600), {"time": 1}),
    "d": (Fraction(86_400), {"time": 1}),
    "wk": (Fraction(604_800), {"time": 1}),
    "mo": (Fraction(2_629_800), {"time": 1}),
    "a": (Fraction(31_557_600), {"time": 1}),
    "%": (Fraction(1, 100), {}),
    "[pH]": (Fraction(1), {"pH": 1}),
    "[lb_av]": (Fraction(45_359_237, 100_000), {"mass": 1}),
    "[oz_av]": (Fraction(45_359_237, 1_600_000), {"mass": 1}),
    "[in_i]": (Fraction(254, 10_000), {"length": 1}),
    "[ft_i]": (Fraction(3048, 10_000), {"length": 1}),
    "10*": (Fraction(10), {}),
    "10^": (Fraction(10), {}),
}
"""Atoms that take no prefix."""
TEMPERATURES = {"Cel": (Fraction(1), Fraction(27_315, 100)),
                "[degF]": (Fraction(5, 9), Fraction(45_967, 180))}  # fmt: skip
"""Scales with a zero of their own: kelvins = factor * value + zero."""
SPELLINGS = {
    "mcg": "ug", "µg": "ug", "μg": "ug", "mcg/dl": "ug/dL", "cc": "mL", "ml": "mL", "dl": "dL",
    "gm": "g", "gram": "g", "grams": "g", "milligram": "mg", "milligrams": "mg",
    "microgram": "ug", "micrograms": "ug", "kilogram": "kg", "kilograms": "kg", "kgs": "kg",
    "deciliter": "dL", "milliliter": "mL", "milliliters": "mL", "nanogram": "ng",
    "liter": "L", "liters": "L", "litre": "L",
    "iu": "[IU]", "unit": "[IU]", "units": "[IU]", "meq": "meq", "mmol": "mmol",
    "mmhg": "mm[Hg]", "mm hg": "mm[Hg]", "cmh2o": "cm[H2O]",
    "°c": "Cel", "c": "Cel", "degrees celsius": "Cel", "°f": "[degF]", "f": "[degF]",
    "degrees fahrenheit": "[degF]", "bpm": "/min", "beats/min": "/min", "breaths/min": "/min",
    "beats per minute": "/min", "breaths per minute": "/min", "percent": "%",
    "lb": "[lb_av]", "lbs": "[lb_av]", "pound": "[lb_av]", "pounds": "[lb_av]",
    "oz": "[oz_av]", "ounce": "[oz_av]", "ounces": "[oz_av]",
    "in": "[in_i]", "inch": "[in_i]", "inches": "[in_i]", "ft": "[ft_i]", "foot": "[ft_i]",
    "feet": "[ft_i]", "cm": "cm", "centimeter": "cm", "centimeters": "cm", "mm": "mm",
    "millimeter": "mm", "millimeters": "mm", "sec": "s", "secs": "s", "second": "s",
    "seconds": "s", "minute": "min", "minutes": "min", "mins": "min", "hr": "h", "hrs": "h",
    "hour": "h", "hours": "h", "day": "d", "days": "d", "week": "wk", "weeks": "wk",
    "month": "mo", "months": "mo", "year": "a", "years": "a", "yr": "a", "yrs": "a",
    "k/ul": "10*3/uL", "/mm3": "/uL", "mm3": "uL", "x10^9/l": "10*9/L", "10^9/l": "10*9/L",
    "x10^3/ul": "10*3/uL", "10^3/ul": "10*3/uL", "msec": "ms", "msecs": "ms",
}  # fmt: skip
"""How clinicians write a unit, in lower case, and its UCUM code."""
PART = re.compile(r"(?P<sign>[./]?)(?P<atom>10[*^]|\[[A-Za-z_]+\]|%|[A-Za-z]+(?:\[[A-Za-z0-9]+\])?"
                  r"(?:_[a-z]+\])?)(?P<power>[+-]?\d+)?(?P<note>\{[^}]*\})?")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit as a factor of base units, its dimension, and its zero for temperatures."""

    code: str
    factor: Fraction
    dimension: tuple[tuple[str, int], ...]
    zero: Fraction = Fraction(0)


@dataclass(frozen=True, slots=True)
class Substance:
    """What must be known of an analyte to turn grams into moles and equivalents into moles."""

    name: str
    molar_mass_g_mol: Fraction | None = None
    charge: int | None = None
    """Elementary charges of one ion, without sign."""


def ucum(spelling: str) -> str:
    """The UCUM code of a unit as a clinician writes it; the text itself if it has none."""
    folded = " ".join(spelling.lower().split())
    if folded in SPELLINGS:
        return SPELLINGS[folded]
    parts = folded.split("/")
    known = [SPELLINGS.get(part, part) for part in parts]
    joined = "/".join(known)
    for code in (spelling.strip(), joined, joined.replace("/l", "/L").replace("ul", "uL")):
        try:
            parse_unit(code)
        except DataError:
            continue
        return code
    return spelling.strip()


@lru_cache(maxsize=512)
def parse_unit(code: str) -> Unit:
    """Read a UCUM code such as "mg/dL", "10*3/uL", "mm[Hg]" or "mL/min/{1.73_m2}".

    Raises:
        DataError: The code is empty or holds an atom that is not in the subset.
    """
    if code in TEMPERATURES:
        factor, zero = TEMPERATURES[code]
        return Unit(code, factor, (("temperature", 1),), zero)
    factor, dimension = Fraction(1), Counter[str]()
    rest = re.sub(r"/?\{[^}]*\}", "", code)  # an annotation has no dimension
    if not rest:
        if code.startswith("{"):
            return Unit(code, factor, ())
        raise DataError("a unit is empty; write its UCUM code, or {} for none")
    place = 0
    while place < len(rest):
        match = PART.match(rest, place)
        if match is None or (place > 0 and not match["sign"]):
            raise DataError(_unknown(code))
        power = int(match["power"] or 1) * (-1 if match["sign"] == "/" else 1)
        atom_factor, atom_dimension = _atom(match["atom"], code)
        factor *= atom_factor**power
        for name, exponent in atom_dimension.items():
            dimension[name] += exponent * power
        place = match.end()
    return Unit(code, factor, tuple(sorted((n, e) for n, e in dimension.items() if e)))


def _atom(text: str, code: str) -> tuple[Fraction, dict[str, int]]:
    for atoms in (PLAIN, METRIC):
        if text in atoms:
            return atoms[text]
    for prefix, exponent in PREFIXES.items():
        rest = text.removeprefix(prefix)
        if rest != text and rest in METRIC:
            factor, dimension = METRIC[rest]
            return factor * Fraction(10) ** exponent, dimension
    raise DataError(_unknown(code))


def _unknown(code: str) -> str:
    return f"unit {code!r} is not in the UCUM subset; see clinical/units.py for what is"


def convert(value: float, unit: str, to: str, substance: Substance | None = None) -> float:
    """The same quantity in another unit.

    Raises:
        DataError: A unit is unknown, or the two measure different things and nothing known of the
            substance connects them.
    """
    return float(convert_exact(Fraction(value), unit, to, substance))


def convert_exact(
    value: Fraction, unit: str, to: str, substance: Substance | None = None
) -> Fraction:
    """As `convert`, without rounding.

    Raises:
        DataError: As for `convert`.
    """
    source, target = parse_unit(unit), parse_unit(to)
    base = value * source.factor + source.zero
    if source.dimension != target.dimension:
        base *= _bridge(source, target, substance)
    return (base - target.zero) / target.factor


def _bridge(source: Unit, target: Unit, substance: Substance | None) -> Fraction:
    """What one base unit of the source's dimension is in the target's."""
    change = Counter(dict(target.dimension))
    change.subtract(dict(source.dimension))
    moved = {name: n for name, n in change.items() if n}
    mass = substance.molar_mass_g_mol if substance else None
    charge = substance.charge if substance else None
    factors: dict[tuple[tuple[str, int], ...], Fraction | None] = {
        (("amount", 1), ("mass", -1)): 1 / mass if mass else None,
        (("amount", -1), ("mass", 1)): mass,
        (("amount", 1), ("charge", -1)): Fraction(1, charge) if charge else None,
        (("amount", -1), ("charge", 1)): Fraction(charge) if charge else None,
        (("charge", 1), ("mass", -1)): Fraction(charge) / mass if charge and mass else None,
        (("charge", -1), ("mass", 1)): mass / charge if charge and mass else None,
    }
    factor = factors.get(tuple(sorted(moved.items())))
    if factor is None:
        name = substance.name if substance else "an unnamed substance"
        raise DataError(
            f"{source.code} cannot be turned into {target.code} for {name}: they measure different "
            "things, or its molar mass or charge is not in the table"
        )
    return factor
