"""What the records hold: characters, lengths, types, values, units, dates, labels, language."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

from faults import Fault
from faults.data.entries import entries_of
from faults.data.notes import LABELS, clean, says
from medtune.artifacts import Check
from medtune.data.checks import dates, integrity, labels, language, plausible, reading
from medtune.data.checks.shortcut import source_tells_label
from medtune.data.split import find_conflicts
from medtune.records import SPLITS, Example

TODAY = date(2026, 1, 1)
Notes = list[Example]


def noted(change: Callable[[str], str], every: int = 30) -> Callable[[Notes], Notes]:
    """Change the note of one record in so many."""
    return fielded("note", change, every)


def fielded(name: str, change: Callable[[str], str], every: int) -> Callable[[Notes], Notes]:
    """Change a field of one record in so many."""
    return lambda notes: [
        replace(e, fields={**e.fields, name: change(e.fields[name])}) if n % every == 0 else e
        for n, e in enumerate(notes)
    ]


def relabelled(every: int) -> Callable[[Notes], Notes]:
    """Exchange the label of one record in so many."""
    other = {LABELS[0]: LABELS[1], LABELS[1]: LABELS[0]}
    return lambda notes: [
        replace(e, target=other[str(e.target)]) if n % every == 0 else e
        for n, e in enumerate(notes)
    ]


def _label_errors(notes: Notes) -> str:
    return says(labels.label_errors(notes, LABELS, seed=0))


def _balance(notes: Notes) -> str:
    counts = {
        split: {one: sum(e.target == one for e in notes if e.split == split) for one in LABELS}
        for split in SPLITS
    }
    return says(labels.balance(counts, LABELS))


def _conflicts(notes: Notes) -> str:
    return says(labels.conflicting(find_conflicts(entries_of(notes)[0]), len(notes)))


def _twice(notes: Notes) -> Notes:
    return [*notes, replace(notes[4], id="again", target=LABELS[1])]


def by(check: Callable[[Notes], Check]) -> Callable[[Notes], str]:
    """What a check says."""
    return lambda notes: says(check(notes))


def _dates(notes: Notes) -> str:
    return says(dates.date_order(notes, TODAY))


def _cut_at(length: int) -> Callable[[Notes], Notes]:
    return noted(lambda text: text[:length], every=1)


SPANISH = "El paciente no tiene fiebre ni tos y la familia está en casa con una hermana mayor."

FAULTS = (
    Fault(
        "text that was once read in a wrong encoding",
        noted(lambda text: text.replace("Creatinine", "Creatinine ≥".encode().decode("cp1252"))),
        clean,
        by(integrity.encoding),
    ),
    Fault(
        "characters lost to control codes",
        noted(lambda text: f"{text} NF-\x02B"),
        clean,
        by(integrity.encoding),
    ),
    Fault("texts cut by an export", _cut_at(255), clean, by(integrity.cut_texts)),
    Fault(
        "remarks in a column of numbers",
        fielded("albumin_g_dl", lambda _: "see lab", 60),
        clean,
        by(integrity.types),
    ),
    Fault(
        "a field that is often empty", fielded("ward", lambda _: "", 2), clean, by(integrity.gaps)
    ),
    Fault("notes with nothing in them", noted(lambda _: "Seen."), clean, by(reading.short_inputs)),
    Fault("notes in another language", noted(lambda _: SPANISH), clean, by(language.languages)),
    Fault(
        "a value that no living adult has",
        noted(lambda text: text.replace("heart rate ", "heart rate 9")),
        clean,
        by(plausible.plausibility),
    ),
    Fault(
        "a value in a wrong unit",
        noted(lambda text: text.replace("mg/dL, glucose", "umol/L, glucose")),
        clean,
        by(plausible.plausibility),
    ),
    Fault(
        "a unit in a column's name that the value does not have",
        fielded("albumin_g_dl", lambda text: f"{10 * float(text):g}", 30),
        clean,
        by(plausible.plausibility),
    ),
    Fault(
        "upper and lower blood pressure exchanged",
        noted(lambda text: text.replace("Blood pressure 1", "Blood pressure 0")),
        clean,
        by(plausible.plausibility),
    ),
    Fault(
        "a discharge before the admission",
        fielded("discharge_date", lambda _: "2020-03-01", 30),
        clean,
        _dates,
    ),
    Fault(
        "a day that no calendar has",
        fielded("admission_date", lambda _: "2023-02-30", 60),
        clean,
        _dates,
    ),
    Fault(
        "a date in the future", fielded("discharge_date", lambda _: "2230-01-05", 60), clean, _dates
    ),
    Fault("wrong labels", relabelled(every=7), clean, _label_errors),
    Fault("one input with two targets", _twice, clean, _conflicts),
    Fault(
        "a label that train hardly has",
        lambda notes: [e for n, e in enumerate(notes) if e.target != "renal" or n % 60 == 1],
        clean,
        _balance,
    ),
    Fault(
        "one label only",
        lambda notes: [replace(e, target="renal") for e in notes],
        clean,
        _balance,
    ),
    Fault(
        "a source that gives the label away",
        lambda notes: [replace(e, source=f"{e.target}.csv") for e in notes],
        clean,
        by(source_tells_label),
    ),
)
