"""From VCF records to what each chromosome has at each place, phased as far as the file says."""

from collections.abc import Iterator, Mapping, Sequence, Set
from itertools import product
from typing import NamedTuple

from medtune.clinical.pgx.alleles import Refused
from medtune.clinical.pgx.vcf import Place, Record, Variant

MOST_SETS = 12
"""Phase sets that are combined in every way: 2,048 combinations."""
DIPLOID = 2

Haplotype = Mapping[Place, Variant | None]
"""The variant of one chromosome at each place with a call; None is the reference."""


class Call(NamedTuple):
    """The two alleles at one place."""

    pair: tuple[Variant | None, Variant | None]
    phase_set: str | None
    """None if it is not phased with any other place."""


class Calls(NamedTuple):
    """All places of one gene."""

    at: Mapping[Place, Call]
    uncalled: tuple[str, ...]
    unknown: tuple[str, ...]
    """Places with a variant that defines no allele."""


def calls(known: Mapping[Place, Set[Variant]], records: Mapping[Place, list[Record]]) -> Calls:
    """The calls at the places of a gene. A place without a usable record has none."""
    at: dict[Place, Call] = {}
    uncalled: list[str] = []
    unknown: list[str] = []
    for place, variants in known.items():
        name = f"{place[0]}:{place[1]}"
        call = _call(variants, records.get(place, []))
        if call is None:
            uncalled.append(name)
        elif all(one is None or one in variants for one in call.pair):
            at[place] = call
        else:
            unknown.append(name)
    return Calls(at, tuple(uncalled), tuple(unknown))


def haplotype_pairs(at: Mapping[Place, Call]) -> Iterator[tuple[Haplotype, Haplotype]]:
    """Every pair of chromosomes that the calls allow, each once.

    Raises:
        Refused: There are too many ways.
    """
    sets = _phase_sets(at)
    if len(sets) > MOST_SETS:
        raise Refused(
            f"{len(sets)} heterozygous places are not phased with each other; phase the file, or "
            "give an outside call"
        )
    same = {place: call.pair[0] for place, call in at.items() if call.pair[0] == call.pair[1]}
    for flips in product((False, True), repeat=max(len(sets) - 1, 0)):
        first, second = dict(same), dict(same)
        for group, flip in zip(sets, (False, *flips), strict=False):
            for place in group:
                one, other = at[place].pair
                first[place], second[place] = (other, one) if flip else (one, other)
        yield first, second


def is_phased(at: Mapping[Place, Call]) -> bool:
    """Whether there is only one way to divide the variants."""
    return len(_phase_sets(at)) <= 1


def _phase_sets(at: Mapping[Place, Call]) -> Sequence[Sequence[Place]]:
    groups: dict[object, list[Place]] = {}
    for place, call in at.items():
        if call.pair[0] != call.pair[1]:
            groups.setdefault(call.phase_set or place, []).append(place)
    return list(groups.values())


def _call(variants: Set[Variant], records: Sequence[Record]) -> Call | None:
    """The call of all records at a place; None if they do not say, or contradict each other."""
    usable = [r for r in records if len(r.genotype) == DIPLOID and None not in r.genotype]
    if not usable or len(usable) < len(records) or not _covers(variants, usable):
        return None
    sides: list[list[Variant]] = [[], []]
    for record in usable:
        for side, index in zip(sides, record.genotype, strict=True):
            if index:
                found = record.alts[index - 1]
                if found is None:
                    return None
                side.append(found)
    phased = all(record.phased for record in usable)
    if not phased and len(sides[0]) + len(sides[1]) == DIPLOID:
        both = [*sides[0], *sides[1]]  # two lines of one place, each with its own variant
        sides = [both[:1], both[1:]]
    if any(len(side) > 1 for side in sides):
        return None
    pair = tuple(side[0] if side else None for side in sides)
    return Call((pair[0], pair[1]), f"phased {usable[0].phase_set}" if phased else None)


def _covers(variants: Set[Variant], records: Sequence[Record]) -> bool:
    """Whether the records tell about every known variant: for an indel a base alone does not."""
    seen = {alt for record in records for alt in record.alts}
    longest = max(len(record.ref) for record in records)
    indels = {v for v in variants if len(v.ref) != len(v.alt)}
    return not indels or bool(indels & seen) or longest >= max(len(v.ref) for v in indels) > 1
