"""DPYD from a VCF: a list of variants, each with an activity value, and the two lowest count.

Phased, the lowest variant of each chromosome counts. Unphased, the two lowest values of all do, for
different decreased and no function variants are taken to be on different chromosomes. HapB3 is read
from its intronic variant rs75017182; its exonic mark rs56038477 counts only if the other has no
call, and with a warning. Source: Amstutz et al. 2018, PMID 29152729, and its update of 2018-11.
"""

from collections import Counter
from collections.abc import Mapping

from medtune.clinical.pgx.alleles import Refused
from medtune.clinical.pgx.definitions import definitions, places
from medtune.clinical.pgx.genotype import Call, Calls, haplotype_pairs, is_phased
from medtune.clinical.pgx.phenotype import INDETERMINATE, Outcome, outcome
from medtune.clinical.pgx.results import GeneResult
from medtune.clinical.pgx.tables import alleles
from medtune.clinical.pgx.vcf import Place

GENE = "DPYD"
REFERENCE = "Reference"
HAPB3 = "c.1129-5923C>G, c.1236G>A (HapB3)"
INTRONIC: Place = ("chr1", 97579893)
EXONIC: Place = ("chr1", 97573863)
CHROMOSOMES = 2


def call_dpyd(found: Calls) -> GeneResult:
    """The result from the calls at the places of DPYD.

    A reduced variant without a call leaves the phenotype open, unless it is poor already.

    Raises:
        Refused: A place has a variant that is not in the table.
    """
    if found.unknown:
        raise Refused(f"DPYD: {', '.join(found.unknown)} has a variant that is not in the table")
    at, notes = _hapb3(found)
    names = _names()
    phased = is_phased(at)
    if phased:
        sides = [
            [names[place] for place, variant in side.items() if variant is not None]
            for side in next(haplotype_pairs(at))
        ]
    else:
        sides = [[name] for name in _two_lowest(at, names)]
        notes.append("variants that are not phased are taken to be on different chromosomes")
    best = outcome(GENE, "/".join(_lowest(side) for side in sides))
    missing = [place for place in _reduced(names) if place not in at]
    if missing and best.score is not None and best.score.value > 0:
        notes.append(
            f"{len(missing)} reduced variants have no call; the activity score is {best.score} "
            "at the most"
        )
        best = Outcome(best.diplotype, best.functions, INDETERMINATE)
    return GeneResult(
        GENE,
        "vcf",
        outcomes=(best,),
        phased=phased,
        uncalled=found.uncalled,
        warnings=tuple(notes),
    )


def _hapb3(found: Calls) -> tuple[dict[Place, Call], list[str]]:
    """The calls with HapB3 at its intronic place only, and what to say about it."""
    at = dict(found.at)
    exonic = at.pop(EXONIC, None)
    intronic = at.get(INTRONIC)
    if intronic is None and exonic is not None:
        at[INTRONIC] = exonic
        return at, ["HapB3 was read from rs56038477, for rs75017182 has no call; confirm it"]
    if intronic is not None and exonic is not None and _copies(intronic) != _copies(exonic):
        return at, ["rs75017182 and rs56038477 disagree; HapB3 was read from rs75017182"]
    return at, []


def _copies(call: Call) -> int:
    return sum(variant is not None for variant in call.pair)


def _names() -> Mapping[Place, str]:
    """The allele that a variant at each place makes."""
    single = {next(iter(d.variants)): d.name for d in definitions(GENE) if len(d.variants) == 1}
    return {place: single.get(place, HAPB3) for place in places(GENE)} | {INTRONIC: HAPB3}


def _reduced(names: Mapping[Place, str]) -> list[Place]:
    return [place for place, name in names.items() if place != EXONIC and _value(name) < 1]


def _value(name: str) -> float:
    value = alleles()[GENE][name].value
    assert value is not None, "every DPYD allele has one"
    return value


def _lowest(side: list[str]) -> str:
    return min(side, key=_value, default=REFERENCE)


def _two_lowest(at: Mapping[Place, Call], names: Mapping[Place, str]) -> list[str]:
    found = Counter({names[place]: _copies(call) for place, call in at.items()})
    return sorted([*found.elements(), REFERENCE, REFERENCE], key=_value)[:CHROMOSOMES]
