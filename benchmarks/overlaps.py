"""The overlaps that are known in public data, by medtune's own search: `benchmarks/overlaps.py`.

Each pair is a set to learn from and a set to test with, of data/ in MEDTUNE_SHARED or ../shared.
The count beside it was made by others and stands in that folder's README.md, which gives none for
MEDEC. Text: the items of which a record holds half or more of the runs of 13 words
(`medtune.data.overlap`, as for `data.check_against`). Images: equal pixels.

The answers of LiveQA and MedicationQA are not in that folder. `--answers FOLDER` names one with
TREC-2017-LiveQA-Medical-Test-Questions-w-summaries.xml (github.com/abachaa/
LiveQA_MedicalTask_TREC2017) and MedInfo2019-QA-Medications.xlsx (github.com/abachaa/
Medication_QA_MedInfo2019). What is not there is named and not counted. The last line is one JSON
object.
"""

import argparse
import json
import os
import re
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np

from medtune.data import rows
from medtune.data.overlap import HOLDS, Item, find_overlaps
from medtune.data.shingles import digest

SHARED = Path(os.environ.get("MEDTUNE_SHARED", Path(__file__).parents[2] / "shared")) / "data"
MTS = SHARED / "mts-dialog/Main-Dataset"
MEDEC = SHARED / "medec/MEDEC-MS/MEDEC-MS-ValidationSet-with-GroundTruth-and-ErrorType.csv"
MEDQA = SHARED / "medqa-us/data_clean/questions/US/dev.jsonl"
IMAGES = SHARED / "pneumoniamnist/pneumoniamnist_train_val.npz"
LIVEQA = "TREC-2017-LiveQA-Medical-Test-Questions-w-summaries.xml"
MEDICATIONQA = "MedInfo2019-QA-Medications.xlsx"
SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
Texts = Callable[[], Iterator[tuple[str, str]]]
"""Name and text of each record."""


class Pair(NamedTuple):
    """Two sets, and what is known of them."""

    train: str
    test: str
    known: int | None
    learnt: Texts
    asked: Texts


def column(path: Path, name: str, text: str) -> Texts:
    """One column of a table."""
    kind = "csv" if path.suffix == ".csv" else "jsonl"
    return lambda: (
        (f"{row.values[name]} of {row.where}", str(row.values[text])) for row in rows(path, kind)
    )


def medquad() -> Iterator[tuple[str, str]]:
    """The answers of MedQuAD."""
    for row in rows(SHARED / "medquad/medquad_answered.jsonl", "jsonl"):
        yield str(row.values["qid"]), str(row.values["answer"])


def liveqa(folder: Path) -> Texts:
    """The answers of LiveQA, one item each."""

    def read() -> Iterator[tuple[str, str]]:
        for one in ElementTree.parse(folder / LIVEQA).iter():
            if one.tag in ("RefAnswer", "ReferenceAnswer"):
                yield str(one.get("aid")), " ".join(one.findtext("ANSWER", "").split())

    return read


def medicationqa(folder: Path) -> Texts:
    """The answers of MedicationQA: the fourth column of the first sheet."""

    def read() -> Iterator[tuple[str, str]]:
        with zipfile.ZipFile(folder / MEDICATIONQA) as book:
            shared = ElementTree.fromstring(book.read("xl/sharedStrings.xml"))
            strings = ["".join(t.text or "" for t in one.iter(f"{SHEET}t")) for one in shared]
            sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))
        for cell in sheet.iter(f"{SHEET}c"):
            place = str(cell.get("r"))
            if re.fullmatch(r"D\d+", place) and place != "D1" and cell.get("t") == "s":
                yield place, strings[int(cell.findtext(f"{SHEET}v", ""))]

    return read


def image(name: str) -> Texts:
    """Images of one part, as text."""

    def read() -> Iterator[tuple[str, str]]:
        with np.load(IMAGES) as held:
            for n, pixels in enumerate(held[name]):
                yield str(n), pixels.tobytes().hex()

    return read


def pairs(answers: Path | None) -> Iterator[Pair]:
    """What is compared."""
    train = column(MTS / "MTS-Dialog-TrainingSet.csv", "ID", "dialogue")
    for test, name in (
        ("validation", "MTS-Dialog-ValidationSet.csv"),
        ("test 1", "MTS-Dialog-TestSet-1-MEDIQA-Chat-2023.csv"),
    ):
        asked = column(MTS / name, "ID", "dialogue")
        yield Pair("MTS-Dialog train", f"MTS-Dialog {test}", 2, train, asked)
    notes = column(MEDEC, "Text ID", "Text")
    exam = column(MEDQA, "question", "question")
    yield Pair("MEDEC validation", "MedQA dev", None, notes, exam)
    if answers:
        yield Pair("MedQuAD", "LiveQA answers", 18, medquad, liveqa(answers))
        yield Pair("MedQuAD", "MedicationQA answers", 19, medquad, medicationqa(answers))


class Counts(NamedTuple):
    """What was found for a pair."""

    items: int
    held: int
    partly: int
    """Items of which at least a fifth is held, the held ones among them."""
    records: int
    """Training records that hold an item."""


def held(pair: Pair) -> Counts:
    """Items asked, those that are held, and the records that hold them."""
    items = [Item(pair.test, name, [text]) for name, text in pair.asked()]
    found = find_overlaps(((name, [text]) for name, text in pair.learnt()), items)
    holding = [one for one in found if one.share >= HOLDS]
    return Counts(
        len(items),
        len({one.item for one in holding}),
        len({one.item for one in found}),
        len({one.id for one in holding}),
    )


def equal_images() -> Counts:
    """The same for images with equal pixels."""
    known: dict[int, int] = {}
    for n, (_, text) in enumerate(image("train_images")()):
        known.setdefault(digest(text), n)
    asked = [digest(text) for _, text in image("val_images")()]
    hits = [known[one] for one in asked if one in known]
    return Counts(len(asked), len(hits), len(hits), len(set(hits)))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=Path)
    given = parser.parse_args()
    if not SHARED.is_dir():
        raise SystemExit(f"{SHARED}: no data here; set MEDTUNE_SHARED")
    if given.answers is None:
        print("MedQuAD against LiveQA and MedicationQA: skipped, --answers names no folder\n")
    print(
        "| learns from | is tested on | items | held | a fifth or more | by records | known | s |"
    )
    print("|---|---|---|---|---|---|---|---|")
    result: dict[str, dict[str, int | None]] = {}
    for pair in pairs(given.answers):
        started = time.monotonic()
        counts = held(pair)
        result[f"{pair.train}, {pair.test}"] = show(pair.train, pair.test, counts, pair.known,
                                                    time.monotonic() - started)  # fmt: skip
    started = time.monotonic()
    counts = equal_images()
    names = "PneumoniaMNIST train", "PneumoniaMNIST validation"
    result[", ".join(names)] = show(*names, counts, 8, time.monotonic() - started)
    print(json.dumps(result))


def show(
    train: str, test: str, counts: Counts, known: int | None, seconds: float
) -> dict[str, int | None]:
    """Print a row and return it."""
    shown = "not given" if known is None else known
    print(f"| {train} | {test} | {counts.items:,} | {counts.held} | {counts.partly} | "
          f"{counts.records} | {shown} | {seconds:.1f} |", flush=True)  # fmt: skip
    return counts._asdict() | {"known": known}


if __name__ == "__main__":
    main()
