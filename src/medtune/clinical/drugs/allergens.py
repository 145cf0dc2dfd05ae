"""Which ingredients and classes an entry of an allergy list names."""

import re
from collections.abc import Mapping

from medtune.clinical.drugs.names import DrugNames

ALLERGY_WORDS: Mapping[str, tuple[str, ...]] = {
    "pcn": ("penicillin",),
    "sulfa": ("sulfonamide antibiotic",),
    "sulfonamide": ("sulfonamide antibiotic",),
    "opiate": ("phenanthrene opioid",),
    "quinolone": ("fluoroquinolone",),
    "azole": ("azole antifungal",),
    "acei": ("ace inhibitor",),
    "angiotensin converting enzyme inhibitor": ("ace inhibitor",),
    "angiotensin receptor blocker": ("arb",),
    "non steroidal anti inflammatory": ("nsaid",),
    "nonsteroidal anti inflammatory": ("nsaid",),
    "anticonvulsant": ("antiepileptic",),
    "thiazide": ("thiazide diuretic",),
    "ppi": ("proton pump inhibitor",),
    "antihistamine": ("antihistamine", "first-generation antihistamine"),
    "calcium channel blocker": ("calcium channel blocker", "dihydropyridine"),
}
"""How an allergy list names classes otherwise than the tables do: spaces for hyphens, singular."""
TOO_WIDE = frozenset({
    "analgesic", "anticholinergic", "antidepressant", "antifungal", "antineoplastic", "antiviral",
    "anxiolytic", "calcium", "herbal", "immunosuppressant", "iron", "mood stabilizer", "platinum",
    "stimulant", "sympathomimetic", "vasodilator", "vitamin",
})  # fmt: skip
"""Classes whose name says more than the drugs that the tables put into them: told as not known."""
SPELLED = (("sulph", "sulf"), ("cefalosporin", "cephalosporin"))
"""British spellings of classes."""


def allergens_of(allergy: str, names: DrugNames) -> frozenset[str]:
    """Ingredients and classes that an entry of an allergy list names."""
    spelled = allergy.lower()
    for british, american in SPELLED:
        spelled = spelled.replace(british, american)
    classes = _class_words(names)
    rest, named = spelled, names.find(spelled)
    for mention in reversed(named):
        # "insulin glargine" is no word for all insulins, but "insulin" is
        if spelled[mention.start : mention.end] not in classes:
            rest = f"{rest[: mention.start]} {rest[mention.end :]}"
    plain = " ".join(rest.replace("-", " ").split())
    pattern = "|".join(map(re.escape, sorted(classes, key=len, reverse=True)))
    said = re.findall(rf"(?<!\w)({pattern})s?(?!\w)", plain)
    return frozenset(
        (
            *(one for m in named for one in m.ingredients),
            *(c for word in said for c in classes[word]),
        )
    )


def _class_words(names: DrugNames) -> dict[str, tuple[str, ...]]:
    """The classes that a word stands for, in the singular and with spaces for hyphens."""
    own = {one.replace("-", " "): (one,) for one in names.classes - TOO_WIDE}
    return {**own, **ALLERGY_WORDS}
