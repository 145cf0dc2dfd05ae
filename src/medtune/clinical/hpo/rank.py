"""Rank diseases by findings: a likelihood ratio for each finding, and their product.

After LIRICAL (Robinson 2020, Am J Hum Genet 107:403, doi:10.1016/j.ajhg.2020.06.021): the ratio of
a finding is its chance in the disease over its background, the mean chance over all diseases; of an
excluded finding, the ratio of the chances of not having it. All diseases begin equal. Findings are
taken as independent, given the disease, so that a share is a measure of fit and not a calibrated
probability.

The chance of a finding in a disease is the largest of
- the frequency of the finding or of a kind of it, where the annotations state one;
- for each more general finding of the disease, its frequency times the share that the finding has
  of it in the background;
- COINCIDENCE times the background: persons have findings that their disease does not explain.
The second rule is simpler than LIRICAL's, and COINCIDENCE, LEAST_CHANCE and MOST_CHANCE are ours.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from medtune.clinical.hpo.annotations import Knowledge
from medtune.clinical.hpo.ontology import ROOT, most_specific
from medtune.errors import DataError

COINCIDENCE = 0.05
LEAST_CHANCE, MOST_CHANCE = 1e-6, 0.99
"""No finding proves or excludes a disease."""
ASKED_AMONG = 10
"""The next question tells the first so many candidates apart."""


class Evidence(NamedTuple):
    """What one finding says of one disease."""

    finding: str
    is_present: bool
    log10_ratio: float
    """Above 0 speaks for the disease, below 0 against it."""
    chance: float
    """Of the finding in the disease, in [0, 1]."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One disease of a differential."""

    disease: str
    name: str
    share: float
    """Of all diseases together; not a calibrated probability."""
    evidence: tuple[Evidence, ...]


class Question(NamedTuple):
    """A finding that is not known, and how many bits its answer is expected to tell."""

    finding: str
    bits: float


@dataclass(frozen=True, slots=True)
class Differential:
    """The diseases that fit best, and what to ask next."""

    candidates: tuple[Candidate, ...]
    questions: tuple[Question, ...]


@lru_cache(maxsize=1024)
def chances(known: Knowledge, finding: str) -> np.ndarray:
    """The chance of a finding in every disease, [n_diseases], in (0, 1)."""
    common = known.background.get(finding, 0.0) or 0.5 / len(known.diseases)
    found = np.full(len(known.diseases), COINCIDENCE * common)
    for up in known.ontology.ancestors[finding] - {finding, ROOT}:
        if up in known.implied:
            column = known.implied[up]
            part = min(1.0, common / known.background[up])
            found[column.places] = np.maximum(found[column.places], column.chances * part)
    if finding in known.implied:
        column = known.implied[finding]
        found[column.places] = np.maximum(found[column.places], column.chances)
    found = np.clip(found, LEAST_CHANCE, MOST_CHANCE)
    found.setflags(write=False)  # it is kept, and shared
    return found


def _background(known: Knowledge, finding: str) -> float:
    common = known.background.get(finding, 0.0) or 0.5 / len(known.diseases)
    return min(max(common, LEAST_CHANCE), MOST_CHANCE)


def _ratios(known: Knowledge, finding: str, is_present: bool, often: np.ndarray) -> np.ndarray:
    """log10 of the likelihood ratio in every disease, [n_diseases]."""
    common = _background(known, finding)
    return np.log10(often / common) if is_present else np.log10((1 - often) / (1 - common))


def rank(
    known: Knowledge, present: Iterable[str], excluded: Iterable[str], *, n: int = 5
) -> Differential:
    """The `n` diseases that fit best. The order in which findings are given never matters.

    Args:
        known: Diseases by findings.
        present: HPO ids. One that another implies is not counted twice.
        excluded: HPO ids of findings that were looked for and are not there.
        n: How many diseases to give.

    Raises:
        DataError: There is no finding, or one is both present and excluded.
    """
    has = most_specific(known.ontology, present)
    not_has = _most_general(known, excluded)
    if not has:
        raise DataError("no finding is present: there is nothing to rank diseases by")
    every = {up for one in has for up in known.ontology.ancestors[one]}
    if torn := sorted(every & set(not_has)):
        raise DataError(f"{', '.join(torn)}: both present and excluded; correct the record")
    asked = [*((one, True) for one in has), *((one, False) for one in not_has)]
    often = np.stack([chances(known, one) for one, _ in asked])
    ratios = np.stack([_ratios(known, *pair, often[i]) for i, pair in enumerate(asked)])
    total = ratios.sum(axis=0)
    shares = np.power(10.0, total - total.max())
    shares /= shares.sum()
    # by number of the disease where the fit is equal, so that the order is fixed
    order = np.lexsort((np.arange(len(total)), -total.round(9)))
    candidates = tuple(
        Candidate(
            known.diseases[place],
            known.names[place],
            float(shares[place]),
            tuple(
                Evidence(one, yes, float(ratios[i, place]), float(often[i, place]))
                for i, (one, yes) in enumerate(asked)
            ),
        )
        for place in order[:n]
    )
    first = order[:ASKED_AMONG]
    options = {one for place in first for one in known.stated[place]} - every
    options = {one for one in options if known.ontology.ancestors[one].isdisjoint(not_has)}
    return Differential(candidates, _questions(known, first, shares, options))


def _most_general(known: Knowledge, excluded: Iterable[str]) -> list[str]:
    """Without what another implies: who has no seizure has no febrile seizure."""
    listed = set(excluded)
    return sorted(one for one in listed if not (known.ontology.ancestors[one] - {one}) & listed)


def _questions(
    known: Knowledge, places: np.ndarray, shares: np.ndarray, options: Iterable[str]
) -> tuple[Question, ...]:
    """The three findings whose answer tells the candidates apart best, by expected information."""
    weights = shares[places] / shares[places].sum()
    found = [
        Question(one, _information(chances(known, one)[places], weights)) for one in sorted(options)
    ]
    return tuple(sorted(found, key=lambda one: (-round(one.bits, 9), one.finding))[:3])


def _information(often: np.ndarray, weights: np.ndarray) -> float:
    """Bits of mutual information between a yes-no finding and the disease."""
    return max(0.0, _entropy(float(often @ weights)) - float(_entropies(often) @ weights))


def _entropies(p: np.ndarray) -> np.ndarray:
    return -(p * np.log2(p) + (1 - p) * np.log2(1 - p))


def _entropy(p: float) -> float:
    return -(p * math.log2(p) + (1 - p) * math.log2(1 - p))
