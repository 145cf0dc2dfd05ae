"""Write train, with the remedies that the run asks for (`remedies.py`, `twins.py`)."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from medtune.artifacts import write_examples
from medtune.config import Run
from medtune.data.duplicates import Numbering, near_to
from medtune.data.gather import Entry, Gathered, Size, measured
from medtune.data.keep import Kept, token_limit
from medtune.data.remedies import Member, copy_name, times, told
from medtune.data.shingles import input_text
from medtune.data.split import HELD
from medtune.data.survey import placed
from medtune.data.twins import twin
from medtune.records import Application, Example

if TYPE_CHECKING:
    from medtune.llm import Renderer


class Trained(NamedTuple):
    """Train as it was written."""

    file: Path
    entries: list[Entry]
    labels: dict[str, int]
    """Records per target."""
    remedies: list[str]
    """What was changed, one sentence each."""


@dataclass
class _Seen:
    """What passes on the way to the file."""

    entries: list[Entry] = field(default_factory=list[Entry])
    labels: Counter[str] = field(default_factory=Counter[str])
    twins: int = 0


def write_train(
    run: Run, app: Application, renderer: "Renderer", gathered: Gathered, kept: Kept
) -> Trained:
    """Write `train.jsonl`.

    Raises:
        ConfigError: The remedy goes by an attribute that train does not have.
    """
    copies = _copies(run, gathered, kept)
    leaking = _leaking(run, app, gathered, kept)
    seen = _Seen()

    def examples() -> Iterator[Example]:
        for _, entry, example in placed(gathered, {"train": kept.splits["train"]}):
            for number in range(copies.get(entry.id, 1)):
                one = replace(example, id=copy_name(example.id, number))
                yield from _noted(seen, one, entry._replace(id=one.id))
                if run.data.counterfactual == "gender":
                    yield from _twin(seen, one, entry)

    def _twin(seen: _Seen, example: Example, entry: Entry) -> Iterator[Example]:
        other = None if entry.id in leaking else twin(example, app.choices)
        size = measured(other, app, renderer) if other else None
        if other and isinstance(size, Size) and size.tokens <= token_limit(run)[0]:
            seen.twins += 1
            sized = entry._replace(id=other.id, tokens=size.tokens, supervised=size.supervised)
            yield from _noted(seen, other, sized)

    file = write_examples(run.out / "train.jsonl", examples())
    sentences = _told(run, copies, seen.twins, len(leaking))
    return Trained(file, seen.entries, dict(sorted(seen.labels.items())), sentences)


def _told(run: Run, copies: Mapping[str, int], n_twins: int, n_leaking: int) -> list[str]:
    """What was changed, one sentence each."""
    by = run.data.remedy_by
    sentences = [] if by is None else [told(copies, run.data.remedy, by)]
    if run.data.counterfactual == "gender":
        sentences.append(
            f"{n_twins:,} twins of the other gender were added to train; records about organs "
            "or conditions of one sex have none"
        )
    if n_leaking:
        sentences.append(
            f"{n_leaking:,} twins were left out, for validation or test holds the same text or "
            "nearly"
        )
    return sentences


def _leaking(run: Run, app: Application, gathered: Gathered, kept: Kept) -> set[str]:
    """Ids of the records of train whose twin equals, or is near, one of validation or test."""
    if run.data.counterfactual == "none":
        return set()
    numbering = Numbering(gathered.file.parent)
    held = {
        numbering.number(input_text(one.example.fields))
        for one in placed(gathered, {split: kept.splits[split] for split in HELD})
    }
    number: dict[str, int] = {}
    for _, entry, example in placed(gathered, {"train": kept.splits["train"]}):
        other = twin(example, app.choices)
        if other is not None:
            number[entry.id] = numbering.number(input_text(other.fields))
    near = near_to(set(number.values()), held, numbering.index(run.data.near_duplicate))
    return {name for name, own in number.items() if own in near}


def _noted(seen: _Seen, example: Example, entry: Entry) -> Iterator[Example]:
    seen.entries.append(entry)
    seen.labels[str(example.target)] += 1
    yield example


def _copies(run: Run, gathered: Gathered, kept: Kept) -> Mapping[str, int]:
    """How often each record is wanted, where that is not once."""
    attribute, remedy = run.data.remedy_by, run.data.remedy
    if attribute is None or remedy == "none":
        return {}
    members = [
        Member(one.entry.id, one.example.subgroups.get(attribute), str(one.example.target))
        for one in placed(gathered, {"train": kept.splits["train"]})
    ]
    return times(members, remedy, attribute, run.seed)
