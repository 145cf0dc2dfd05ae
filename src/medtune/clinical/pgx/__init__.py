"""Pharmacogenomics by rule: from variants or a laboratory's call to CPIC's recommendation.

    results = [*call_vcf(path), *parse_outside_calls(text)]
    results = [convert(result, medications) for result in results]
    advice = advise("codeine", results)

Nothing here is learned. What cannot be called is refused with a reason; what is missing is never
taken for normal; what is uncertain is given as every possibility. The tables are dated
(`version()`), and what CPIC has revised since is a warning beside the result.

Not for dosing without a clinician; drugs that need a dosing algorithm (warfarin) are not here.
"""

from medtune.clinical.pgx.advice import (
    ACTIONS,
    CAUTION,
    Action,
    Advice,
    Recommendation,
    advise,
    drugs,
    genes_of,
)
from medtune.clinical.pgx.alleles import Refused
from medtune.clinical.pgx.caller import call_vcf
from medtune.clinical.pgx.outside import parse_outside_calls
from medtune.clinical.pgx.phenoconversion import convert
from medtune.clinical.pgx.phenotype import Outcome, Score, outcome
from medtune.clinical.pgx.results import GeneResult, gene_result
from medtune.clinical.pgx.tables import version

__all__ = [
    "ACTIONS",
    "CAUTION",
    "Action",
    "Advice",
    "GeneResult",
    "Outcome",
    "Recommendation",
    "Refused",
    "Score",
    "advise",
    "call_vcf",
    "convert",
    "drugs",
    "gene_result",
    "genes_of",
    "outcome",
    "parse_outside_calls",
    "version",
]
