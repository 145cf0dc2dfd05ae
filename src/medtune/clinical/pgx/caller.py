"""Star alleles from a VCF, where CPIC's definitions allow it.

A chromosome has an allele if its variants are exactly those of the definition at every place with
a call. A place without a call fits every allele, so it never stands for the reference. Where more
than one diplotype fits, because places are not phased or not called, all are given. A combination
that fits no two definitions is refused, not rounded to the nearest.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path

from medtune.clinical.pgx.alleles import Refused
from medtune.clinical.pgx.definitions import (
    NOT_FROM_VCF,
    STRUCTURAL,
    Definition,
    callable_genes,
    definitions,
    places,
    reference_bases,
)
from medtune.clinical.pgx.dpyd import call_dpyd
from medtune.clinical.pgx.genotype import Calls, Haplotype, calls, haplotype_pairs, is_phased
from medtune.clinical.pgx.phenotype import INDETERMINATE, Outcome, outcome
from medtune.clinical.pgx.results import GeneResult, outdated
from medtune.clinical.pgx.vcf import Place, Record, read_records

MOST_DIPLOTYPES = 24
"""With more that fit, the data do not say enough to list them."""


def call_vcf(
    path: Path, *, sample: str | None = None, build: str | None = None
) -> list[GeneResult]:
    """The result of every gene that can be called, for one sample of a VCF file.

    Raises:
        DataError: The file is no VCF, of another genome build, or damaged.
    """
    records = read_records(path, reference_bases(), sample=sample, build=build)
    return [call_gene(gene, records) for gene in callable_genes()]


def call_gene(gene: str, records: Mapping[Place, list[Record]]) -> GeneResult:
    """The result of one gene. It never raises: what cannot be called is in `refused`."""
    try:
        if gene in NOT_FROM_VCF:
            raise Refused(f"{gene} is not called from a VCF: {NOT_FROM_VCF[gene]}")
        found = calls(places(gene), records)
        if not found.at:
            raise Refused(f"{gene}: none of its {len(places(gene))} places has a call")
        return call_dpyd(found) if gene == "DPYD" else _call(gene, found)
    except Refused as error:
        return GeneResult(gene, "vcf", refused=str(error))


def _call(gene: str, found: Calls) -> GeneResult:
    if found.unknown:
        raise Refused(
            f"{gene}: {', '.join(found.unknown)} has a variant that defines no known allele; the "
            "phenotype cannot be told"
        )
    diplotypes = sorted(_diplotypes(gene, found), key=_natural)
    if not diplotypes:
        raise Refused(f"{gene}: the variants fit no two defined alleles; nothing is assumed")
    if len(diplotypes) > MOST_DIPLOTYPES:
        raise Refused(
            f"{gene}: {len(diplotypes)} diplotypes fit; {len(found.uncalled)} of "
            f"{len(places(gene))} places have no call ({', '.join(found.uncalled[:5])}, ...)"
        )
    notes = [f"not visible in a VCF: {STRUCTURAL[gene]}"] if gene in STRUCTURAL else []
    return GeneResult(
        gene,
        "vcf",
        outcomes=tuple(_outcome(gene, diplotype) for diplotype in diplotypes),
        phased=is_phased(found.at),
        uncalled=found.uncalled,
        warnings=(*notes, *outdated(gene, {a for d in diplotypes for a in d.split("/")})),
    )


def _diplotypes(gene: str, found: Calls) -> set[str]:
    fit: set[str] = set()
    for first, second in haplotype_pairs(found.at):
        for pair in product(_alleles(gene, first), _alleles(gene, second)):
            fit.add("/".join(sorted(pair, key=_natural)))
    return fit


def _alleles(gene: str, haplotype: Haplotype) -> Iterator[str]:
    """The alleles that a chromosome may have."""
    names = (d.name for d in definitions(gene) if _fits(d, haplotype))
    return (name.split(".00")[0] for name in names)


def _fits(definition: Definition, haplotype: Haplotype) -> bool:
    for place, variant in haplotype.items():
        wanted = definition.variants.get(place)
        if variant != wanted and (wanted or variant != definition.optional.get(place)):
            return False
    return True


def _outcome(gene: str, diplotype: str) -> Outcome:
    try:
        return outcome(gene, diplotype)
    except Refused:  # an allele to which CPIC has not assigned a function yet
        return Outcome(diplotype, (), INDETERMINATE)


def _natural(name: str) -> tuple[list[int], str]:
    """For sorting *2 before *10."""
    return [int(digits) for digits in re.findall(r"\d+", name)], name
