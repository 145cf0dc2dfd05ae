"""Which variants make which allele, for the genes that CPIC's rules allow to call from a VCF."""

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from medtune.clinical.pgx.tables import read_table
from medtune.clinical.pgx.vcf import Place, Variant

NOT_FROM_VCF: Mapping[str, str] = {
    "CYP2D6": "copy number and hybrids with CYP2D7 are not in it; give an outside call of a tool "
    "for CYP2D6",
    "HLA-A": "it needs typing; give an outside call",
    "HLA-B": "it needs typing; give an outside call",
    "MT-RNR1": "heteroplasmy is not in it; give an outside call",
    "G6PD": "the number of X chromosomes is not in it; give an outside call",
    "CFTR": "its variants are named, not defined, in the table; give an outside call",
    "NAT2": "its definitions of 2024 are not in the table; give an outside call",
    "RYR1": "its definitions of 2023 are not in the table; give an outside call",
    "CYP3A4": "CPIC has no guideline for it; give an outside call",
}
STRUCTURAL: Mapping[str, str] = {
    "CYP2B6": "*29, *30",
    "CYP2C19": "*36, *37",
    "SLCO1B1": "*48, *49",
}
"""Deletions and hybrids that small variants do not show."""


class Definition(NamedTuple):
    """One allele of a gene."""

    name: str
    variants: Mapping[Place, Variant]
    optional: Mapping[Place, Variant]
    """Variants that some of its sub-alleles have."""


@cache
def definitions(gene: str) -> tuple[Definition, ...]:
    """The alleles of a gene; empty if it cannot be called from a VCF."""
    return tuple(
        Definition(row["allele"], _by_place(row["variants"]), _by_place(row["optional"]))
        for row in read_table("definitions.tsv").rows
        if row["gene"] == gene
    )


@cache
def places(gene: str) -> Mapping[Place, frozenset[Variant]]:
    """The places that define alleles of a gene, in order, with the variants known there."""
    found: dict[Place, set[Variant]] = {}
    for definition in definitions(gene):
        for variant in (*definition.variants.values(), *definition.optional.values()):
            found.setdefault(variant.place, set()).add(variant)
    return {place: frozenset(found[place]) for place in sorted(found)}


@cache
def reference_bases() -> Mapping[Place, str]:
    """The first GRCh38 base of every place."""
    genes = dict.fromkeys(row["gene"] for row in read_table("definitions.tsv").rows)
    return {
        place: next(iter(variants)).ref[0]
        for gene in genes
        for place, variants in places(gene).items()
    }


def callable_genes() -> tuple[str, ...]:
    """The genes that can be called from a VCF."""
    return tuple(dict.fromkeys(row["gene"] for row in read_table("definitions.tsv").rows))


def _by_place(text: str) -> Mapping[Place, Variant]:
    variants = [_variant(one) for one in text.split(";") if one]
    return {variant.place: variant for variant in variants}


def _variant(text: str) -> Variant:
    chromosome, position, change = text.split(":")
    ref, alt = change.split(">")
    return Variant(chromosome, int(position), ref, alt)
