"""Draw train anew where it is biased at the source. Validation and test stay as they are.

reweigh  Each pair of subgroup value s and label y is drawn so that its share becomes P(s) * P(y):
         the label is then independent of the attribute. These are the weights P(s) P(y) / P(s, y)
         of Kamiran and Calders 2012 (doi:10.1007/s10115-011-0463-8), carried out by sampling.
balance  Each value of the attribute is drawn equally often, whatever its share was.

A record is drawn a whole number of times, 0 included; which ones get one time more depends on the
seed and their ids alone. The size of train stays the same but for rounding. Records without the
attribute stay once.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from medtune.data.place import fraction
from medtune.errors import ConfigError

COPY = "~copy"


class Member(NamedTuple):
    """A training record, with what the remedy goes by."""

    id: str
    value: str | None
    """Of the attribute; None if the record has none."""
    label: str


def times(
    members: Sequence[Member], remedy: Literal["reweigh", "balance"], attribute: str, seed: int
) -> dict[str, int]:
    """How often each record is to be in train.

    Raises:
        ConfigError: No record has the attribute, or only one value of it occurs.
    """
    known = [member for member in members if member.value is not None]
    values = Counter(member.value for member in known)
    if len(values) < 2:  # noqa: PLR2004  one value is nothing to balance
        raise ConfigError(
            f"data.remedy_by: {len(known):,} of {len(members):,} training records have the "
            f"attribute {attribute!r}, with {len(values)} values; name one in task.subgroups that "
            "has two or more"
        )
    labels = Counter(member.label for member in known)
    cells: defaultdict[tuple[str, str], list[Member]] = defaultdict(list)
    for member in known:
        cells[str(member.value), member.label if remedy == "reweigh" else ""].append(member)
    found = {member.id: 1 for member in members if member.value is None}
    for (value, label), cell in sorted(cells.items()):
        if remedy == "reweigh":
            wanted = values[value] * labels[label] / len(known)
        else:
            wanted = len(known) / len(values)
        found |= _spread([member.id for member in cell], round(wanted), seed)
    return found


def copy_name(name: str, number: int) -> str:
    """The id of a copy; the first has the record's own."""
    return name if number == 0 else f"{name}{COPY}{number}"


def _spread(ids: Sequence[str], wanted: int, seed: int) -> dict[str, int]:
    """Give `wanted` places to the records of a cell, as evenly as can be."""
    every, more = divmod(wanted, len(ids))
    ranked = sorted(ids, key=lambda name: (fraction(seed, "remedy", name), name))
    return {name: every + (rank < more) for rank, name in enumerate(ranked)}


def told(copies: Mapping[str, int], remedy: str, attribute: str) -> str:
    """What was done, in one sentence."""
    dropped = sum(n == 0 for n in copies.values())
    repeated = sum(n > 1 for n in copies.values())
    what = {
        "reweigh": f"train was drawn so that the label is independent of {attribute}",
        "balance": f"train was drawn so that each value of {attribute} is as frequent",
    }[remedy]
    return f"{what}: {dropped:,} records left out, {repeated:,} repeated"
