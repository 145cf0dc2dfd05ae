"""Counterfactual pairs: the same example with some words swapped, such as he and she.

Where the words should not matter, the two answers should be the same. Where they should, as a
woman's symptom in a man may, they must differ: a test that only rewards sameness is wrong.

Source: counterfactual evaluation as in Garg 2019, AIES, arXiv:1809.10610.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from medtune.artifacts import SwapResult
from medtune.config import SwapSection
from medtune.evaluate.bench import Bench, NotMeasured
from medtune.progress import say
from medtune.records import Estimate, Example, Prediction, Verdict

NAMED = 50
"""Ids of answers against the expectation that are kept."""


def measure_swaps(bench: Bench) -> list[SwapResult]:
    """Every swap of the run on the test examples that hold one of its words.

    Raises:
        NotMeasured: The run names no swap, or none could be measured.
    """
    swaps = bench.run.evaluate.swaps
    if not swaps:
        raise NotMeasured("evaluate.swaps is empty: no words were named to swap")
    tried = [
        bench.tried(named(swap), partial(_measure, bench, swap, number))
        for number, swap in enumerate(swaps)
    ]
    found = [one for one in tried if one is not None]
    if not found:
        raise NotMeasured("no swap of evaluate.swaps could be measured")
    return found


def named(swap: SwapSection) -> str:
    """A swap, among what was not measured."""
    return f"swaps: {swap.name}"


def swapped(example: Example, swap: SwapSection) -> Example | None:
    """The example with the words swapped; None if it holds none of them, or not those of `when`."""
    if swap.when and not any(_has(text, swap.when) for text in example.fields.values()):
        return None
    pattern, other = _rule(swap)
    fields = {
        name: pattern.sub(lambda match: _like(match[0], other[match[0].lower()]), text)
        if not swap.fields or name in swap.fields
        else text
        for name, text in example.fields.items()
    }
    if fields == dict(example.fields):
        return None
    return replace(example, fields=fields)


def _rule(swap: SwapSection) -> tuple[re.Pattern[str], dict[str, str]]:
    """What finds a word of the pairs, and the word that takes its place, in small letters."""
    other: dict[str, str] = {}
    for one, two in swap.pairs:
        other.setdefault(one.lower(), two)
        other.setdefault(two.lower(), one)
    words = "|".join(re.escape(word) for word in sorted(other, key=len, reverse=True))
    return re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE), other


def _has(text: str, words: Sequence[str]) -> bool:
    found = "|".join(re.escape(word) for word in words)
    return re.search(rf"(?<!\w)(?:{found})(?!\w)", text, re.IGNORECASE) is not None


def _like(word: str, other: str) -> str:
    """The other word with the capitals of the first."""
    if word.isupper() and len(word) > 1:
        return other.upper()
    return other[:1].upper() + other[1:] if word[:1].isupper() else other


def _measure(bench: Bench, swap: SwapSection, number: int) -> SwapResult:
    pairs = [(example, swapped(example, swap)) for example in bench.test]
    changed = [two for one, two in pairs if two is not None and bench.is_asked_otherwise(one, two)]
    if not changed:
        raise NotMeasured("no test example holds one of its words")
    changed = bench.fitting(named(swap), changed)
    say(f"evaluate: swap {swap.name!r}: {bench.tuned.name} on {len(changed)} test examples")
    result = bench.answered_changed(f"swap-{number}", changed)
    plain = {p.id: p for p in bench.answers.predictions if not p.failed}
    both = [(plain[p.id], p) for p in result.predictions if p.id in plain and not p.failed]
    flips = bench.mean([(after.group, float(differs(before, after))) for before, after in both])
    wrong = swap.expect == "same"
    return SwapResult(
        name=swap.name,
        expect=swap.expect,
        limit=swap.limit,
        n=len(both),
        flips=flips,
        shift=_shift(both),
        against=[after.id for before, after in both if differs(before, after) == wrong][:NAMED],
        as_expected=_verdict(flips, swap),
    )


def differs(before: Prediction, after: Prediction) -> bool:
    """Whether two answers to one example differ; two that cannot be read do not."""
    return (before.answer, before.abstained) != (after.answer, after.abstained)


def _shift(both: Sequence[tuple[Prediction, Prediction]]) -> float | None:
    """Mean absolute change of the probability of the answer that was given before the swap."""
    shifts = [
        abs(before.probabilities[answer] - after.probabilities[answer])
        for before, after in both
        if before.probabilities is not None
        and after.probabilities is not None
        and isinstance(answer := before.answer, str)
        and answer in after.probabilities
    ]
    return sum(shifts) / len(shifts) if shifts else None


def _verdict(flips: Estimate, swap: SwapSection) -> Verdict:
    """The whole interval must lie within the limit, or beyond it."""
    low, high = (
        (flips.low, flips.high) if swap.expect == "same" else (1 - flips.high, 1 - flips.low)
    )
    if high <= swap.limit:
        return "yes"
    return "no" if low > swap.limit else "not_enough_data"
