"""Who is in the data: how many of each group, against whom it is for, with which labels and gaps.

Shares are counted in groups of records (patients), with Wilson's interval over them, for a patient
with a hundred notes is one patient. An attribute is one that `task.subgroups` names.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from medtune.artifacts import Check, Outcome
from medtune.data.checks.integrity import fields_of
from medtune.data.checks.shares import SHOWN, not_run, wilson
from medtune.records import Example
from medtune.stats import ALPHA, holm

FEWEST = 30
"""Test records of a value below which its results say little. The usual rule of thumb."""
TOO_FEW, TOO_MANY, FAR = 0.8, 1.25, 0.5
"""Ratio of the share in the data to that in the population. Four fifths is the rule of thumb of the
US Uniform Guidelines (29 CFR 1607.4 D, 1978), made for hiring; it is a convention here, too."""
APART = 0.10
"""Difference of two shares worth a word: ten points. Our own choice."""


class Share(NamedTuple):
    """A share among the records of one value of an attribute."""

    attribute: str
    value: str
    what: str
    """Such as the label, or the field that is empty."""
    share: float
    low: float
    high: float
    groups: int


def sizes(examples: Sequence[Example]) -> Check:
    """Values of the attributes with too few records in the test."""
    name = "size of subgroups"
    values = _values(examples)
    if not values:
        return not_run(name, "people", "task.subgroups names no attribute")
    test = {
        (attribute, value): sum(e.split == "test" for e in found)
        for (attribute, value), found in values.items()
    }
    few = [f"{a} {v} ({n})" for (a, v), n in sorted(test.items()) if n < FEWEST]
    return Check(
        name=name,
        topic="people",
        outcome="warn" if few else "pass",
        found=f"{len(few)} of {len(test)} values have fewer than {FEWEST} records in the test"
        + (f": {', '.join(few[:SHOWN])}" if few else ""),
        remedy="collect records of these people; till then nobody can say how well it does for them"
        if few
        else "",
        figures={f"test: {a} {v}": float(n) for (a, v), n in test.items()},
    )


def representation(
    examples: Sequence[Example], reference: Mapping[str, Mapping[str, float]], source: str
) -> Check:
    """The share of each value against that in the population that the model is for."""
    name = "representation"
    if not reference:
        return not_run(name, "people", "data.reference states no population to compare with")
    known = {attribute for attribute, _ in _values(examples)}
    if absent := sorted(reference.keys() - known):
        have = ", ".join(sorted(known)) or "none"
        why = (
            f"no record has {', '.join(absent)}, which data.reference names; name it in "
            f"task.subgroups, or use one that the records have ({have})"
        )
        return not_run(name, "people", why)
    odd: list[str] = []
    worst = 1.0
    figures: dict[str, float] = {}
    for attribute, shares in sorted(reference.items()):
        people = _people(examples, attribute)
        for value, expected in sorted(shares.items()):
            n = sum(found == value for found in people.values())
            low, high = wilson(n, len(people))
            figures[f"{attribute} {value}"] = share = n / max(1, len(people))
            if expected and (high < TOO_FEW * expected or low > TOO_MANY * expected):
                odd.append(f"{attribute} {value} {share:.0%} against {expected:.0%}")
                worst = min(worst, share / expected)
    outcome: Outcome = "fail" if worst < FAR else "warn" if odd else "pass"
    told = f": {'; '.join(odd)}" if odd else ""
    return Check(
        name=name,
        topic="people",
        outcome=outcome,
        found=f"{len(odd)} values are far from their share in the population "
        f"({source or 'source not stated'}){told}",
        remedy=""
        if outcome == "pass"
        else "collect records of those who are few; data.remedy: balance only repeats what is "
        "there",
        figures=figures,
    )


def label_rates(examples: Sequence[Example], offered: Sequence[str]) -> Check:
    """Whether a label is much more frequent for one value of an attribute than for another."""
    rates = {
        (attribute, value): {
            label: _share(found, [str(e.target) == label for e in found], attribute, value, label)
            for label in offered
        }
        for (attribute, value), found in _values(examples).items()
    }
    return _compared("label rates", rates, "the label {what} has a rate of", RATES_REMEDY)


RATES_REMEDY = (
    "ask whether the difference is in the people or in who was diagnosed, labelled or recorded; if "
    "the latter, data.remedy: reweigh makes label and attribute independent in train"
)
GAPS_REMEDY = "find out why; a model learns from the gap that it is one of them"


def missing(examples: Sequence[Example]) -> Check:
    """Whether a field is empty much more often for one value of an attribute than for another."""
    names = [field.name for field in fields_of(examples)]
    rates = {
        (attribute, value): {
            name: _share(
                found, [not e.fields.get(name, "").strip() for e in found], attribute, value, name
            )
            for name in names
        }
        for (attribute, value), found in _values(examples).items()
    }
    return _compared("gaps by subgroup", rates, "the field {what} is empty in", GAPS_REMEDY)


def _compared(
    name: str, rates: Mapping[tuple[str, str], Mapping[str, Share]], says: str, remedy: str
) -> Check:
    """The pairs of values of one attribute whose shares differ, after Holm's correction."""
    pairs = [
        (one, other)
        for (first, found), (second, others) in combinations(sorted(rates.items()), 2)
        if first[0] == second[0]
        for one, other in zip(found.values(), others.values(), strict=True)
    ]
    if not pairs:
        return not_run(name, "people", "no attribute with two values, or nothing to compare")
    p_values = holm([_p_value(one, other) for one, other in pairs])
    odd = [
        (one, other)
        for (one, other), p in zip(pairs, p_values, strict=True)
        if p < ALPHA and abs(one.share - other.share) >= APART
    ]
    odd.sort(key=lambda pair: -abs(pair[0].share - pair[1].share))
    told = [
        f"{says.format(what=repr(one.what))} {one.share:.0%} ({one.low:.0%} to {one.high:.0%}) for "
        f"{one.attribute} {one.value}, {other.share:.0%} ({other.low:.0%} to {other.high:.0%}) for "
        f"{other.value}"
        for one, other in odd[:3]
    ]
    return Check(
        name=name,
        topic="people",
        outcome="warn" if odd else "pass",
        found=f"{len(odd)} of {len(pairs)} comparisons differ by ten points or more"
        + (f": {'; '.join(told)}" if told else ""),
        remedy=remedy if odd else "",
        figures={
            f"{one.attribute} {one.value}: {one.what}": one.share
            for found in rates.values()
            for one in found.values()
        },
    )


def _p_value(one: Share, other: Share) -> float:
    """Two-sided p-value for the difference of two shares, by the pooled normal approximation."""
    n, m = max(1, one.groups), max(1, other.groups)
    pooled = (one.share * n + other.share * m) / (n + m)
    error = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    return math.erfc(abs(one.share - other.share) / error / math.sqrt(2)) if error else 1.0


def _share(
    examples: Sequence[Example], holds: Sequence[bool], attribute: str, value: str, what: str
) -> Share:
    groups = len({e.group for e in examples})
    share = sum(holds) / max(1, len(examples))
    return Share(attribute, value, what, share, *wilson(share * groups, groups), groups)


def _values(examples: Sequence[Example]) -> dict[tuple[str, str], list[Example]]:
    """The records of each value of each attribute."""
    found: defaultdict[tuple[str, str], list[Example]] = defaultdict(list)
    for example in examples:
        for attribute, value in example.subgroups.items():
            found[attribute, value].append(example)
    return dict(sorted(found.items()))


def _people(examples: Sequence[Example], attribute: str) -> dict[str, str]:
    """The value of each group: the most frequent of its records."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for example in examples:
        if attribute in example.subgroups:
            counts[example.group][example.subgroups[attribute]] += 1
    return {group: min(c, key=lambda v: (-c[v], v)) for group, c in counts.items()}
