"""Questionnaires out of FHIR R4: a QuestionnaireResponse to scores, by the LOINC codes of items.

The codes are looked for in `linkId` (as US Core and LHC-Forms have them), or else in `definition`;
answers are LOINC answer codes, points, or yes and no. What is stated as a total is never taken: the
total is computed. Of two answers to an item the higher counts. An answer that cannot be read is
missing, which is told and never 0 or no; so one odd item hides no other.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from medtune.clinical.fhir import Resource, entries, items, number, part, text
from medtune.clinical.screening import (
    ANSWERS,
    GAD_7,
    PHQ_2,
    PHQ_9,
    QUESTIONNAIRES,
    Instrument,
    Screening,
    score,
)
from medtune.clinical.screening_suicide import CODES, ORDER, Key, SuicideRisk, screen
from medtune.errors import DataError
from medtune.records import Json

KIND = "QuestionnaireResponse"
CODE = re.compile(r"\d{4,6}-\d")
POINTS: Mapping[str, int] = {
    **{code: n for n, (code, _) in ANSWERS.items()},
    **{words.lower(): n for n, (_, words) in ANSWERS.items()},
}
YES_NO: Mapping[str, bool] = {
    "la33-6": True, "la32-8": False, "373066001": True, "373067005": False, "true": True,
    "false": False, "y": True, "n": False, "1": True, "0": False,
}  # fmt: skip
"""LOINC, SNOMED CT and short forms, in lower case."""
YES = re.compile(r"yes\b")
NO = re.compile(
    r"no\b(?!.*\b(?:but|except|only|yes|sometimes|maybe|although|until|unless)\b)", re.DOTALL
)
"""A "no, but" is not read as no: somebody must ask."""
ORDINAL = (
    "http://hl7.org/fhir/StructureDefinition/ordinalValue",
    "http://hl7.org/fhir/StructureDefinition/itemWeight",
)
KEYS: Mapping[str, Key] = {code: key for key, code in CODES.items()}
ITEMS = frozenset({*PHQ_9.items, *GAD_7.items, *KEYS})


class Taken(NamedTuple):
    """A text, and the questionnaires that were taken out of it."""

    words: str
    forms: Sequence[Resource]
    written: Sequence[str]
    """What somebody wrote in what was taken out: every `valueString` of it."""


class Forms(NamedTuple):
    """What the questionnaires of a person say."""

    screenings: tuple[Screening, ...] = ()
    suicide_risk: SuicideRisk | None = None
    unread: tuple[str, ...] = ()
    """Items, by LOINC code, whose answer could not be read."""


def take_forms(said: str) -> Taken:
    """A text without the QuestionnaireResponses (or Bundles of them) in it, and these.

    Raises:
        DataError: One of them is not JSON.
    """
    found: list[Resource] = []
    written: list[str] = []
    rest, at = said, 0
    while f'"{KIND}"' in rest and (at := rest.find("{", at)) >= 0:
        try:
            value, end = json.JSONDecoder().raw_decode(rest, at)
        except (ValueError, RecursionError):
            at += 1
            continue
        forms = [one for one in entries(value) if one.get("resourceType") == KIND]
        found += forms
        written += _strings(value) if forms else ()
        rest, at = (rest[:at] + rest[end:], at) if forms else (rest, end)
    if f'"{KIND}"' in rest:
        raise DataError(f"a {KIND} in the message is not JSON; send it whole, as FHIR R4 has it")
    return Taken(rest.strip(), found, written)


def _strings(value: Json) -> Iterator[str]:
    """Every `valueString`, wherever it stands."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield from filter(None, [text(one.get("valueString"))])
            waiting += list(one.values())[::-1]
        elif isinstance(one, list):
            waiting += one[::-1]


def read_forms(resources: Sequence[Resource]) -> Forms:
    """The scores of QuestionnaireResponses.

    Raises:
        DataError: One was entered in error, or has no item of a questionnaire that is known.
    """
    screenings: list[Screening] = []
    risks: list[SuicideRisk] = []
    unread: list[str] = []
    for one in resources:
        if one.get("status") == "entered-in-error":
            raise DataError(f"{KIND}: entered in error; send the one that holds")
        answers = _answers(one)
        names = _instruments(answers, text(one.get("questionnaire")))
        if not names and not KEYS.keys() & answers.keys():
            raise DataError(
                f"{KIND}: no item of {', '.join(QUESTIONNAIRES)} or the C-SSRS screener; an item "
                "is known by its LOINC code in linkId"
            )
        for name in names:
            mine = {code: _points(answers.get(code, [])) for code in QUESTIONNAIRES[name].items}
            screenings.append(score(name, mine))
        if KEYS.keys() & answers.keys():
            said = {code: _said(given) for code, given in answers.items() if code in KEYS}
            has_unread = any(said[code] is None and answers[code] for code in said)
            risks.append(screen({KEYS[c]: a for c, a in said.items()}, has_unread=has_unread))
        unread += [
            code
            for code, given in answers.items()
            if given and (_said(given) if code in KEYS else _points(given)) is None
        ]
    worst = max(risks, key=lambda risk: (ORDER.index(risk.level), risk.urgency or 0), default=None)
    return Forms(tuple(screenings), worst, tuple(dict.fromkeys(unread)))


def _answers(resource: Resource) -> dict[str, list[Json]]:
    """The answers of each known item, wherever it stands."""
    found: dict[str, list[Json]] = {}
    waiting = items(resource.get("item"))[::-1]
    while waiting:
        one = waiting.pop()
        stated = part(one, "answer")
        given = stated if isinstance(stated, list) else [stated] if stated else []
        named = [*CODE.findall(text(part(one, "linkId")))[::-1]]
        named += CODE.findall(text(part(one, "definition")))
        code = next((each for each in named if each in ITEMS), None)
        if code is not None:
            found.setdefault(code, []).extend(given)
        for each in (one, *given):
            waiting += items(part(each, "item"))
    return found


def _instruments(answers: Mapping[str, Sequence[Json]], questionnaire: str) -> list[Instrument]:
    """The questionnaires that a response is of: the PHQ-2 only if nothing more was asked."""
    beyond = (answers.keys() & PHQ_9.items.keys()) - PHQ_2.items.keys()
    found: list[Instrument] = []
    if beyond or PHQ_9.panel in questionnaire:
        found.append("PHQ-9")
    elif answers.keys() & PHQ_2.items.keys():
        found.append("PHQ-2")
    if answers.keys() & GAD_7.items.keys():
        found.append("GAD-7")
    return found


def _points(given: Sequence[Json]) -> int | None:
    """The highest points of the answers to an item; None if none can be read."""
    found = [points for one in given if (points := _point(one)) is not None]
    return max(found, default=None)


def _point(answer: Json) -> int | None:
    coding = part(answer, "valueCoding")
    for said in (part(coding, "code"), part(coding, "display"), part(answer, "valueString")):
        if (points := POINTS.get(text(said), POINTS.get(text(said).lower()))) is not None:
            return points
    weights = [
        part(one, "valueDecimal")
        for one in items(part(coding, "extension"))
        if part(one, "url") in ORDINAL
    ]
    stated = (part(answer, "valueInteger"), part(answer, "valueDecimal"), *weights)
    numbers = [value for one in stated if (value := number(one)) is not None]
    return next((int(value) for value in numbers if value in ANSWERS), None)


def _said(given: Sequence[Json]) -> bool | None:
    """Yes if any answer to an item is yes; None if none is, and one or all cannot be read."""
    found = [_yes_or_no(one) for one in given]
    if True in found:
        return True
    return False if found and None not in found else None


def _yes_or_no(answer: Json) -> bool | None:
    coding = part(answer, "valueCoding")
    stated = [part(answer, f"value{kind}") for kind in ("Boolean", "Integer", "Decimal", "String")]
    read = [_meaning(one) for one in (*stated, part(coding, "code"), part(coding, "display"))]
    if True in read:
        return True
    return False if False in read else None


def _meaning(stated: Json) -> bool | None:
    """Yes or no in a value: true, 1, a code, or words that begin with yes or no."""
    if isinstance(stated, bool):
        return stated
    if (count := number(stated)) is not None:
        return {0.0: False, 1.0: True}.get(count)
    words = text(stated).strip().lower()
    if YES.match(words):
        return True
    return False if NO.match(words) else YES_NO.get(words)
