"""What the drugs that a person takes do to an enzyme: the genes' phenotype is then not the actual.

CYP2D6: a strong inhibitor multiplies the activity score by 0, a moderate one by 0.5, and the
phenotype follows from the new score. That strong inhibitors leave next to no activity is
established (Cicali et al. 2020, PMID 31910286); the factor 0.5 is a convention (Borges et al. 2010,
PMID 20081063), which CPIC has not made a rule: a result that rests on it says so.

For the other genes there is no such rule. The phenotype is left as it is, with a warning.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from medtune.clinical.drugs import drug_names
from medtune.clinical.drugs.names import LISTED, parts_of
from medtune.clinical.pgx.phenotype import Outcome, Score, phenotype_of_score
from medtune.clinical.pgx.results import GeneResult
from medtune.clinical.pgx.tables import read_table
from medtune.clinical.phrases import Phrases, phrases

FACTORS = {"strong": 0.0, "moderate": 0.5}
GENE = "CYP2D6"


def convert(result: GeneResult, medications: Sequence[str]) -> GeneResult:
    """The result with the effect of the drugs taken.

    Several inhibitors count as the strongest of them. A drug of disputed strength changes nothing
    but warns. Brands, other names, and a salt, form or dose beside a name are understood.
    """
    named = frozenset(one for entry in medications for one in drugs_in(entry))
    rows = [row for row in read_table("inhibitors.tsv").rows if row["gene"] == result.gene]
    # a drug that the table has by two names counts once
    by_drug = {one: row for row in reversed(rows) for one in _ingredients(row["drug"])}
    taken = [row for row in rows if any(by_drug.get(one) is row for one in named)]
    if not taken:
        return result
    strong = [row for row in taken if row["effect"] == "inhibitor" and row["strength"] in FACTORS]
    converts = result.gene == GENE and bool(strong) and bool(result.outcomes)
    others = [row for row in taken if not (converts and row in strong)]
    notes = [
        f"{row['drug']} is an {row['effect']} of {row['gene']} ({row['strength']}): the actual "
        "activity may differ from that of the genes"
        for row in others
    ]
    if not converts:
        return replace(result, warnings=(*result.warnings, *notes))
    factor = min(FACTORS[row["strength"]] for row in strong)
    if factor:
        notes.append("the factor of a moderate inhibitor is a convention, not a rule of CPIC")
    return replace(
        result,
        outcomes=tuple(dict.fromkeys(_converted(one, factor) for one in result.outcomes)),
        converted_by=tuple(f"{row['drug']} ({row['strength']} inhibitor)" for row in strong),
        warnings=(*result.warnings, *notes),
    )


def _converted(found: Outcome, factor: float) -> Outcome:
    """With the factor applied; a strong inhibitor leaves nothing, whatever the genes say."""
    if factor == 0:
        score = Score(0.0)
    elif found.score is None:
        return found
    else:
        score = Score(found.score.value * factor, found.score.at_least)
    return found._replace(score=score, phenotype=phenotype_of_score(GENE, score))


def drugs_in(entry: str) -> frozenset[str]:
    """The drugs that an entry of a list names: ingredients, and drugs that only this table has."""
    ours = (one for match in _listed().find(entry) for one in _ingredients(match[0].casefold()))
    return frozenset((*drug_names().ingredients_of(entry), *ours))


def unrecognised(entry: str) -> list[str]:
    """What of an entry names no drug that is known here: nobody knows what it does."""
    if not drugs_in(entry):
        return [entry]
    return [one for one in parts_of(entry, LISTED) if not drugs_in(one)]


def _ingredients(name: str) -> tuple[str, ...]:
    return drug_names().ingredients_of(name) or (name,)


@cache
def _listed() -> Phrases:
    return phrases({row["drug"] for row in read_table("inhibitors.tsv").rows})
