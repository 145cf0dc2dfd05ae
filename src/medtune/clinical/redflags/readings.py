"""What a meter says: oxygen, sugar, ketones, pulse, pressure and a low temperature.

Sources: oxygen, NICE NG191 and BTS 2017: 92 % or less; blood pressure, NICE NG136 (2019): 180/120,
in pregnancy NICE NG133 (2019): 140/90 and 160/110; glucose, ADA Standards of Care 2025, section 6:
under 54 and 70 mg/dL (3.0 and 3.9 mmol/L), and over 250 mg/dL (13.9 mmol/L) as a sign to test
ketones; ketones, JBDS 02 (2023); fast pulse, NICE NG253 (2025): over 130; low readings, within the
highest score of NEWS2 (Royal College of Physicians 2017: pressure 90, pulse 40, temperature 35.0 C
or less): under 90 mmHg (NHS, Low blood pressure, 2023), under 40 a minute, under 35 C (NHS,
Hypothermia, 2023).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from medtune.clinical.redflags.lexicon import Found
from medtune.clinical.redflags.text import Text

PRESSURE = re.compile(r"(\d{2,3})/(\d{2,3})")
OXYGEN = {"oxygen", "o2", "spo2", "sats", "sat", "saturation", "sp02", "oximeter"}
SUGAR = {"sugar", "sugars", "glucose", "bg", "bs", "bgl", "bm", "cbg", "dexcom", "libre"}
KETONES = {"ketone", "ketones"}
PULSE = {"pulse", "heartrate", "hr", "bpm", "rate", "heart", "heartbeat"}
TEMPERATURE = {"temp", "temps", "temperature", "temperatures"}
MMOL = {"mmol", "mmols", "mmoll", "millimoles", "millimole"}
MG = {"mg", "mgs", "mgdl"}
UNITS = frozenset(
    ("kg", "kilos", "lbs", "pounds", "cm", "mm", "mg", "ml", "g", "weeks", "years", "percent", "km")
)
"""Units that make a number no temperature and no pulse."""
OTHER_COUNTS = frozenset(
    (
        *("years", "year", "yr", "yrs", "yo", "old", "weeks", "week", "wks", "months", "month"),
        *("days", "day", "hours", "hour", "hrs", "minutes", "minute", "mins", "min", "times"),
        *("units", "unit", "u", "iu", "g", "gram", "grams", "kg", "lbs", "pounds", "carbs", "am"),
        *("pm", "people", "points", "liters", "litres", "liter", "litre", "l"),
    )
)
"""Words behind a number that make it no reading."""
SURROUNDINGS = frozenset(
    (
        *("outside", "outdoors", "weather", "room", "water", "bath", "house", "home", "heating"),
        *("thermostat", "oven", "fridge", "freezer", "pool", "car", "office", "summer", "winter"),
    )
)
"""What else has a temperature."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number with the letters that follow it, such as 38.5 and "c"."""

    value: float
    unit: str
    place: int


def find_readings(text: Text, number: Number, near: frozenset[str]) -> Iterator[str]:
    """The concepts that a number states as a reading.

    Args:
        text: The message.
        number: One of its numbers.
        near: The words around it.
    """
    value, unit = number.value, number.unit or _after(text, number.place)
    is_reading = unit not in OTHER_COUNTS and not _is_age(text, number)
    if near & OXYGEN and (50 <= value <= 92 or _is_low_oxygen(text, number, unit)):  # noqa: PLR2004
        yield "oxygen_low"
    if near & SUGAR and is_reading:
        yield from _sugar(value, _sugar_unit(text, number, unit, near))
    if near & KETONES and 1.5 <= value < 15:  # noqa: PLR2004  mmol/L in blood
        yield "ketones"
    if near & PULSE and not near & UNITS and 130 < value < 300:  # noqa: PLR2004
        yield "pulse_fast"
    if near & PULSE and is_reading and _is_slow_pulse(text, number, unit):
        yield "pulse_slow"
    if near & TEMPERATURE and is_reading and not near & SURROUNDINGS:
        has_unit = unit in ("c", "f", "celsius", "fahrenheit", "degrees")
        is_low = 28 <= value < 35 or 82.4 <= value < 95  # noqa: PLR2004  Celsius or Fahrenheit
        if is_low and (has_unit or _led_by(text, number.place, TEMPERATURE, 4)):
            yield "temperature_low"


def find_pressure(text: Text, place: int, near: frozenset[str]) -> Iterator[Found]:
    """The concepts of a blood pressure such as "220/130" or "220 over 130"."""
    spoken = text.words[place + 1 : place + 2] == ("over",)
    said = "/".join(text.words[place : place + 3 : 2]) if spoken else text.words[place]
    if (match := PRESSURE.fullmatch(said)) is None:
        return
    systolic, diastolic = int(match[1]), int(match[2])
    if not 40 <= systolic <= 300 or not 20 <= diastolic < systolic:  # noqa: PLR2004  no pressure
        return
    steps = (("pressure_180", 180, 120), ("pressure_160", 160, 110), ("pressure_140", 140, 90))
    for name, high, low in steps:
        if systolic >= high or diastolic >= low:
            yield Found(name, place, place + 1)
    if systolic < 90 and near & {"bp", "pressure"}:  # noqa: PLR2004  "70/30" may be an insulin
        yield Found("pressure_low", place, place + 1)


def _after(text: Text, place: int, steps: int = 1) -> str:
    """The word behind a place, or "" where its sentence ends."""
    at = place + steps
    is_here = at < len(text.words) and text.sentence[at] == text.sentence[place]
    return text.words[at] if is_here else ""


def _led_by(text: Text, place: int, words: set[str], reach: int) -> bool:
    """Whether one of the words stands in the sentence before a place, at most so far away."""
    low = max(place - reach, 0)
    return any(
        text.words[i] in words and text.sentence[i] == text.sentence[place]
        for i in range(low, place)
    )


def _is_age(text: Text, number: Number) -> bool:
    """Whether a bare number is the age in "I am 32" or "aged 32"."""
    before = text.words[max(number.place - 2, 0) : number.place]
    return before[-1:] in (("im",), ("aged",), ("age",)) or before == ("i", "am")


def _is_low_oxygen(text: Text, number: Number, unit: str) -> bool:
    """Whether a number under 50 is a saturation: "sat" may be a chair, and oxygen has litres."""
    before = text.words[max(number.place - 2, 0) : number.place]
    is_led = _led_by(text, number.place, OXYGEN - {"sat"}, 3) or before == ("sat", "is")
    return 20 <= number.value < 50 and is_led and unit not in OTHER_COUNTS  # noqa: PLR2004


def _is_slow_pulse(text: Text, number: Number, unit: str) -> bool:
    place = number.place
    names = {"pulse", "heartrate", "heartbeat", "hr", "bpm"}
    is_rate = _led_by(text, place, {"heart"}, 5) and _led_by(text, place, {"rate"}, 4)
    is_pulse = unit in ("bpm", "beats") or _led_by(text, place, names, 3) or is_rate
    is_other = _led_by(text, place, {"variability", "oximeter", "pressure"}, 3)
    return 20 <= number.value < 40 and is_pulse and not is_other  # noqa: PLR2004


def _sugar_unit(text: Text, number: Number, unit: str, near: frozenset[str]) -> str:
    """The unit of a sugar: mmol/L, mg/dL, another ("mol": HbA1c) or "" where none is stated."""
    if unit in MMOL:
        return "mol" if not number.unit and _after(text, number.place, 2) == "mol" else "mmol"
    if unit in MG or near & {"dl", "mgdl"}:
        return "mg"
    return "mmol" if near & MMOL and not near & KETONES else ""


def _sugar(value: float, unit: str) -> Iterator[str]:
    """The band of a sugar. Without a unit, 20 to 33.3 may be far too low or far too high."""
    mg = value if unit == "mg" else 0.0
    mmol = value if unit == "mmol" else 0.0
    if unit == "":
        is_mmol = value < 20  # noqa: PLR2004  nobody writes with less in mg/dL
        mg, mmol = (0.0, value) if is_mmol else (value, 0.0)
    if unit == "" and 20 <= value <= 33.3:  # noqa: PLR2004  33.3 mmol/L: most meters' highest
        yield "sugar_unclear"
    elif 0 < mg < 54 or 0 < mmol < 3.0:  # noqa: PLR2004
        yield "sugar_very_low"
    elif 0 < mg < 70 or 0 < mmol < 3.9:  # noqa: PLR2004
        yield "sugar_low"
    elif 250 < mg < 2000 or mmol > 13.9:  # noqa: PLR2004
        yield "sugar_high"
