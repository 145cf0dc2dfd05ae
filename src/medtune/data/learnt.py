"""Which records of another set train holds: the same, nearly the same, or as a part of a record."""

from collections.abc import Sequence
from pathlib import Path

from medtune.artifacts import iter_examples
from medtune.data.duplicates import Numbering, near_to
from medtune.data.overlap import HOLDS, Item, find_overlaps, record_texts
from medtune.data.shingles import input_text
from medtune.records import REJECTED, Example


def held_by(train: Path, others: Sequence[Example], near_duplicate: float) -> set[str]:
    """Ids of the others that train holds.

    Args:
        train: The training split. It is read record by record.
        others: The records of the other set, cleaned as those of train are.
        near_duplicate: Jaccard similarity of word 5-grams from which two inputs are near.
    """
    numbering = Numbering()
    number = {e.id: numbering.number(input_text(e.fields)) for e in others}
    learnt = {numbering.number(input_text(e.fields)) for e in iter_examples(train)}
    near = near_to(set(number.values()), learnt, numbering.index(near_duplicate))
    items = [
        Item("other", e.id, [text for name, text in e.fields.items() if name != REJECTED])
        for e in others
    ]
    overlaps = find_overlaps(((e.id, record_texts(e)) for e in iter_examples(train)), items)
    held = {one.item for one in overlaps if one.share >= HOLDS}
    return held | {name for name, own in number.items() if own in near}
