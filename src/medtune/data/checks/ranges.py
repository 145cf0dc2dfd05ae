"""What a measured value of a living adult can be, by unit.

Limits: MIMIC-Extract, `resources/variable_ranges.csv` (MIT licence, commit d8d2dea of 2022-10-21;
Wang et al. 2020, doi:10.1145/3368555.3384469), made for adults in intensive care: `valid` is its
range of valid values, `possible` its range outside which a value is an error. They are wide on
purpose, and not reference ranges: a value inside may be deadly. Age: the oldest verified age is 122
years (Robine and Allard 1998, Science 279:1831).

Units of concentration are converted by molar mass (g/mol; IUPAC 2021 atomic weights): x mmol/L are
x * mass / 10 mg/dL. Urea nitrogen counts as two nitrogen atoms.
"""

from collections.abc import Mapping
from typing import NamedTuple

DATED = "2022-10-21"


class Range(NamedTuple):
    """The limits of one quantity, in its first unit."""

    names: str
    """A regular expression of the words for it."""
    units: Mapping[str, tuple[float, float]]
    """By unit, the factor and the offset that bring a value to the first unit."""
    valid: tuple[float, float]
    possible: tuple[float, float]
    bare: bool = False
    """Whether a number without a unit is in the first unit; else any of the units may be meant."""


def _molar(mass: float) -> dict[str, tuple[float, float]]:
    return {"mg/dl": (1, 0), "mmol/l": (mass / 10, 0)}


def _micromolar(mass: float) -> dict[str, tuple[float, float]]:
    return {"mg/dl": (1, 0), "umol/l": (mass / 10_000, 0)}


MILLIMOLAR = {"mmol/l": (1.0, 0.0), "meq/l": (1.0, 0.0)}
GRAMS = {"g/dl": (1.0, 0.0), "g/l": (0.1, 0.0)}
PRESSURE = {"mmhg": (1.0, 0.0), "mm[hg]": (1.0, 0.0), "kpa": (7.50062, 0.0)}
"""1 kPa is 7.50062 mmHg (BIPM SI brochure, 9th edition 2019)."""
RATE = {"bpm": (1.0, 0.0), "/min": (1.0, 0.0), "beats/min": (1.0, 0.0), "breaths/min": (1.0, 0.0)}
COUNT = {"10*3/ul": (1.0, 0.0), "k/ul": (1.0, 0.0), "10^9/l": (1.0, 0.0), "x10^9/l": (1.0, 0.0)}

RANGES: Mapping[str, Range] = {
    "age": Range(r"age|aged", {"years": (1, 0), "year": (1, 0), "y": (1, 0)}, (0, 122), (0, 122)),
    "heart rate": Range(r"heart rate|hr|pulse(?: rate)?", RATE, (0, 350), (0, 390), bare=True),
    "respiratory rate": Range(
        r"respiratory rate|respirations?|rr", RATE, (0, 300), (0, 330), bare=True
    ),
    "systolic pressure": Range(
        r"systolic(?: blood pressure)?|sbp", PRESSURE, (0, 375), (0, 375), bare=True
    ),
    "diastolic pressure": Range(
        r"diastolic(?: blood pressure)?|dbp", PRESSURE, (0, 375), (0, 375), bare=True
    ),
    "temperature": Range(
        r"(?<!room )(?<!ambient )(?:body )?temp(?:erature)?",
        {"c": (1, 0), "cel": (1, 0), "f": (5 / 9, -160 / 9), "[degf]": (5 / 9, -160 / 9)},
        (26, 45),
        (14.2, 47),
    ),
    "oxygen saturation": Range(
        r"spo2|sao2|o2 sats?|oxygen saturation|sat(?:uration|s)?", {"%": (1, 0)}, (0, 100), (0, 100)
    ),
    "weight": Range(
        r"(?:body )?weight|wt",
        {"kg": (1, 0), "lb": (0.45359237, 0), "lbs": (0.45359237, 0), "pounds": (0.45359237, 0)},
        (0, 250),
        (0, 650),
    ),
    "height": Range(
        r"(?:body )?height|ht",
        {"cm": (1, 0), "m": (100, 0), "in": (2.54, 0), "inches": (2.54, 0)},
        (20, 240),
        (0, 275),
    ),
    "albumin": Range(r"(?:serum )?albumin", GRAMS, (0.6, 6), (0, 60)),
    "bicarbonate": Range(r"bicarbonate|hco3", MILLIMOLAR, (0, 60), (0, 66)),
    "bilirubin": Range(r"(?:total )?bilirubin", _micromolar(584.66), (0.1, 60), (0, 66)),
    "chloride": Range(r"(?:serum )?chloride", MILLIMOLAR, (50, 175), (0, 200)),
    "cholesterol": Range(r"(?:total )?cholesterol", _molar(386.65), (32, 600), (0, 660)),
    "creatinine": Range(r"(?:serum )?creatinine", _micromolar(113.12), (0.1, 60), (0, 66)),
    "glucose": Range(
        r"(?:blood |serum |fasting |plasma )*(?:glucose|sugar)",
        _molar(180.16),
        (10, 2000),
        (0, 2200),
    ),
    "hematocrit": Range(r"ha?ematocrit|hct", {"%": (1, 0)}, (0, 75), (0, 100)),
    "hemoglobin": Range(r"ha?emoglobin|hgb|hb", GRAMS, (0, 25), (0, 30)),
    "lactate": Range(
        r"lactate|lactic acid", {"mmol/l": (1, 0)} | {"mg/dl": (0.111, 0)}, (0.4, 30), (0, 33)
    ),
    "magnesium": Range(r"magnesium", _molar(24.305), (0, 20), (0, 22)),
    "platelets": Range(r"platelets?(?: count)?|plt", COUNT, (0, 2000), (0, 2200)),
    "potassium": Range(r"(?:serum )?potassium", MILLIMOLAR, (0, 12), (0, 15)),
    "sodium": Range(r"(?:serum )?sodium", MILLIMOLAR, (50, 225), (0, 250)),
    "urea nitrogen": Range(r"bun|(?:blood )?urea nitrogen", _molar(28.014), (0, 250), (0, 275)),
    "white cells": Range(r"wbc|white (?:blood )?cells?(?: count)?", COUNT, (0, 1000), (0, 1100)),
}
"""By quantity. Weight above 250 kg is rare but possible: its outer limit is the heaviest person
recorded, 635 kg (Guinness World Records, J. B. Minnoch 1978), rounded up. The source's lowest valid
glucose is 33 mg/dL; we take 10, for less than 33 is seen in hypoglycaemia."""
