"""Gaps in knowledge: A goes with B and B with C in articles, and none states A with C.

Swanson 1986, Perspect Biol Med 30:7, doi:10.1353/pbm.1986.0087 (fish oil and Raynaud's disease).
Ranked by the number of linking terms and then their average minimum weight, in articles (compared
with other measures by Henry and McInnes 2019, doi:10.1186/s12859-019-2989-9). A gap is a question
for a reader, never a result: most linked pairs stay unlinked for a good reason.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from medtune.clinical.evidence.claims import NO_EFFECT, Claim, Entity, Kind


class Bridge(NamedTuple):
    """A term that links the two."""

    term: Entity
    first: tuple[Claim, ...]
    """Claims on A and the term."""
    second: tuple[Claim, ...]
    """Claims on the term and C."""

    @property
    def weight(self) -> int:
        """Articles on the weaker of the two sides."""
        return min(len({one.article for one in side}) for side in (self.first, self.second))

    @property
    def sign(self) -> int:
        """1 or -1 if both sides agree on a direction within themselves, else 0."""
        return _sign(self.first) * _sign(self.second)


@dataclass(frozen=True, slots=True)
class Gap:
    """A pair that no article links directly."""

    a: Entity
    c: Entity
    bridges: tuple[Bridge, ...]
    """The strongest first."""

    @property
    def weight(self) -> float:
        """Average minimum weight of the linking terms, in articles."""
        return sum(one.weight for one in self.bridges) / len(self.bridges)

    @property
    def direction(self) -> str:
        """What the bridges would suggest, if they agree: "with more", "with less" or "unclear"."""
        signs = {one.sign for one in self.bridges} - {0}
        if len(signs) != 1:
            return "unclear"
        return "with more" if signs == {1} else "with less"


def _sign(claims: Iterable[Claim]) -> int:
    signs = {one.sign for one in claims} - {0}
    return signs.pop() if len(signs) == 1 else 0


def gaps(claims: Sequence[Claim], disease: str, kinds: Sequence[Kind] = ("target",)) -> list[Gap]:
    """Entities of some kinds that only other terms link to the disease, the best linked first.

    A claim of no effect links nothing, but it does state the pair, so it closes a gap. Articles on
    A and C are looked for in any direction; so are the links.
    """
    links: dict[Entity, dict[Entity, list[Claim]]] = defaultdict(lambda: defaultdict(list))
    stated: set[tuple[Entity, Entity]] = set()
    for one in claims:
        stated |= {(one.subject, one.object), (one.object, one.subject)}
        if one.predicate != NO_EFFECT and one.subject != one.object:
            links[one.subject][one.object].append(one)
            links[one.object][one.subject].append(one)
    c = Entity(disease, "disease")
    terms = links.get(c, {})
    reached: dict[Entity, list[Bridge]] = defaultdict(list)
    for term, second in terms.items():
        for a, first in links[term].items():
            if a.kind in kinds and a != c and (a, c) not in stated:
                reached[a].append(Bridge(term, tuple(first), tuple(second)))
    found = [
        Gap(a, c, tuple(sorted(bridges, key=lambda one: (-one.weight, one.term.name))))
        for a, bridges in reached.items()
    ]
    return sorted(found, key=lambda one: (-len(one.bridges), -one.weight, one.a.name))
