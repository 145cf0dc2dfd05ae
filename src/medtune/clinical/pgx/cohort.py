"""Made-up persons with real diplotypes, for each drug: what a model learns to explain from.

The alleles are those of the pypgx wheel that the kernel knows; diplotypes are drawn so that every
phenotype occurs, not as often as in any population. Age, sex and the drugs taken are made up.
Everything follows from a hash, so the same wheel gives the same persons on every machine.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from hashlib import blake2b
from itertools import combinations_with_replacement, product
from pathlib import Path
from typing import NamedTuple

from medtune.clinical.pgx.advice import advise, drugs, genes_of
from medtune.clinical.pgx.alleles import HLA, MONOPLOID, ONE_OR_TWO
from medtune.clinical.pgx.results import gene_result
from medtune.clinical.pgx.tables import alleles
from medtune.fetch import read_member

PER_PHENOTYPE = 8
PER_DRUG = 48
"""Persons of each drug and group of patients, at the most."""
TRIED_PAIRS = 4000
"""Of a gene with many alleles, only so many pairs are looked at."""
COPIES = ("*1x2", "*2x2", "*4x2", "*41x2", "*1x≥3")
HLA_TYPES: Mapping[str, Sequence[str]] = {
    "HLA-A": ("*31:01/*02:01", "*31:01/*24:02", "*02:01/*24:02", "*01:01/*03:01", "*02:01/*11:01"),
    "HLA-B": (
        *("*57:01/*08:01", "*57:01/*44:02", "*15:02/*40:01", "*15:02/*46:01", "*58:01/*07:02"),
        *("*58:01/*40:01", "*07:02/*08:01", "*35:01/*44:03", "*15:01/*51:01", "*27:05/*40:02"),
    ),
}
TAKEN = (
    *("aspirin", "metformin", "lisinopril", "levothyroxine", "amlodipine", "paracetamol"),
    *("paroxetine", "fluoxetine", "bupropion", "duloxetine", "cinacalcet", "rifampicin"),
)
ADULT, CHILD = range(18, 91), range(4, 18)


class Person(NamedTuple):
    """One question: a drug for a made-up person."""

    id: str
    drug: str
    genotypes: Mapping[str, str]
    population: str
    person: str
    medications: tuple[str, ...]


def persons(wheel: Path) -> Iterator[Person]:
    """The persons of every drug."""
    text = read_member(wheel, "pypgx/api/data/allele-table.csv").decode("utf-8")
    listed: dict[str, list[str]] = {}
    for row in csv.DictReader(io.StringIO(text)):
        listed.setdefault(row["Gene"], []).append(row["StarAllele"])
    candidates = {gene: _diplotypes(gene, tuple(names)) for gene, names in listed.items()}
    candidates |= HLA_TYPES
    for drug in drugs():
        genes = [gene for gene in genes_of(drug) if candidates.get(gene)]
        ways = [dict(zip(genes, c, strict=True)) for c in product(*(candidates[g] for g in genes))]
        for population in _populations(drug):
            ranked = sorted(ways, key=lambda way: _draw(drug, population, *way.values()))
            yield from (_person(drug, way, population) for way in ranked[:PER_DRUG])


def _populations(drug: str) -> list[str]:
    """The groups of patients that the recommendations for a drug distinguish."""
    every = [gene_result(g, d) for g in genes_of(drug) for d in _normal(g)]
    groups = {one.population for one in advise(drug, every).recommendations}
    return sorted(groups) or [""]


def _normal(gene: str) -> Sequence[str]:
    if gene in HLA:
        return ["*07:02/*08:01"]
    first = next(iter(alleles().get(gene, {})), None)
    if first is None:
        return []
    return [first if gene in MONOPLOID else f"{first}/{first}"]


@cache
def _diplotypes(gene: str, listed: tuple[str, ...]) -> Sequence[str]:
    """Some diplotypes of every phenotype that the listed alleles can make."""
    table = alleles().get(gene, {})
    names = [name for name in table if name in listed or not name.startswith("*")]
    names += COPIES if gene == "CYP2D6" else ()
    if gene in MONOPLOID:
        pairs = names
    else:
        pairs = [f"{a}/{b}" for a, b in combinations_with_replacement(names, 2)]
        pairs += names if gene in ONE_OR_TWO else []
    found: dict[str, list[str]] = {}
    for pair in sorted(pairs, key=lambda pair: _draw(gene, pair))[:TRIED_PAIRS]:
        result = gene_result(gene, pair)
        kind = f"{result.phenotype} {result.score or ''}"
        if result.refused is None and len(found.setdefault(kind, [])) < PER_PHENOTYPE:
            found[kind].append(pair)
    return [pair for kind in sorted(found) for pair in found[kind]]


def _person(drug: str, genotypes: Mapping[str, str], population: str) -> Person:
    parts = (drug, population, *genotypes.values())
    ages = CHILD if population == "children" else ADULT
    age = ages[_draw(*parts, "age") % len(ages)]
    sex = ("female", "male")[_draw(*parts, "sex") % 2]
    n = _draw(*parts, "number") % 3
    others = sorted((t for t in TAKEN if t != drug), key=lambda t: _draw(*parts, t))
    return Person(
        id=f"{drug.replace(' ', '_')}-{_draw(*parts):012x}",
        drug=drug,
        genotypes=genotypes,
        population=population,
        person=f"{sex}, {age} years",
        medications=tuple(others[:n]),
    )


def _draw(*parts: str) -> int:
    digest = blake2b("\n".join(parts).encode(), digest_size=6).digest()
    return int.from_bytes(digest)
