"""What must not be on two sides: patients, documents, the future, and evaluation sets."""

from dataclasses import replace
from pathlib import Path

from faults import Fault
from faults.data.entries import entries_of
from faults.data.notes import clean, says
from medtune.config import DataSection, SourceSection
from medtune.data.checks import independence, overlaps
from medtune.data.overlap import Item, find_overlaps, record_texts
from medtune.data.split import Division, divide
from medtune.errors import DataError
from medtune.records import Example

Notes = list[Example]
SOURCES = (SourceSection(source="path:a.csv"),)
QUESTION = (
    "A middle aged person comes to the clinic because of tiredness for three weeks, a metallic "
    "taste, and swelling of both legs that is worse in the evening. What is the next step?"
)


def _divided(notes: Notes, **settings: object) -> Division:
    data = DataSection.model_validate({"sources": SOURCES, **settings})
    return divide(*entries_of(notes), data, seed=0)


def _refused(notes: Notes) -> str:
    try:
        _divided(notes)
    except DataError as error:
        return str(error)
    return ""


def _leaks(notes: Notes) -> str:
    found = _divided(notes)
    held = sum(len(found.splits[split]) for split in ("validation", "test"))
    return says(independence.leaks(found.leaks, held))


def _into(split: str, notes: Notes) -> Example:
    return next(e for e in notes if e.split == split)


def _in_two_splits(notes: Notes) -> Notes:
    return [*notes, replace(notes[0], id="again", split="test")]


def _near_copy(notes: Notes) -> Notes:
    one = _into("test", notes)
    note = one.fields["note"].replace("Blood pressure", "blood  pressure of")
    fields = {**one.fields, "note": note}
    return [*notes, replace(one, id="copy", group="someone", fields=fields, split="train")]


def _partial_copy(notes: Notes) -> Notes:
    """A train note that holds the text of many test notes, each beside another text."""
    more = [
        replace(
            e,
            id=f"{e.id}+",
            group=f"{e.group}+",
            split="train",
            fields={"note": f"{e.fields['note']} {e.fields['note']} {notes[-n].fields['note']}"},
        )
        for n, e in enumerate(notes)
        if e.split == "test" and n % 4 == 0
    ]
    return [*notes, *more]


def _partial(notes: Notes) -> str:
    held = [Item("held", e.id, [e.fields["note"]]) for e in notes if e.split == "test"]
    train = [(e.id, [e.fields["note"]]) for e in notes if e.split == "train"]
    return says(overlaps.partial_copies(find_overlaps(train, held), len(held)))


def _contaminated(notes: Notes) -> Notes:
    one = notes[0]
    return [replace(one, fields={"note": f"{QUESTION} {one.fields['note']}"}), *notes[1:]]


def _contamination(notes: Notes) -> str:
    items = [Item("exam", str(n), [text]) for n, text in enumerate([QUESTION, *NEVER_SEEN])]
    found = find_overlaps([(e.id, record_texts(e)) for e in notes], items)
    return says(overlaps.contamination(found, {"exam": len(items)}, 0))


NEVER_SEEN = (
    "Which of the following drugs is the most likely cause of the low potassium in this patient?",
    "Which of the following drugs is the most likely cause of the dry cough in this patient?",
)


def _from_the_future(notes: Notes) -> Notes:
    return [*notes, replace(notes[0], id="late", group="q1", time="2025-06-01", split="train")]


def _by_time(folder: Path) -> Notes:
    return [replace(e, split=None) for e in clean(folder)]


def _order(notes: Notes) -> str:
    found = _divided(notes, split_by="time")
    return says(overlaps.order_in_time(found.splits, by_time=True))


def _copied_forward(notes: Notes) -> Notes:
    """Every second note of a patient is the one before with a line added."""
    before: dict[str, Example] = {}
    copied: Notes = []
    for note in notes:
        first = before.setdefault(note.group, note)
        text = f"{first.fields['note']} Seen again, no change."
        fields = {**first.fields, "note": text}
        copied.append(note if first is note else replace(note, fields=fields))
    return copied


def _copied(notes: Notes) -> str:
    entries, inputs = entries_of(notes)
    return says(independence.copied_forward(entries, inputs.shingles))


def _repeated(notes: Notes) -> Notes:
    return [*notes, *(replace(e, id=f"{e.id}b", split=None) for e in notes if e.split == "train")][
        :400
    ]


def _repeats(notes: Notes) -> str:
    found = _divided(notes)
    return says(independence.repeats(found.removed, found.joined, len(notes)))


def _of_few(notes: Notes) -> Notes:
    return [replace(e, group=f"{e.split} {n % 4}") for n, e in enumerate(notes)]


def _independent(notes: Notes) -> str:
    return says(independence.independent(_divided(notes).splits, labelled=True))


FAULTS = (
    Fault("a patient in two splits", _in_two_splits, clean, _refused),
    Fault("a document leaked by a near copy", _near_copy, clean, _leaks),
    Fault("test notes inside longer notes of train", _partial_copy, clean, _partial),
    Fault("an evaluation item in a training record", _contaminated, clean, _contamination),
    Fault("a training record from after the test", _from_the_future, _by_time, _order),
    Fault("copied-forward notes", _copied_forward, clean, _copied),
    Fault("a source that repeats its records", _repeated, clean, _repeats),
    Fault("many records of few patients", _of_few, clean, _independent),
)
