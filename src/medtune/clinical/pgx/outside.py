"""Outside calls: results of other tools and laboratories, in the format of PharmCAT.

A line has 2 to 4 fields between tabs: gene, diplotype, phenotype or status, activity score. Lines
that begin with # are comments. Source: PharmCAT, Outside Call Format (pharmcat.clinpgx.org), 2025.

Where the fields of a line contradict each other there is no result: the table may be newer than
the laboratory's, or the laboratory may be wrong, and a person must look.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from medtune.clinical.pgx.alleles import HLA, Refused
from medtune.clinical.pgx.phenotype import (
    IM,
    INDETERMINATE,
    MHS,
    NM,
    PAIRS,
    PM,
    RM,
    SCORED,
    UM,
    Outcome,
    Score,
    phenotype_of_score,
    scores_of_phenotype,
)
from medtune.clinical.pgx.results import HLA_ASKED, GeneResult, gene_result
from medtune.errors import DataError

FIELDS = 4
SHORT = {"PM": PM, "IM": IM, "NM": NM, "EM": NM, "RM": RM, "UM": UM}
STATUS = re.compile(r"(\*\d{2,3}:\d{2,3})\s+(positive|negative)", re.IGNORECASE)
SCORE = re.compile(r"(≥|>=)?\s*(\d+(?:\.\d+)?)")
HALVES = frozenset({"0", "0.5", "1", "1.5", "2"})
SCORES: Mapping[str, frozenset[str]] = {
    "CYP2C9": HALVES,
    "DPYD": HALVES,
    "CYP2D6": frozenset(
        (
            *("0", "0.25", "0.5", "0.75", "1", "1.25", "1.5", "1.75", "2", "2.25", "2.5", "3"),
            *("3.5", "4", "≥3", "≥3.25", "≥3.5", "≥4", "≥4.5", "≥5", "≥6"),
        )
    ),
}
"""The activity scores that there are. CYP2C9, DPYD: the sums of two values of 0, 0.5 or 1. CYP2D6:
the look-up keys of CPIC's recommendations 1.20 (September 2022); the highest are 4 and ≥6. Another
score counts only beside the diplotype that it follows from."""


def parse_outside_calls(text: str) -> list[GeneResult]:
    """The results of the lines, one per gene, in the order of the genes' first lines.

    Raises:
        DataError: A line has no tab, no gene, too many fields, or nothing but a gene.
    """
    results = list(_lines(text))
    order = {gene: n for n, gene in reversed(list(enumerate(r.gene for r in results)))}
    results.sort(key=lambda result: order[result.gene])
    return [joined(list(group)) for _, group in groupby(results, key=lambda r: r.gene)]


def _lines(text: str) -> Iterator[GeneResult]:
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = [field.strip() for field in line.split("\t")]
        if len(fields) > FIELDS or len(fields) == 1 or not fields[0] or not any(fields[1:]):
            raise DataError(
                f"outside calls, line {number}: {len(fields)} fields; write the gene, then "
                "diplotype, phenotype and activity score, with tabs between them"
            )
        yield _result(*fields, *[""] * (FIELDS - len(fields)))


def _result(gene: str, diplotype: str, phenotype: str, score: str) -> GeneResult:
    warnings: tuple[str, ...] = ()
    if gene in SCORED and SCORE.fullmatch(phenotype) and not score:
        # PharmCAT's own example has an activity score in the third field
        phenotype, score = "", phenotype
        warnings = (f"{gene}: the activity score stands in the field of the phenotype",)
    try:
        found = _read(gene, diplotype, phenotype, score)
    except Refused as error:
        return GeneResult(gene, "outside call", refused=str(error), warnings=warnings)
    return replace(found, warnings=(*found.warnings, *warnings))


def _read(gene: str, diplotype: str, phenotype: str, score: str) -> GeneResult:
    if gene in HLA:
        return _hla(gene, diplotype, phenotype)
    stated = gene_result(gene, diplotype, "outside call") if diplotype else None
    if stated is not None and stated.refused is not None:
        return stated
    outcomes = list(_stated_outcomes(gene, phenotype, score))
    if stated is None:
        if gene in SCORED and score and _key(_read_score(gene, score)) not in SCORES[gene]:
            raise Refused(f"{gene}: {score!r} is no activity score of CPIC for this gene")
        return GeneResult(gene, "outside call", outcomes=tuple(outcomes))
    agreed = {(o.phenotype, o.score) for o in outcomes}
    (found,) = stated.outcomes
    if outcomes and (found.phenotype, found.score) not in agreed:
        said = " or ".join(
            f"{o.phenotype} ({o.score})" if o.score else o.phenotype for o in outcomes
        )
        raise Refused(
            f"{gene} {diplotype}: the call says {said}, the table {found.phenotype}"
            + (f" ({found.score})" if found.score else "")
            + f" [{stated.table_version}]; state only the one that holds"
        )
    return stated


def _hla(gene: str, diplotype: str, phenotype: str) -> GeneResult:
    if diplotype:
        return gene_result(gene, diplotype, "outside call")
    match = STATUS.fullmatch(phenotype.removeprefix(gene).strip())
    if match is None or match[1] not in HLA_ASKED[gene]:
        known = ", ".join(sorted(HLA_ASKED[gene]))
        raise Refused(f"{gene} {phenotype!r}: not a status of {known}, as '*57:01 positive'")
    return GeneResult(gene, "outside call", statuses={match[1]: match[2].lower() == "positive"})


def _stated_outcomes(gene: str, phenotype: str, score: str) -> Iterator[Outcome]:
    """What a phenotype, a score or both stand for; nothing if neither is given."""
    named = read_phenotype(gene, phenotype) if phenotype else None
    if gene in SCORED and score:
        value = _read_score(gene, score)
        of_score = phenotype_of_score(gene, value)
        if named not in (None, of_score):
            raise Refused(f"{gene}: activity score {value} is {of_score}, the call says {named}")
        yield Outcome("", (), of_score, value)
    elif named is not None:
        scores = scores_of_phenotype(gene, named) if gene in SCORED else []
        yield from [Outcome("", (), named, s) for s in scores] or [Outcome("", (), named)]


def read_phenotype(gene: str, text: str) -> str:
    """CPIC's name of a phenotype, from the usual spellings.

    Raises:
        Refused: It is no phenotype of the gene.
    """
    plain = re.sub(rf"{re.escape(gene)}|\(.*?\)", "", text, flags=re.IGNORECASE)
    plain = re.sub(r"metaboli[sz]ers?", "metabolizer", plain, flags=re.IGNORECASE)
    plain = " ".join(SHORT.get(word.upper(), word) for word in plain.split()).casefold()
    known = {name.casefold(): name for name in phenotypes(gene)}
    if plain not in known:
        raise Refused(f"{gene}: {text!r} is no phenotype of CPIC for this gene")
    return known[plain]


def phenotypes(gene: str) -> Sequence[str]:
    """CPIC's phenotypes of a gene.

    Raises:
        Refused: The gene is not known.
    """
    if gene == "RYR1":
        return (MHS, "Uncertain Susceptibility", INDETERMINATE)
    if gene in SCORED:
        return (PM, IM, NM, INDETERMINATE) + ((UM,) if gene == "CYP2D6" else ())
    if gene not in PAIRS:
        raise Refused(f"{gene}: not a gene of the tables")
    return (*dict.fromkeys(PAIRS[gene].values()), INDETERMINATE)


def _read_score(gene: str, text: str) -> Score:
    match = SCORE.fullmatch(text)
    if match is None:
        raise Refused(f"{gene}: {text!r} is no activity score")
    return Score(float(match[2]), match[1] is not None)


def _key(score: Score) -> str:
    return str(score).removesuffix(".0")


def joined(results: Sequence[GeneResult]) -> GeneResult:
    """One result of several calls of a gene: they must say the same, or be of other HLA alleles."""
    first = results[0]
    if len({_said(one) for one in results}) == 1 and not first.statuses:
        return first
    statuses: dict[str, bool] = {}
    for result in results:
        clash = any(statuses.get(name, here) != here for name, here in result.statuses.items())
        if not result.statuses or clash:
            said = " and ".join(dict.fromkeys(_said(one) for one in results))
            why = f"{first.gene}: {said} do not go together; keep the call that holds"
            return GeneResult(first.gene, "outside call", refused=why)
        statuses |= result.statuses
    return replace(first, statuses=statuses)


def _said(result: GeneResult) -> str:
    """What a call comes to, in words."""
    tested = (
        f"{name} {'positive' if here else 'negative'}" for name, here in result.statuses.items()
    )
    found = (f"{o.diplotype} {o.phenotype} {o.score or ''}".strip() for o in result.outcomes)
    return result.refused or ", ".join((*tested, *found))
