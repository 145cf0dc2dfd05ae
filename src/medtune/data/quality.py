"""Look at the records of a run with every check, and put what they say in the order of the card."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from medtune.artifacts import Check, Forecast
from medtune.config import Run
from medtune.data.checks import (
    dates,
    independence,
    integrity,
    labels,
    language,
    origin,
    overlaps,
    people,
    plausible,
    proxy,
    reading,
)
from medtune.data.checks.forecast import forecast
from medtune.data.checks.shares import SHOWN, Look, by_share
from medtune.data.checks.shortcut import source_tells_label
from medtune.data.gather import Entry, Gathered
from medtune.data.keep import CONTAMINATED, Kept
from medtune.data.overlap import Item, Overlap, find_overlaps, is_long_enough
from medtune.data.split import HELD, find_conflicts
from medtune.data.survey import Survey, placed
from medtune.deid.surrogate.dates import MOST_WEEKS
from medtune.progress import progress
from medtune.records import Application

UNFIT = ("too long", "cannot be rendered")
DROPPED = 0.10
"""Share of the rows left out above which somebody must say whom the rest stand for. Own choice."""


class Material(NamedTuple):
    """What the checks look at."""

    today: date
    run: Run
    app: Application
    gathered: Gathered
    kept: Kept
    survey: Survey
    left_out: Mapping[str, Mapping[str, int]]
    """Rows that never became records: their number by reason, by source."""


class Quality(NamedTuple):
    """What was found."""

    checks: list[Check]
    forecast: Forecast | None


def look(material: Material) -> Quality:
    """Every check, in the order of the card."""
    with progress("checking the data", 7, "subjects") as advance:
        checks: list[Check] = []
        for subject in (_integrity, _plausibility, _independence, _labels, _text, _people, _origin):
            checks += subject(material)
            advance(1)
    return Quality(checks, _forecast(material))


def _integrity(material: Material) -> list[Check]:
    sample = material.survey.sample
    return [
        integrity.encoding(sample),
        integrity.cut_texts(sample),
        integrity.types(sample),
        integrity.gaps(sample),
        _rows_left_out(material),
    ]


def _rows_left_out(material: Material) -> Check:
    """The rows that are in no split because nobody could learn from them."""
    reasons = Counter(why for why in material.kept.removed.values() if why in UNFIT)
    for counts in material.left_out.values():
        reasons.update(counts)
    ids = [name for name, why in material.kept.removed.items() if why in UNFIT]
    n_left_out = sum(sum(counts.values()) for counts in material.left_out.values())
    told = ", ".join(f"{why} {n:,}" for why, n in sorted(reasons.items()))
    left = Look(
        "rows left out",
        "integrity",
        "were left out" + (f" ({told})" if told else ""),
        "mend the rows, or state whom the kept ones stand for",
        warn=DROPPED,
    )
    check = by_share(left, ids + n_left_out * [""], len(material.gathered.entries) + n_left_out)
    return check.model_copy(update={"ids": ids[:SHOWN]})


def _plausibility(material: Material) -> list[Check]:
    sample, section = material.survey.sample, material.run.data.deidentify
    moved = None
    if section is not None:
        moved = timedelta(weeks=MOST_WEEKS if section.shift_dates else 0)
    return [plausible.plausibility(sample), dates.date_order(sample, material.today, moved=moved)]


def _independence(material: Material) -> list[Check]:
    kept, division = material.kept, material.kept.division
    held = [e for e in material.survey.sample if e.split in HELD]
    items = [Item("held", e.id, list(e.fields.values())) for e in held]
    items = [item for item in items if is_long_enough(item)]
    n_dropped = list(kept.removed.values()).count(CONTAMINATED)
    return [
        independence.repeats(kept.removed, division.joined, len(material.gathered.entries)),
        independence.copied_forward(_as_given(material), kept.inputs.shingles),
        independence.leaks(division.leaks, kept.held),
        overlaps.partial_copies(_copies(material, items), len(items)),
        overlaps.contamination(kept.overlaps, kept.references, n_dropped),
        overlaps.order_in_time(kept.splits, by_time=material.run.data.split_by == "time"),
        independence.independent(kept.splits, labelled=bool(material.survey.labels)),
    ]


def _as_given(material: Material) -> list[Entry]:
    """The kept records with the groups of their source, not joined by near duplicates."""
    kept = {entry.id for entry in material.kept.entries}
    return [entry for entry in material.gathered.entries if entry.id in kept]


def _copies(material: Material, items: Sequence[Item]) -> list[Overlap]:
    """What train holds of the inputs of validation and test."""
    train = placed(material.gathered, {"train": material.kept.splits["train"]})
    return find_overlaps(((p.entry.id, list(p.example.fields.values())) for p in train), items)


def _labels(material: Material) -> list[Check]:
    kept, offered = material.kept.entries, _offered(material)
    found = [
        labels.conflicting(find_conflicts(kept), len(kept)),
        labels.balance(material.survey.labels, offered),
    ]
    if offered:
        known = [e for e in material.survey.sample if e.split != "test"]
        found.append(labels.label_errors(known, offered, material.run.seed))
        found.append(source_tells_label(known))
    return found


def _text(material: Material) -> list[Check]:
    sample = material.survey.sample
    return [
        reading.short_inputs(sample),
        language.languages(sample),
        reading.readability(sample),
    ]


def _people(material: Material) -> list[Check]:
    sample, data = material.survey.sample, material.run.data
    return [
        people.sizes(sample),
        people.representation(sample, data.reference, data.reference_source),
        people.label_rates(sample, _offered(material)),
        people.missing(sample),
        proxy.proxies(sample, material.run.seed),
    ]


def _origin(material: Material) -> list[Check]:
    stated = material.survey.licences
    return [origin.licences(stated), origin.restrictions(stated)]


def _forecast(material: Material) -> Forecast | None:
    sample = material.survey.sample
    train = [e for e in sample if e.split == "train"]
    validation = [e for e in sample if e.split == "validation"]
    if not _offered(material):
        return None
    return forecast(train, validation, _offered(material), material.run.seed)


def _offered(material: Material) -> Sequence[str]:
    """The labels that every record may have; none where the answer is not one of the same few."""
    choices = material.app.choices
    if choices is None or not material.survey.labels:
        return ()
    return choices(material.survey.sample[0])
