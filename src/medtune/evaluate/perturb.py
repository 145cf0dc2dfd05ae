"""Rules that change an example's wording, seeded, so that its answer should stay or must change.

Each takes the fields' text and a source of chance, and gives the changed fields, or None where it
does not apply. A field of fewer than five words (a name, a label) or in JSON is left alone.

The word lists are our own; that each pair means the same in a clinical text was checked by reading.
Perturbation tests of language models: Ribeiro 2020, ACL, arXiv:2005.04118 (CheckList).
"""

import json
import random
import re
from collections.abc import Callable, Mapping

from medtune.config import Perturbation

Fields = Mapping[str, str]
Rule = Callable[[Fields, random.Random], dict[str, str] | None]

FEWEST_WORDS = 5
SAME = {
    "shortness of breath": "dyspnoea",
    "dyspnoea": "shortness of breath",
    "heart attack": "myocardial infarction",
    "myocardial infarction": "heart attack",
    "high blood pressure": "hypertension",
    "hypertension": "high blood pressure",
    "low blood pressure": "hypotension",
    "hypotension": "low blood pressure",
    "high blood sugar": "hyperglycaemia",
    "low blood sugar": "hypoglycaemia",
    "vomiting": "emesis",
    "fever": "pyrexia",
    "kidney failure": "renal failure",
    "renal failure": "kidney failure",
    "itching": "pruritus",
    "fainting": "syncope",
    "because": "since",
    "however": "nevertheless",
    "in addition": "furthermore",
    "furthermore": "in addition",
    "demonstrates": "shows",
    "shows": "demonstrates",
    "found that": "observed that",
    "observed that": "found that",
    "suggest that": "indicate that",
    "indicate that": "suggest that",
    "due to": "owing to",
    "approximately": "about",
    "begins": "starts",
    "together with": "along with",
    "physician": "doctor",
    "does not": "doesn't",
    "do not": "don't",
    "is not": "isn't",
    "was not": "wasn't",
}
"""A wording and another that means the same wherever the first stands, in small letters."""
NEGATED = (
    ("is", "is not"),
    ("are", "are not"),
    ("was", "was not"),
    ("were", "were not"),
    ("has", "does not have"),
    ("have", "do not have"),
    ("had", "did not have"),
    ("increases", "does not increase"),
    ("decreases", "does not decrease"),
    ("increased", "did not increase"),
    ("reduces", "does not reduce"),
    ("inhibits", "does not inhibit"),
    ("activates", "does not activate"),
    ("induces", "does not induce"),
    ("causes", "does not cause"),
    ("shows", "does not show"),
    ("reports", "denies"),
    ("complains of", "denies"),
)
"""A statement and its denial."""
ALREADY = re.compile(r"\b(?:not|no|never|none|neither|without|denies|denied|n't)\b", re.IGNORECASE)
IRRELEVANT = (
    "The waiting room was painted last spring.",
    "The clinic is open on weekdays.",
    "The printer on the second floor was replaced.",
    "The car park is behind the building.",
    "The cafeteria serves soup on Tuesdays.",
)
EXACT_UNITS = (
    (re.compile(r"(?<![\w.,])(\d{1,4}) mg\b(?!/)"), 1000, "micrograms"),
    (re.compile(r"(?<![\w.,])(\d{1,4}) g\b(?!/)"), 1000, "mg"),
    (re.compile(r"(?<![\w.,])(\d{1,3}) L\b(?!/)"), 1000, "mL"),
    (re.compile(r"(?<![\w.,])(\d{1,3}) m\b(?!/)"), 100, "cm"),
    (re.compile(r"(?<![\w.,])(\d{1,3}) weeks\b"), 7, "days"),
    (re.compile(r"(?<![\w.,])(\d{1,3}) hours\b"), 60, "minutes"),
)
"""A whole number of a unit, the factor, and the unit that it becomes; all are exact."""
CELSIUS = re.compile(r"(?<![\w.,])(3[4-9]|4[0-2])(\.\d)? ?°C\b")
ITEM = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.)])\s+")


def perturb(name: Perturbation, fields: Fields, *, seed: int, id: str) -> dict[str, str] | None:
    """The fields as the rule changes them, the same for the same seed and id.

    None where the rule does not apply, or changes nothing.
    """
    changed = RULES[name](fields, random.Random(f"{seed}/{name}/{id}"))  # noqa: S311  no secret
    return None if changed is None or changed == dict(fields) else changed


def options_order(fields: Fields, chance: random.Random) -> dict[str, str] | None:
    """Shuffle the items of every field that is a JSON list: the options of a choice."""
    changed = dict(fields)
    for name, text in fields.items():
        items = _json_list(text)
        if items is not None:
            changed[name] = json.dumps(_shuffled(items, chance), ensure_ascii=False)
    return changed


def findings_order(fields: Fields, chance: random.Random) -> dict[str, str] | None:
    """Shuffle the lines of a list, and the parts between semicolons, of every field."""
    return {name: _reordered(text, chance) for name, text in fields.items()}


def paraphrase(fields: Fields, chance: random.Random) -> dict[str, str] | None:  # noqa: ARG001  every rule takes chance
    """Put one wording for another that means the same, wherever one occurs."""
    return _in_prose(fields, lambda text: _replace_words(text, SAME))


def typos(fields: Fields, chance: random.Random) -> dict[str, str] | None:
    """Swap two neighbouring letters inside one in eight of the long words in small letters."""

    def mistype(match: re.Match[str]) -> str:
        word = match[0]
        if chance.random() > 1 / 8 or ALREADY.fullmatch(word):
            return word
        at = chance.randrange(1, len(word) - 2)
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]

    return _in_prose(fields, lambda text: re.sub(r"\b[a-z]{6,}\b", mistype, text))


def units(fields: Fields, chance: random.Random) -> dict[str, str] | None:  # noqa: ARG001  every rule takes chance
    """Write quantities in another unit: grams as milligrams, Celsius as Fahrenheit to a tenth."""
    return {name: _converted(text) for name, text in fields.items()}


def irrelevant_context(fields: Fields, chance: random.Random) -> dict[str, str] | None:
    """Add a sentence that has nothing to do with the question to the longest field."""
    prose = {name: text for name, text in fields.items() if _is_prose(text)}
    if not prose:
        return None
    longest = max(prose, key=lambda name: len(prose[name]))
    return {**fields, longest: f"{fields[longest].rstrip()} {chance.choice(IRRELEVANT)}"}


def negation(fields: Fields, chance: random.Random) -> dict[str, str] | None:  # noqa: ARG001  every rule takes chance
    """Deny the first statement of a field that denies nothing yet; None if there is none."""
    words = "|".join(re.escape(said) for said, _ in NEGATED)
    denied = dict(NEGATED)
    for name, text in fields.items():
        if _is_prose(text) and not ALREADY.search(text):
            found = re.search(rf"\b(?:{words})\b", text)
            if found is not None:
                changed = text[: found.start()] + denied[found[0]] + text[found.end() :]
                return {**fields, name: changed}
    return None


RULES: dict[Perturbation, Rule] = {
    "options_order": options_order,
    "findings_order": findings_order,
    "paraphrase": paraphrase,
    "typos": typos,
    "units": units,
    "irrelevant_context": irrelevant_context,
    "negation": negation,
}
MUST_DIFFER: frozenset[Perturbation] = frozenset({"negation"})


def _is_prose(text: str) -> bool:
    return not _is_json(text) and len(text.split()) >= FEWEST_WORDS


def _is_json(text: str) -> bool:
    if not text.startswith(("[", "{")):
        return False
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _in_prose(fields: Fields, change: Callable[[str], str]) -> dict[str, str]:
    return {name: change(text) if _is_prose(text) else text for name, text in fields.items()}


def _json_list(text: str) -> list[object] | None:
    if not text.startswith("["):
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, list) else None


def _shuffled(items: list[object], chance: random.Random) -> list[object]:
    """Another order than the one given, where there is one."""
    order = list(items)
    while len(order) > 1 and order == items and any(item != items[0] for item in items):
        chance.shuffle(order)
    return order


def _reordered(text: str, chance: random.Random) -> str:
    lines: list[object] = [*text.split("\n")]
    places = [i for i, line in enumerate(lines) if ITEM.match(str(line))]
    if len(places) > 1:
        bodies = _shuffled([ITEM.sub("", str(lines[i])) for i in places], chance)
        for i, body in zip(places, bodies, strict=True):
            mark = ITEM.match(str(lines[i]))
            lines[i] = (mark[0] if mark else "") + str(body)
        return "\n".join(map(str, lines))
    parts: list[object] = [part.strip() for part in text.split(";")]
    if len(parts) > 2 and _is_prose(text) and all(parts):  # noqa: PLR2004  three make a list
        return "; ".join(map(str, _shuffled(parts, chance)))
    return text


def _replace_words(text: str, other: Mapping[str, str]) -> str:
    words = "|".join(re.escape(word) for word in sorted(other, key=len, reverse=True))
    return re.sub(rf"(?<!\w)(?:{words})(?!\w)", lambda match: other[match[0]], text)


def _converted(text: str) -> str:
    for pattern, factor, unit in EXACT_UNITS:
        text = pattern.sub(lambda m, f=factor, u=unit: f"{int(m[1]) * f} {u}", text)
    return CELSIUS.sub(lambda m: f"{float(m[0].rstrip('°C ')) * 1.8 + 32:.1f} °F", text)
