"""What is known of one gene of one person, with everything that was left open."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Literal

from medtune.clinical.pgx.alleles import HLA, Refused, hla_statuses, read_diplotype
from medtune.clinical.pgx.phenotype import INDETERMINATE, Outcome, Score, outcome_of
from medtune.clinical.pgx.tables import later_revisions, version

Origin = Literal["vcf", "outside call", "diplotype"]
HLA_ASKED: Mapping[str, frozenset[str]] = {
    "HLA-A": frozenset({"*31:01"}),
    "HLA-B": frozenset({"*15:02", "*57:01", "*58:01"}),
}
"""The HLA alleles that a CPIC recommendation asks for."""


@dataclass(frozen=True, slots=True)
class GeneResult:
    """The result of one gene.

    There may be several outcomes, where the data fit several diplotypes. The phenotype is then
    stated only if it is the same for all.
    """

    gene: str
    origin: Origin
    outcomes: tuple[Outcome, ...] = ()
    statuses: Mapping[str, bool] = field(default_factory=dict[str, bool])
    """HLA only: whether an allele is present. One that is not listed was not tested."""
    refused: str | None = None
    """Why there is no result."""
    phased: bool | None = None
    """Whether the two chromosomes could be told apart; None if it was not said."""
    uncalled: tuple[str, ...] = ()
    """Positions that define an allele and have no call."""
    warnings: tuple[str, ...] = ()
    converted_by: tuple[str, ...] = ()
    """Drugs taken that changed the activity, with their strength."""
    table_version: str = field(default_factory=version)

    @property
    def phenotype(self) -> str:
        """The phenotype, or Indeterminate if it is not the same for every outcome."""
        found = {outcome.phenotype for outcome in self.outcomes}
        return found.pop() if len(found) == 1 else INDETERMINATE

    @property
    def score(self) -> Score | None:
        """The activity score, if it is the same for every outcome."""
        found = {outcome.score for outcome in self.outcomes}
        return found.pop() if len(found) == 1 else None

    @property
    def diplotype(self) -> str:
        """The diplotype, or all that fit, with "or" between them."""
        return " or ".join(dict.fromkeys(o.diplotype for o in self.outcomes if o.diplotype))


def gene_result(gene: str, diplotype: str, origin: Origin = "diplotype") -> GeneResult:
    """The result of a stated diplotype. It never raises: what cannot be said is in `refused`."""
    try:
        if gene in HLA:
            return GeneResult(gene, origin, statuses=hla_statuses(gene, diplotype, HLA_ASKED[gene]))
        sides = read_diplotype(gene, diplotype)
        found = outcome_of(gene, sides)
    except Refused as error:
        return GeneResult(gene, origin, refused=str(error))
    names = {unit.allele.name for side in sides for unit in side}
    return GeneResult(gene, origin, outcomes=(found,), warnings=outdated(gene, names))


def outdated(gene: str, names: Set[str]) -> tuple[str, ...]:
    """Warnings for alleles that CPIC has revised after the table."""
    return tuple(
        f"{gene} {name}: {later.change} on {later.date}; the table is from before"
        for later in later_revisions()
        if later.subject == gene
        for name in sorted(names & later.concerns)
    )
