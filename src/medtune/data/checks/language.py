"""Which language a text is in, by its script and its function words. A small detector, no model.

It knows seven languages of Latin script by their most frequent function words (from the stop word
lists of Snowball, BSD licence, snowballstem.org, read 2026-11) and others by script alone. It says
"unknown" of what is too short or has too few such words: a list of drugs is in no language.
`benchmarks/language.py` measures it.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from medtune.artifacts import Check
from medtune.data.checks.shares import Look, by_share, not_run
from medtune.records import Example

UNKNOWN = "unknown"
OTHER_WARN = 0.02
"""Share of records in another language than most. Our own choice."""
FEWEST_WORDS = 5
LEAST_SHARE = 0.1
"""Share of the words that must be function words of the language."""
MOST_CHARACTERS = 2_000

_TABLE = """
en: the of and to in is was with for that on as are at by this from or an be which were his her
    she he has had have not been but it who what their no patient after
es: el los las del en y que un una por su al es lo como más pero sus le ya este sí porque esta
    entre cuando muy sobre también hasta hay donde quien fue se
fr: le la les des du et en un une est que qui dans sur aux avec ce cette il elle pas ne sont
    été se sa ses ou chez après mais était l d
de: der das und den von zu mit sich des auf für ist im dem nicht ein eine als auch es werden
    aus er dass sie nach wird bei einer sind noch wie einem über wurde
it: il lo la gli le di del della dei delle e un una che con nel nella è sono si non al alla più
    ha anche su questo questa dopo stato da dal
pt: os da dos das em nas um uma que por para não é ao à mais sua seu pelo pela até também
    quando muito já ou foi na de
nl: de het een en van dat op te met voor niet zijn aan er om ook als bij naar maar nog wordt
    werd uit hij zij dit deze hebben heeft geen
"""
WORDS: Mapping[str, frozenset[str]] = {
    entry[:2]: frozenset(entry[3:].split()) for entry in re.split(r"\n(?=\S)", _TABLE.strip())
}
"""Without words that are English, too, such as "die", "no", "do" and "a": the commonest error is to
take a line of symbols and single letters for another language."""
SCRIPTS: Mapping[str, re.Pattern[str]] = {
    "ja": re.compile("[\u3040-\u30ff]"),
    "ko": re.compile("[\uac00-\ud7af]"),
    "zh": re.compile("[\u4e00-\u9fff]"),
    "cyrillic": re.compile("[\u0400-\u04ff]"),
    "arabic": re.compile("[\u0600-\u06ff]"),
    "devanagari": re.compile("[\u0900-\u097f]"),
    "greek": re.compile("[\u0370-\u03ff]"),
    "hebrew": re.compile("[\u0590-\u05ff]"),
    "thai": re.compile("[\u0e00-\u0e7f]"),
}
"""Japanese before Chinese, for it has Chinese characters, too."""
SCRIPT_SHARE = 0.2
JAPANESE_SHARE = 0.02
WORD = re.compile(r"[^\W\d_]+")


def language(text: str) -> str:
    """The language of a text: an ISO 639-1 code, the name of a script, or "unknown"."""
    text = text[:MOST_CHARACTERS].lower()
    letters = sum(character.isalpha() for character in text)
    for name, pattern in SCRIPTS.items():
        least = JAPANESE_SHARE if name == "ja" else SCRIPT_SHARE
        if letters and len(pattern.findall(text)) >= least * letters:
            return name
    words = WORD.findall(text)
    if len(words) < FEWEST_WORDS:
        return UNKNOWN
    hits = {name: sum(word in known for word in words) for name, known in WORDS.items()}
    best = max(hits, key=lambda name: (hits[name], name))
    runner_up = max(n for name, n in hits.items() if name != best)
    enough = hits[best] >= max(2, LEAST_SHARE * len(words)) and hits[best] > runner_up
    return best if enough else UNKNOWN


def languages(examples: Sequence[Example]) -> Check:
    """Records in another language than most."""
    found = {e.id: language(" ".join(e.fields.values())) for e in examples}
    counts = Counter(one for one in found.values() if one != UNKNOWN)
    if not counts:
        return not_run("language", "text", "no record is long enough to tell its language")
    usual, _ = counts.most_common(1)[0]
    bad = [name for name, one in found.items() if one not in (usual, UNKNOWN)]
    told = ", ".join(f"{name} {n:,}" for name, n in counts.most_common())
    n_unknown = len(found) - sum(counts.values())
    look = Look(
        "language",
        "text",
        f"are in another language than most (by script and function words: {told}, not told "
        f"{n_unknown:,})",
        "report results by language (task.subgroups), or keep one language",
        warn=OTHER_WARN,
    )
    check = by_share(look, bad, len(examples))
    return check.model_copy(
        update={"figures": check.figures | {name: float(n) for name, n in counts.items()}}
    )
