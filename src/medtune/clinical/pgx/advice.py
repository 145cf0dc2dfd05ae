"""From phenotype and drug to CPIC's recommendation: a look-up, never a computation.

Each row of the tables is a recommendation of one source for one group of patients. Rows of
different sources are never merged: where CPIC and another source differ, both are given. A gene
without a result is "No Result", never a normal one. Where the data allow several outcomes, every
recommendation that one of them leads to is given, and `certain` is False.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Literal, NamedTuple, get_args

from medtune.clinical.drugs import drug_names
from medtune.clinical.pgx.alleles import HLA
from medtune.clinical.pgx.phenotype import INDETERMINATE, SCORED, Outcome
from medtune.clinical.pgx.results import HLA_ASKED, GeneResult
from medtune.clinical.pgx.tables import Table, later_revisions, read_table
from medtune.errors import DataError, did_you_mean

Action = Literal[
    "standard", "increase", "monitor", "reduce", "measure", "alternative", "avoid", "none"
]
ACTIONS: tuple[Action, ...] = get_args(Action)
"""What a recommendation comes to: give the standard dose; more; the standard dose with care; less;
measure something first; take another drug; do not give it; or there is no recommendation."""
CAUTION: Mapping[Action, int] = {
    "increase": 0,
    "standard": 0,
    "none": 1,
    "monitor": 1,
    "reduce": 2,
    "measure": 3,
    "alternative": 3,
    "avoid": 4,
}
"""The higher, the more careful. Less careful than computed is unsafe."""
NO_RESULT = "No Result"
ABOVE_NORMAL = 2.25


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One recommendation, as its source has it."""

    drug: str
    source: str
    population: str
    """The patients it is for; empty for all."""
    action: Action
    critical: bool
    """Whether disregarding it can kill or maim."""
    text: str
    strength: str
    """Strong, Moderate, Optional or No recommendation; empty where the table does not say."""
    pmid: str
    date: str
    when: str
    """The gene results that it is for, as the table writes them."""


@dataclass(frozen=True, slots=True)
class Advice:
    """All that the tables say about one drug for one person."""

    drug: str
    recommendations: tuple[Recommendation, ...]
    certain: bool
    """Whether every outcome that the data allow leads to the same recommendations."""
    genes: tuple[str, ...]
    """The genes that matter for the drug."""
    missing: tuple[str, ...]
    """Those without a result."""
    warnings: tuple[str, ...] = ()

    @property
    def action(self) -> Action:
        """The most careful action of all recommendations; "none" if there is none."""
        return most_careful(self.recommendations)

    @property
    def critical(self) -> bool:
        """Whether any recommendation is."""
        return any(one.critical for one in self.recommendations)


class _Row(NamedTuple):
    drug: str
    when: Mapping[str, frozenset[str]]
    recommendation: Recommendation


def advise(drug: str, results: Sequence[GeneResult], *, extra: Sequence[Table] = ()) -> Advice:
    """What the tables recommend for a drug, given the gene results of a person.

    Args:
        drug: Its generic name, as in the tables.
        results: One per gene, after phenoconversion.
        extra: Further tables with the columns of advice.tsv and a `source` in their head, such as
            the DPWG's: shown beside CPIC's, never merged.

    Raises:
        DataError: No table has the drug.
    """
    rows = [row for row in (*_rows(), *_extra_rows(extra)) if row.drug == drug.casefold()]
    if not rows:
        raise DataError(f"{drug}: no table has a recommendation for it, which is not a clearance")
    genes = tuple(dict.fromkeys(gene for row in rows for gene in row.when))
    known = {result.gene: result for result in results}
    found: dict[Recommendation, None] = {}
    sets: set[frozenset[str]] = set()
    for state in _states(genes, known):
        fit = [row.recommendation for row in rows if _fits(row.when, state)]
        found |= dict.fromkeys(fit)
        sets.add(frozenset(f"{one.population} {one.action} {one.text}" for one in fit))
    return Advice(
        drug=drug.casefold(),
        recommendations=_distinct(found),
        certain=len(sets) == 1 and bool(found),
        genes=genes,
        missing=tuple(g for g in genes if g not in known or not _has_result(known[g])),
        warnings=tuple(
            f"{later.change} on {later.date}; the table is from before"
            for later in later_revisions()
            if later.subject == drug.casefold()
        ),
    )


def most_careful(recommendations: Sequence[Recommendation]) -> Action:
    """The most careful action among some recommendations; "none" if there are none."""
    if not recommendations:
        return "none"
    return max(recommendations, key=lambda one: CAUTION[one.action]).action


@cache
def drugs() -> tuple[str, ...]:
    """Every drug with a recommendation, by the alphabet."""
    return tuple(sorted({row.drug for row in _rows()}))


def refuse_unknown(drug: str) -> None:
    """Make sure that there is something to compute: a misspelt drug must not read as "none".

    Raises:
        DataError: No table has a recommendation for the drug, which is not quoted.
    """
    known = drugs()
    if drug.casefold() in known:
        return
    named = [one for one in drug_names().ingredients_of(drug) if one in known]
    hint = f"; write {named[0]!r}" if named else did_you_mean(drug.casefold(), known)
    raise DataError(f"drug: no table has a recommendation for it, which is no clearance{hint}")


def genes_of(drug: str) -> Sequence[str]:
    """The genes that matter for a drug; none if it is not in the tables."""
    return list(dict.fromkeys(g for row in _rows() if row.drug == drug for g in row.when))


def populations_of(drug: str) -> tuple[str, ...]:
    """The groups of patients that the recommendations for a drug distinguish; none for most."""
    rows = (row.recommendation for row in _rows() if row.drug == drug.casefold())
    return tuple(sorted({one.population for one in rows} - {""}))


def hla_alleles_of(drug: str) -> frozenset[str]:
    """The HLA alleles that the recommendations for a drug ask about."""
    asked = (when for row in _rows() if row.drug == drug for when in row.when.values())
    return frozenset(key.split()[0] for when in asked for key in when if key.startswith("*"))


def _has_result(result: GeneResult) -> bool:
    return bool(result.outcomes or result.statuses)


def _states(
    genes: Sequence[str], known: Mapping[str, GeneResult]
) -> Iterator[Mapping[str, frozenset[str]]]:
    """Every combination of the outcomes that the data allow, as the keys that they match."""
    keys = [list(_keys(gene, known.get(gene))) for gene in genes]
    for combination in product(*keys):
        yield dict(zip(genes, combination, strict=True))


def _keys(gene: str, result: GeneResult | None) -> Iterator[frozenset[str]]:
    if result is None or not _has_result(result):
        yield frozenset({NO_RESULT})
    elif gene in HLA:
        tested = result.statuses.items()
        present = {f"{name} {'positive' if here else 'negative'}" for name, here in tested}
        untested = HLA_ASKED[gene] - set(result.statuses)
        yield frozenset(present | {f"{NO_RESULT} {name}" for name in untested})
    else:
        yield from dict.fromkeys(_outcome_keys(gene, outcome) for outcome in result.outcomes)


def _outcome_keys(gene: str, outcome: Outcome) -> frozenset[str]:
    keys = {outcome.phenotype}
    if gene in SCORED and outcome.score is not None and outcome.phenotype != INDETERMINATE:
        above = gene == "CYP2D6" and outcome.score.value > ABOVE_NORMAL
        keys.add(f"AS >{ABOVE_NORMAL}" if above else f"AS {outcome.score}")
    return frozenset(keys)


def _fits(when: Mapping[str, frozenset[str]], state: Mapping[str, frozenset[str]]) -> bool:
    return all(_meets(wanted, state[gene]) for gene, wanted in when.items())


def _meets(wanted: frozenset[str], have: frozenset[str]) -> bool:
    """Whether a result is among the wanted; an HLA allele that was not tested is "No Result"."""
    if wanted & have:
        return True
    alleles = {key.split()[0] for key in wanted if key.startswith("*")}
    return NO_RESULT in wanted and any(f"{NO_RESULT} {name}" in have for name in alleles)


def _distinct(found: Mapping[Recommendation, None]) -> tuple[Recommendation, ...]:
    """Each recommendation once, though several gene results may lead to it."""
    seen: dict[tuple[str, str, str, str], Recommendation] = {}
    for one in found:
        seen.setdefault((one.source, one.population, one.action, one.text), one)
    return tuple(seen.values())


@cache
def _rows() -> tuple[_Row, ...]:
    texts = {row["number"]: row["text"] for row in read_table("texts.tsv").rows}
    base = read_table("recommendations.tsv").rows
    own = read_table("advice.tsv").rows
    return (
        *(_row(row, row["drug"], "CPIC", texts[row["text"]]) for row in base),
        *(row for one in own for row in _of_drugs(one, "CPIC")),
    )


def _extra_rows(tables: Sequence[Table]) -> Iterator[_Row]:
    for table in tables:
        if "source" not in table.about:
            raise DataError("a further table of recommendations needs a line '# source: ...'")
        for row in table.rows:
            yield from _of_drugs(row, table.about["source"])


def _of_drugs(row: Mapping[str, str], source: str) -> Iterator[_Row]:
    for drug in row["drugs"].split(";"):
        yield _row(row, drug, source, row["text"].replace("{drug}", drug))


def _row(row: Mapping[str, str], drug: str, source: str, text: str) -> _Row:
    if row["action"] not in ACTIONS:
        raise DataError(
            f"{drug}: {row['action']!r} is no action; write one of {', '.join(ACTIONS)}"
        )
    conditions = [condition.split("=", 1) for condition in row["when"].split(" & ")]
    return _Row(
        drug,
        {gene: frozenset(results.split("|")) for gene, results in conditions},
        Recommendation(
            drug=drug,
            source=source,
            population=row.get("population", ""),
            action=row["action"],
            critical=row["critical"] == "critical",
            text=text,
            strength=row.get("strength", ""),
            pmid=row["pmid"],
            date=row.get("date", ""),
            when=row["when"],
        ),
    )
