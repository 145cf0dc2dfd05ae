"""Targets of a disease, ranked by what articles state of them.

Score: the harmonic sum of the articles' weights over their squared rank, divided by what infinitely
many full articles would give (as in the Open Targets Platform, platform-docs.opentargets.org), so
that the tenth article on a target adds little. Weights are ours: 1 for an article with a causal
statement, 0.5 for a correlation or an association. "No effect" adds nothing and is counted.
Interval: each article of a target counts a Poisson number of times of mean 1, so that their number
varies, too; none where only one article speaks. Genetics and safety are not in such claims and not
scored.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from medtune.clinical.evidence.claims import CAUSAL, NO_EFFECT, Claim, Entity

RESAMPLES = 1000
MOST = math.pi**2 / 6
"""The sum of 1 / rank**2."""
SEVERAL = 2


@dataclass(frozen=True, slots=True)
class Target:
    """A target of the disease with all that was counted."""

    name: str
    score: float
    low: float | None
    high: float | None
    """The 95 % interval; None for a single article."""
    articles: tuple[str, ...]
    """That state a relation to the disease."""
    up: int
    """Articles by which more of the target goes with the disease."""
    down: int
    against: int
    """Articles that state no effect."""
    compounds: tuple[str, ...]
    """That some article says to change the target: a word on tractability."""
    claims: tuple[Claim, ...]
    """The direct ones, in the order of their articles."""


def targets(claims: Sequence[Claim], disease: str, *, seed: int = 0) -> list[Target]:
    """All targets with a statement on the disease, the best first."""
    direct: dict[str, list[Claim]] = defaultdict(list)
    compounds: dict[str, set[str]] = defaultdict(set)
    for one in claims:
        for end, other in ((one.subject, one.object), (one.object, one.subject)):
            if end.kind == "target" and other == Entity(disease, "disease"):
                direct[end.name].append(one)
        if (one.subject.kind, one.object.kind) == ("compound", "target") and (
            one.predicate in CAUSAL
        ):
            compounds[one.object.name].add(one.subject.name)
    draw = np.random.default_rng(seed)
    found = [_target(name, of, compounds[name], draw) for name, of in sorted(direct.items())]
    return sorted(found, key=lambda one: (-one.score, -len(one.articles), one.name))


def _target(
    name: str, claims: list[Claim], compounds: set[str], draw: np.random.Generator
) -> Target:
    by_article: dict[str, list[Claim]] = defaultdict(list)
    for one in claims:
        by_article[one.article].append(one)
    weights = [max(map(_weight, of)) for of in by_article.values()]
    signs = [sum(one.sign for one in of) for of in by_article.values()]
    low, high = _interval(weights, draw)
    return Target(
        name=name,
        score=score(weights),
        low=low,
        high=high,
        articles=tuple(sorted(by_article)),
        up=sum(sign > 0 for sign in signs),
        down=sum(sign < 0 for sign in signs),
        against=sum(all(c.predicate == NO_EFFECT for c in of) for of in by_article.values()),
        compounds=tuple(sorted(compounds)),
        claims=tuple(sorted(claims, key=lambda one: (one.article, one.id))),
    )


def _weight(claim: Claim) -> float:
    if claim.predicate == NO_EFFECT:
        return 0.0
    return 1.0 if claim.predicate in CAUSAL else 0.5


def score(weights: Sequence[float]) -> float:
    """The harmonic sum, in [0, 1)."""
    ranked = sorted(weights, reverse=True)
    return sum(one / rank**2 for rank, one in enumerate(ranked, start=1)) / MOST


def _interval(
    weights: Sequence[float], draw: np.random.Generator
) -> tuple[float, float] | tuple[None, None]:
    if len(weights) < SEVERAL:
        return None, None
    ranked = np.sort(np.asarray(weights))[::-1]
    times = draw.poisson(1.0, (RESAMPLES, len(weights)))
    up_to = np.cumsum(times, axis=1)
    sums = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, up_to.max() + 2) ** 2)])
    parts = ranked * (sums[up_to] - sums[up_to - times])
    low, high = np.quantile(parts.sum(axis=1) / MOST, (0.025, 0.975))
    return float(low), float(high)


def disagreement(target: Target) -> str:
    """Whether the articles of a target say opposite things, in words; "" if they do not."""
    if not (target.up and target.down):
        return ""
    return f"{target.up} articles up, {target.down} down"


def counted(claims: Sequence[Claim], kind: str) -> Mapping[str, int]:
    """Entities of a kind with the number of articles that speak of them, the most first."""
    articles: dict[str, set[str]] = defaultdict(set)
    for one in claims:
        for end in (one.subject, one.object):
            if end.kind == kind:
                articles[end.name].add(one.article)
    order = sorted(articles.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    return {name: len(of) for name, of in order}
