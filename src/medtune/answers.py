"""Read an answer out of a reply. Each function returns None where no answer can be read.

Nothing is guessed: a reply that hedges between two labels, or a number that could be read in two
ways, has no answer.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import cast

from jsonschema.validators import validator_for
from referencing import Registry

from medtune.records import Json

ANSWER = re.compile(r"\banswer\W{0,4}:\W*(?P<rest>[^\n]*)", re.IGNORECASE)
NUMBER_LIKE = re.compile(r"(?<![\w.])[-+\u2212]?(?:[0-9][0-9.,]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
NUMBER = re.compile(r"[-+]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)?(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
BULLET = re.compile(r"^(?:[-*\u2022]\s+|[0-9]{1,3}[.)]\s+)")
FENCE = re.compile(r"^```(?:json)?\s*|\s*```$", re.IGNORECASE)
NOTHING = frozenset({"none", "[]"})


def find_label(text: str, labels: Sequence[str]) -> str | None:
    """The label that the reply is; else the only one it mentions; else the one after "Answer:".

    Case and punctuation around it are ignored. A label of one character counts as mentioned only
    in its own case, for "a" is a word. Where a long label holds a short one ("no effect", "no"),
    the long one is meant. If the line after the last "Answer:" names several labels, there is no
    answer: a hedge is not one.
    """
    by_text = {_bare(label): label for label in reversed(labels)}
    whole = by_text.get(_bare(text))
    if whole is not None:
        return whole
    mentioned = _mentioned(text, labels)
    if len(mentioned) > 1:
        rests = [match["rest"] for match in ANSWER.finditer(text)]
        mentioned = _mentioned(rests[-1], labels) if rests else set[str]()
    return mentioned.pop() if len(mentioned) == 1 else None


def find_number(text: str) -> float | None:
    """The last number of the reply, such as 1234.5 in "about 1,234.5 mg".

    Commas are for thousands only: "0,5" could be meant as 0.5 or as two numbers, so it is no
    answer. A percent sign or a unit is left out: "12 %" is 12.0. Digits inside a word, as in
    "B12", are no number.
    """
    found = NUMBER_LIKE.findall(text)
    if not found:
        return None
    last = re.sub(r"[.,]+(?=$|[eE])", "", found[-1]).replace("\u2212", "-")
    if not NUMBER.fullmatch(last):
        return None
    value = float(last.replace(",", ""))
    return value if math.isfinite(value) else None


def find_spans(text: str) -> list[str] | None:
    """The strings that the reply lists: a JSON list, or one per line or between semicolons.

    Bullets, numbering and quotation marks around a string are left out. "none" is the empty list;
    an empty reply is no answer.
    """
    plain = FENCE.sub("", text.strip()).strip()
    if not plain:
        return None
    if plain.casefold().rstrip(".") in NOTHING:
        return []
    if plain.startswith("["):
        return _json_strings(plain)
    items = (BULLET.sub("", item.strip()) for item in re.split(r"[\n;]", plain))
    spans = [item for item in (item.strip().strip("\"'").strip() for item in items) if item]
    return spans or None


def find_json(text: str, schema: Mapping[str, object]) -> dict[str, Json] | None:
    """The first whole JSON object in the reply, or None if there is none or it breaks the schema.

    References of the schema to other documents are not followed.
    """
    decoder = json.JSONDecoder(parse_constant=_refuse)
    for brace in re.finditer(r"\{", text):
        try:
            value, _ = decoder.raw_decode(text, brace.start())
        except (ValueError, RecursionError):
            continue
        validator = validator_for(schema)(schema, registry=Registry())
        return value if validator.is_valid(value) else None
    return None


def _bare(text: str) -> str:
    """A text without case, and without punctuation around it unless it is nothing else."""
    folded = " ".join(text.casefold().split())
    return re.sub(r"^\W+|\W+$", "", folded) or folded


def _mentioned(text: str, labels: Sequence[str]) -> set[str]:
    """The different labels that stand in the text as whole words; the longest wins at a place."""
    names = sorted(labels, key=len, reverse=True)
    if not names:
        return set()
    parts = (re.escape(name) if len(name) == 1 else f"(?i:{re.escape(name)})" for name in names)
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(f'({part})' for part in parts)})(?!\w)")
    return {names[cast(int, match.lastindex) - 1] for match in pattern.finditer(text)}


def _json_strings(text: str) -> list[str] | None:
    try:
        value, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return None
    items = cast(list[Json], value)
    strings = [item for item in items if isinstance(item, str)]
    return strings if len(strings) == len(items) else None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
