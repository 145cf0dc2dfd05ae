"""Claims: a relation between two entities, with the sentence and the article that state it.

A claim stands only while its sentence is in its article, word for word, and the article is not
retracted. A sentence in an article is a sentence in an article: cells, mice and people are not told
apart here, and nothing is said about efficacy in people.
"""

import csv
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, NamedTuple

from medtune.errors import DataError

Kind = Literal["target", "compound", "disease", "process", "other"]
Notice = Literal["retracted", "concern"]
PUBMED = re.compile(
    r"(?:(?:https?://)?pubmed\.ncbi\.nlm\.nih\.gov/|(?:pubmed|pm)?(?: ?id)?[\s:.#]*)0*(\d+)/?",
    re.IGNORECASE,
)
COLUMNS = ("OriginalPaperPubMedID", "RetractionNature")
NATURES: Mapping[str, Notice | None] = {
    "retraction": "retracted",
    "expression of concern": "concern",
    "reinstatement": None,
    "correction": None,
}
"""`RetractionNature` of the Retraction Watch data (Crossref documentation, 2023)."""
SIGNS: Mapping[str, int] = {
    "increases": 1,
    "positively correlated": 1,
    "decreases": -1,
    "negatively correlated": -1,
}
CAUSAL = frozenset({"increases", "decreases", "regulates"})
NO_EFFECT = "no effect"


def article_name(said: str) -> str:
    """An article as it is named here, such as PMID30046111; what is no PubMed number stays."""
    match = PUBMED.fullmatch(said.strip())
    return f"PMID{match[1]}" if match else said.strip()


class Entity(NamedTuple):
    """What a claim is about."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Claim:
    """One statement of one sentence."""

    id: str
    subject: Entity
    predicate: str
    """Such as "increases"; one of the labels of the application."""
    object: Entity
    sentence: str = field(repr=False)
    article: str
    """Such as PMID30046111."""
    date: str = ""
    """ISO 8601, perhaps only a year; "" if it is not known."""
    by: str = "curated"
    """Who read the relation out of the sentence: a curator, or the model."""
    is_directed: bool = True
    """Whether the predicate's direction is that of the entities, not that of a breakdown or a
    movement of one of them."""
    notice: Notice | None = None

    @property
    def sign(self) -> int:
        """1 if more of the subject goes with more of the object, -1 if with less, 0 if unsaid."""
        return SIGNS.get(self.predicate, 0) if self.is_directed else 0


class Kept(NamedTuple):
    """The claims that stand, and how many do not, by reason."""

    claims: Sequence[Claim]
    dropped: Mapping[str, int]


def keep_sound(
    claims: Sequence[Claim],
    articles: Mapping[str, Sequence[str]],
    notices: Mapping[str, Notice] | None = None,
) -> Kept:
    """Drop each claim whose sentence is not there or whose article is retracted.

    Args:
        claims: Curated, or read by a model.
        articles: The texts of each article that is at hand.
        notices: By article; an expression of concern keeps the claim and marks it.
    """
    dropped: Counter[str] = Counter()
    kept: list[Claim] = []
    plain = {name: "\n".join(map(_plain, texts)) for name, texts in articles.items()}
    for one in claims:
        notice = (notices or {}).get(one.article)
        if one.article not in plain:
            dropped["article not at hand"] += 1
        elif not one.sentence.strip() or _plain(one.sentence) not in plain[one.article]:
            dropped["sentence not in its article"] += 1
        elif notice == "retracted":
            dropped["article retracted"] += 1
        else:
            kept.append(replace(one, notice=notice))
    return Kept(kept, dict(dropped))


def _plain(text: str) -> str:
    return " ".join(text.split())


def read_retractions(path: Path) -> dict[str, Notice]:
    """Notices by article, from a CSV file in the columns of Retraction Watch.

    A retraction goes before an expression of concern; a later reinstatement in the file lifts both.

    Raises:
        DataError: The file is not such a CSV, or has a nature of notice that is not known.
    """
    found: dict[str, Notice] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file)
            lacking = [one for one in COLUMNS if one not in (table.fieldnames or ())]
            if lacking:
                raise DataError(
                    f"{path}: no column {', '.join(lacking)}; give a file of Retraction Watch"
                )
            for number, row in enumerate(table, start=2):
                nature = (row["RetractionNature"] or "").strip().lower()
                if nature not in NATURES:
                    raise DataError(f"{path}:{number}: notice {nature!r} is not known")
                _note(found, (row["OriginalPaperPubMedID"] or "").strip(), nature)
    except (OSError, UnicodeDecodeError):
        raise DataError(f"{path}: not a CSV file in UTF-8 that can be read") from None
    return found


def _note(found: dict[str, Notice], pubmed_id: str, nature: str) -> None:
    if not pubmed_id.isdecimal() or pubmed_id == "0":  # 0 stands for none in this data
        return
    article, notice = f"PMID{pubmed_id}", NATURES[nature]
    if nature == "reinstatement":
        found.pop(article, None)
    elif notice is not None and found.get(article) != "retracted":
        found[article] = notice
