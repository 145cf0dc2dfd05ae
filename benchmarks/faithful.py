"""How many planted faults the faithfulness checks find: `python benchmarks/faithful.py [SEED]`.

Two kinds of planting, on real notes in the folder data of MEDTUNE_SHARED or ../shared:

1. Notes of MTS-Dialog (validation and test 1) and ACI-Bench (validation, test 1 and 2), each with
   its dialogue as the source. In each note one thing is changed by seed: a number, a denial, a
   side, a drug, a dose. Recall: the change is accused, by a kind that fits it, and was not accused
   before. Precision: of the accusations of that kind in the changed notes, those at the change. It
   is a lower bound, for the notes hold statements that their dialogues do not bear out.
2. MEDEC-MS: the corrected note is the source, the note with the error of its authors is the draft.

The rules were written on the training parts only. Intervals are Wilson's, 95 %. The last line is
one JSON object.
"""

import csv
import json
import os
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from statsmodels.stats.proportion import proportion_confint

from medtune.clinical.drugs import drug_names
from medtune.clinical.faithful import Fault, Reading, check, provenance, read_text

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("MEDTUNE_SHARED", ROOT / "../shared")) / "data"
NOTES = (
    ("mts-dialog/Main-Dataset/MTS-Dialog-ValidationSet.csv", "section_text"),
    ("mts-dialog/Main-Dataset/MTS-Dialog-TestSet-1-MEDIQA-Chat-2023.csv", "section_text"),
    ("aci-bench/data/challenge_data/valid.csv", "note"),
    ("aci-bench/data/challenge_data/clinicalnlp_taskB_test1.csv", "note"),
    ("aci-bench/data/challenge_data/clinicalnlp_taskC_test2.csv", "note"),
)
MEDEC = "medec/MEDEC-MS/MEDEC-MS-ValidationSet-with-GroundTruth-and-ErrorType.csv"
FITS = {
    "number": {"number", "unit", "date", "dose"},
    "negation": {"negation", "unasked", "allergy"},
    "side": {"laterality"},
    "drug": {"drug", "allergy"},
    "dose": {"dose", "number", "unit"},
}
FLIPS = (
    (re.compile(r"\b[Dd]enies\b"), "reports"),
    (re.compile(r"\b[Rr]eports\b(?! to)"), "denies"),
    (re.compile(r"\b[Nn]egative for\b"), "positive for"),
    (re.compile(r"\bNo (?=[a-z])"), "There is "),
    (re.compile(r"(?<=with )no (?=[a-z])"), "some "),
    (re.compile(r"\b(?:shows|demonstrates|reveals) (?!no\b)"), "shows no "),
    (re.compile(r"\bEndorses\b"), "Denies"),
    (re.compile(r"\bhas (?=(?:a|an|some|mild|severe) )"), "does not have "),
)
DOSE = re.compile(r"\b(\d+(?:\.\d+)?) ?(?=mg\b|mcg\b|milligrams?\b|units?\b|g\b|mL\b)")
MOST_PER_NOTE = 3
NUMBER = re.compile(r"(?<![\w.,/-])\d{1,3}(?:\.\d)?(?![\w.]*\d|[./)]\s|st\b|nd\b|rd\b|th\b)")


class Edit(NamedTuple):
    """A planted fault: the changed note and the characters that changed in it."""

    text: str
    start: int
    end: int


def spliced(text: str, start: int, end: int, new: str) -> Edit:
    """The text with a part replaced."""
    return Edit(text[:start] + new + text[end:], start, start + len(new))


def other_number(old: str, rng: random.Random) -> str:
    """Another number that a person could have written in its place."""
    value, decimals = float(old), len(old.partition(".")[2])
    factor = rng.choice((2, 10, 1 / 2, 1.1, 0.9))
    new = f"{max(value * factor, 1):.{decimals}f}"
    return new if float(new) != value else f"{value + rng.randint(1, 9):.{decimals}f}"


def numbers(note: str, rng: random.Random) -> Iterator[Edit]:
    """A number that is no dose is changed."""
    doses = {m.start(1) for m in DOSE.finditer(note)}
    for m in NUMBER.finditer(note):
        if m.start() not in doses:
            yield spliced(note, m.start(), m.end(), other_number(m[0], rng))


def doses(note: str, rng: random.Random) -> Iterator[Edit]:
    """A number before a unit of dose is changed."""
    for m in DOSE.finditer(note):
        yield spliced(note, m.start(1), m.end(1), other_number(m[1], rng))


def sides(note: str, rng: random.Random) -> Iterator[Edit]:  # noqa: ARG001  one form for all
    """Left becomes right, and right becomes left."""
    swap = {"left": "right", "right": "left", "Left": "Right", "Right": "Left"}
    for m in re.finditer(r"\b(?:[Ll]eft|[Rr]ight)\b", note):
        yield spliced(note, m.start(), m.end(), swap[m[0]])


def drugs(note: str, rng: random.Random) -> Iterator[Edit]:
    """A drug becomes another one."""
    names = drug_names()
    for mention in names.find(note):
        others = sorted(set(names.ingredients) - set(mention.ingredients))
        yield spliced(note, mention.start, mention.end, rng.choice(others))


def negations(note: str, rng: random.Random) -> Iterator[Edit]:  # noqa: ARG001  one form for all
    """A denial becomes a statement, or a statement a denial; it ends with the clause."""
    for pattern, new in FLIPS:
        for m in pattern.finditer(note):
            edit = spliced(note, m.start(), m.end(), new)
            clause = re.compile(r"[.;\n]").search(edit.text, edit.end)
            yield edit._replace(end=clause.start() if clause else len(edit.text))


PLANTS: dict[str, Callable[[str, random.Random], Iterator[Edit]]] = {
    "number": numbers, "negation": negations, "side": sides, "drug": drugs, "dose": doses,
}  # fmt: skip


def touches(fault: Fault, edit: Edit, kinds: set[str]) -> bool:
    """Whether a fault is of a fitting kind and at the change."""
    return fault.kind in kinds and fault.start < edit.end and edit.start < fault.end


def rate(k: int, n: int) -> dict[str, float]:
    """A share with Wilson's interval."""
    if n == 0:
        return {"value": float("nan"), "low": 0.0, "high": 1.0, "n": 0}
    low, high = proportion_confint(k, n, method="wilson")
    return {"value": round(k / n, 3), "low": round(low, 3), "high": round(high, 3), "n": n}


class Score(NamedTuple):
    """How one kind of change was met."""

    recall: dict[str, float]
    precision: dict[str, float]


def plant(pairs: Sequence[tuple[str, Reading]], kind: str, seed: int, *, notes: bool) -> Score:
    """Recall and precision of one kind of change; `notes` counts faults of weak evidence too."""
    found = planted = said = 0
    for number, (note, source) in enumerate(pairs):
        rng = random.Random(f"{seed}-{kind}-{number}")
        edits = list(PLANTS[kind](note, rng))
        before = check(note, source) if edits else []
        for edit in rng.sample(edits, min(MOST_PER_NOTE, len(edits))):
            old = Edit(note, edit.start, edit.end - (len(edit.text) - len(note)))
            if any(touches(one, old, FITS[kind]) for one in before):
                continue  # the note itself was accused here
            after = [
                one
                for one in check(edit.text, source)
                if one.kind in FITS[kind] and (notes or one.severity != "note")
            ]
            hits = [one for one in after if touches(one, edit, FITS[kind])]
            planted += 1
            found += bool(hits)
            said += bool(hits) + len(after) - len(hits)
    return Score(rate(found, planted), rate(found, said))


def medec(rows: Sequence[dict[str, str]]) -> tuple[dict[str, dict[str, float]], dict[str, float]]:
    """Recall by error type, and how many of the other sentences are accused."""
    found, total = Counter[str](), Counter[str]()
    accused = clean = 0
    for row in rows:
        if row["Error Flag"] != "1":
            continue
        source, draft = read_text(row["Corrected Text"]), row["Text"]
        start = draft.find(row["Error Sentence"].strip()[:40])
        if start < 0:
            continue
        end = start + len(row["Error Sentence"].strip())
        faults = check(draft, source)
        total[row["Error Type"]] += 1
        found[row["Error Type"]] += any(f.start < end and start < f.end for f in faults)
        spans = [
            s.span
            for s in read_text(draft).statements
            if s.span.end <= start or s.span.start >= end
        ]
        clean += len(spans)
        accused += sum(any(f.start < s.end and s.start < f.end for f in faults) for s in spans)
    by_type = {kind: rate(found[kind], n) for kind, n in sorted(total.items())}
    by_type["all"] = rate(found.total(), total.total())
    return by_type, rate(accused, clean)


def rows_of(name: str) -> list[dict[str, str]]:
    """The rows of a CSV file of the shared data."""
    csv.field_size_limit(10**9)
    with (SHARED / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def show(name: str, one: dict[str, float]) -> str:
    """A table cell."""
    return f"{name}{one['value']:.3f} ({one['low']:.3f} to {one['high']:.3f}, n {one['n']})"


def main() -> None:
    """Plant, check and print."""
    missing = [name for name, _ in (*NOTES, (MEDEC, "")) if not (SHARED / name).is_file()]
    if missing:
        print(f"skipped: {missing[0]} is not in {SHARED}; set MEDTUNE_SHARED")
        print(json.dumps({"skipped": missing}))
        return
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    data = [(row[column], row["dialogue"]) for name, column in NOTES for row in rows_of(name)]
    started = time.perf_counter()
    pairs = [(note, read_text(dialogue)) for note, dialogue in data]
    clean = [fault for note, source in pairs for fault in check(note, source)]
    seconds = time.perf_counter() - started
    statuses = Counter(one.status for note, source in pairs for one in provenance(note, source))
    result: dict[str, object] = {"seed": seed, "notes": len(pairs)}
    print("| planted | recall | precision, at least | recall with notes | precision with notes |")
    print("|---|---|---|---|---|")
    for kind in PLANTS:
        firm, all_of_it = (plant(pairs, kind, seed, notes=notes) for notes in (False, True))
        result[kind] = {"firm": firm._asdict(), "with_notes": all_of_it._asdict()}
        print(f"| {kind} | {' | '.join(show('', one) for one in (*firm, *all_of_it))} |")
    by_type, others = medec(rows_of(MEDEC))
    print("\n| MEDEC error | recall |\n|---|---|")
    for kind, one in by_type.items():
        print(f"| {kind} | {show('', one)} |")
    print(show("\nother sentences of those notes accused: ", others))
    per_kind = Counter(f"{fault.kind} ({fault.severity})" for fault in clean)
    print(f"accusations in the {len(pairs)} notes as their authors wrote them: {dict(per_kind)}")
    print(f"their sentences: {dict(statuses)}")
    result |= {
        "medec": by_type,
        "medec_others_accused": others,
        "clean_faults": dict(per_kind),
        "statuses": dict(statuses),
        "notes_per_second": round(len(pairs) / seconds, 1),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
