"""The facts of one question, "this drug for this person?", as plain JSON that a model may explain.

Everything that a reply may say must be in here; `said.py` holds a reply against it.
"""

from collections.abc import Mapping, Sequence, Set
from typing import cast

from medtune.clinical.pgx.advice import (
    Advice,
    Recommendation,
    advise,
    hla_alleles_of,
    most_careful,
    populations_of,
)
from medtune.clinical.pgx.phenoconversion import convert, unrecognised
from medtune.clinical.pgx.results import GeneResult
from medtune.clinical.pgx.tables import version
from medtune.errors import DataError
from medtune.records import Json


def pgx_facts(
    drug: str,
    results: Sequence[GeneResult],
    *,
    medications: Sequence[str] = (),
    population: str = "",
) -> dict[str, Json]:
    """What the kernel computes for a drug and a person.

    Args:
        drug: Its generic name.
        results: The gene results, before phenoconversion.
        medications: What the person takes.
        population: The group of patients, where the recommendations differ by group; empty for all.

    Raises:
        DataError: The recommendations for the drug differ by group, and this is none of the groups.
    """
    groups = populations_of(drug)
    if population and groups and population not in groups:
        raise DataError(
            f"population: {population!r} is no group that the recommendations for {drug} "
            f"distinguish; write one of {'; '.join(groups)}, or leave it out for all of them"
        )
    genetic = {result.gene: result for result in results}
    actual = {gene: convert(result, medications) for gene, result in genetic.items()}
    advice, unknown = _advice(drug, list(actual.values()))
    fit = [
        one
        for one in advice.recommendations
        if population in ("", one.population) or not one.population
    ]
    genes = [gene for gene in advice.genes if gene in actual]
    return {
        "drug": drug,
        "genes": [_gene(genetic[gene], actual[gene], hla_alleles_of(drug)) for gene in genes],
        "missing": list(advice.missing),
        "medications": list(medications),
        "recommendations": [_recommendation(one) for one in fit],
        "action": most_careful(fit),
        "critical": any(one.critical for one in fit),
        "certain": advice.certain,
        "warnings": [*advice.warnings, *unknown, *_strange(medications)],
        "table_version": version(),
    }


def texts(facts: Mapping[str, Json]) -> list[str]:
    """The words of the recommendations."""
    return [str(row["text"]) for row in objects(facts["recommendations"])]


def objects(value: Json) -> list[dict[str, Json]]:
    """A list of objects, as such."""
    return cast(list[dict[str, Json]], value)


def strings(value: Json) -> list[str]:
    """A list of texts, as such."""
    return cast(list[str], value)


def _advice(drug: str, results: Sequence[GeneResult]) -> tuple[Advice, list[str]]:
    try:
        return advise(drug, results), []
    except DataError as error:
        nothing = Advice(drug, (), certain=False, genes=(), missing=())
        return nothing, [str(error)]


def _strange(medications: Sequence[str]) -> list[str]:
    return [
        f"{one}: no drug that is known here; what it does to the enzymes is not counted"
        for entry in medications
        for one in unrecognised(entry)
    ]


def _gene(genetic: GeneResult, actual: GeneResult, asked: Set[str]) -> dict[str, Json]:
    return {
        "gene": actual.gene,
        "diplotype": actual.diplotype or None,
        "activity_score": str(actual.score) if actual.score else None,
        "result": result_in_words(actual, asked),
        "result_by_genes": result_in_words(genetic, asked),
        "possible": list(dict.fromkeys(outcome.phenotype for outcome in actual.outcomes)),
        "converted_by": list(actual.converted_by),
        "refused": actual.refused,
        "phased": actual.phased,
        "uncalled": list(actual.uncalled),
        "origin": actual.origin,
        "warnings": list(actual.warnings),
    }


def result_in_words(result: GeneResult, asked: Set[str]) -> str:
    """The phenotype; for HLA, the status of the alleles asked about; "No Result" if none."""
    tested = sorted((name, here) for name, here in result.statuses.items() if name in asked)
    if tested:
        return ", ".join(f"{name} {'positive' if here else 'negative'}" for name, here in tested)
    return result.phenotype if result.outcomes else "No Result"


def _recommendation(one: Recommendation) -> dict[str, Json]:
    return {
        "source": one.source,
        "population": one.population,
        "action": one.action,
        "critical": one.critical,
        "text": one.text,
        "strength": one.strength,
        "pmid": one.pmid,
        "date": one.date,
    }
