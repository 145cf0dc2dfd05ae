"""From a diplotype to function, activity score and phenotype, by CPIC's rules.

Sources: CPIC diplotype to phenotype tables of each gene (clinpgx.org, CC0), enumerated in PharmCAT
3.1.1 of 2025-11-05; CYP2D6: Caudle et al. 2020, PMID 31647186; DPYD: Amstutz et al. 2018,
PMID 29152729 and its update of November 2018; IFNL3: Muir et al. 2014, PMID 24096968. CYP3A4 is a
rule of the DPWG, not of CPIC.

An unknown or uncertain function is never taken for a normal one.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from medtune.clinical.pgx.alleles import Refused, Unit, read_diplotype, shown

INDETERMINATE = "Indeterminate"
NM, RM, UM = "Normal Metabolizer", "Rapid Metabolizer", "Ultrarapid Metabolizer"
IM, PM = "Intermediate Metabolizer", "Poor Metabolizer"
POSSIBLE_IM, LIKELY_IM, LIKELY_PM = f"Possible {IM}", f"Likely {IM}", f"Likely {PM}"
MHS = "Malignant Hyperthermia Susceptibility"
AMINOGLYCOSIDE = "{} risk of aminoglycoside-induced hearing loss"

LETTERS: Mapping[str, str] = {
    "Normal function": "N",
    "Increased function": "I",
    "Decreased function": "D",
    "No function": "0",
    "Uncertain function": "U",
    "Unknown function": "U",
    "Malignant Hyperthermia associated": "M",
    "ivacaftor responsive": "R",
    "ivacaftor non-responsive": "X",
    "Normal coumarin sensitivity": "G",
    "Higher coumarin sensitivity": "A",
    "Favorable response allele": "F",
    "Unfavorable response allele": "X",
    "I/Deficient with CNSHA": "1",
    "II/Deficient": "2",
    "III/Deficient": "3",
    "IV/Normal": "4",
    **{AMINOGLYCOSIDE.format(risk): risk[0] for risk in ("Normal", "Increased", "Uncertain")},
}
"""The functions of the allele table, in short."""

_THIOPURINE = {"NN": NM, "0N": IM, "00": PM, "0U": POSSIBLE_IM}
_G6PD = {
    "1": "Deficient with CNSHA",
    "2": "Deficient",
    "3": "Deficient",
    "4": "Normal",
    "11": "Deficient with CNSHA",
    **dict.fromkeys(("12", "13", "22", "23", "33"), "Deficient"),
    **dict.fromkeys(("14", "24", "34"), "Variable"),
    "44": "Normal",
}
PAIRS: Mapping[str, Mapping[str, str]] = {
    "CYP2C19": {"NN": NM, "IN": RM, "II": UM, "0N": IM, "0I": IM, "00": PM}
    | {"DN": LIKELY_IM, "DI": LIKELY_IM, "DD": LIKELY_IM, "0D": LIKELY_PM},
    "CYP2B6": {"NN": NM, "IN": RM, "II": UM, "DN": IM, "0N": IM, "DI": IM, "0I": IM}
    | {"DD": PM, "0D": PM, "00": PM},
    "CYP3A5": {"NN": NM, "0N": IM, "00": PM, "NU": POSSIBLE_IM},
    "TPMT": _THIOPURINE,
    "NUDT15": _THIOPURINE,
    "UGT1A1": {"NN": NM, "IN": NM, "II": NM, "DN": IM, "DI": IM, "DD": PM},
    "SLCO1B1": {"NN": "Normal Function", "IN": "Normal Function", "II": "Increased Function"}
    | {"0N": "Decreased Function", "0I": "Decreased Function", "00": "Poor Function"}
    | {"0U": "Possible Decreased Function"},
    "NAT2": {"II": RM, "DI": IM, "DD": PM},
    "CYP3A4": {"NN": NM, "DN": IM, "0N": IM, "DD": PM, "0D": PM, "00": PM},
    "ABCG2": {"NN": "Normal Function", "DN": "Decreased Function", "DD": "Poor Function"},
    "CACNA1S": {"NN": "Uncertain Susceptibility", "MN": MHS, "MM": MHS},
    "CFTR": {
        "RR": "ivacaftor responsive in CF patients",
        "RX": "ivacaftor responsive in CF patients",
        "XX": "ivacaftor non-responsive in CF patients",
    },
    "VKORC1": {"GG": "-1639 GG", "AG": "-1639 AG", "AA": "-1639 AA"},
    "IFNL3": {
        "FF": "Favorable response genotype",
        "FX": "Unfavorable response genotype",
        "XX": "Unfavorable response genotype",
    },
    "G6PD": _G6PD,
    "MT-RNR1": {
        risk[0].upper(): AMINOGLYCOSIDE.format(risk)
        for risk in ("normal", "increased", "uncertain")
    },
}
"""Phenotype by the letters of the functions, in alphabetical order. With a U that is not listed it
is Indeterminate."""
SCORED = ("CYP2C9", "CYP2D6", "DPYD")
"""Genes with an activity score."""


class Score(NamedTuple):
    """An activity score."""

    value: float
    at_least: bool = False
    """Whether it may be higher, for there may be more gene copies."""

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else ''}{self.value:g}" + (".0" * self.value.is_integer())


class Outcome(NamedTuple):
    """What a diplotype comes to."""

    diplotype: str
    functions: tuple[str, ...]
    """Of each chromosome."""
    phenotype: str
    score: Score | None = None


def outcome(gene: str, diplotype: str) -> Outcome:
    """Function, activity score and phenotype of a diplotype.

    Raises:
        Refused: An allele is not in the table, or CPIC has no rule for the two functions.
    """
    return outcome_of(gene, read_diplotype(gene, diplotype))


def outcome_of(gene: str, sides: Sequence[Sequence[Unit]]) -> Outcome:
    """The same, of alleles that were found already."""
    written = "/".join(shown(tuple(side)) for side in sides)
    functions = tuple(" + ".join(unit.allele.function for unit in side) for side in sides)
    if gene in SCORED:
        score = _score(gene, sides)
        return Outcome(written, functions, phenotype_of_score(gene, score), score)
    return Outcome(written, functions, _by_functions(gene, sides, written))


def phenotype_of_score(gene: str, score: Score | None) -> str:
    """The phenotype of an activity score; Indeterminate if the score is not known."""
    if score is None:
        return INDETERMINATE
    if gene == "CYP2D6":
        return _cyp2d6(score)
    assert gene in SCORED, gene
    bounds = ((1.0, PM), (2.0, IM))
    return next((phenotype for below, phenotype in bounds if score.value < below), NM)


def scores_of_phenotype(gene: str, phenotype: str) -> Sequence[Score]:
    """The activity scores that a phenotype may stand for."""
    known = [0.0, 0.5, 1.0, 1.5, 2.0]
    if gene == "CYP2D6":
        known = [quarter / 4 for quarter in range(13)]
    scores = [Score(value) for value in known]
    return [score for score in scores if phenotype_of_score(gene, score) == phenotype]


def _cyp2d6(score: Score) -> str:
    if score.value > 2.25:  # noqa: PLR2004  the rule's own number
        return UM
    if score.at_least:
        return INDETERMINATE
    if score.value >= 1.25:  # noqa: PLR2004  the rule's own number
        return NM
    return IM if score.value > 0 else PM


def _score(gene: str, sides: Sequence[Sequence[Unit]]) -> Score | None:
    """The sum over both chromosomes, or None if a value is not known.

    Copies in tandem add up. Variants of one DPYD chromosome do not: the lowest counts.
    """
    parts: list[Score] = []
    for side in sides:
        units = [_unit_score(unit) for unit in side]
        known = [unit for unit in units if unit is not None]
        if len(known) < len(units):
            return None
        parts += [min(known)] if gene == "DPYD" else known
    return Score(sum(part.value for part in parts), any(part.at_least for part in parts))


def _unit_score(unit: Unit) -> Score | None:
    value = unit.allele.value
    if value is None or unit.copies is None:
        return None
    return Score(value * unit.copies, unit.at_least and value > 0)


def _by_functions(gene: str, sides: Sequence[Sequence[Unit]], written: str) -> str:
    if any(len(side) > 1 for side in sides):
        raise Refused(f"{gene} {written}: several alleles on one chromosome have no CPIC rule")
    letters = "".join(sorted(LETTERS[side[0].allele.function] for side in sides))
    if letters in PAIRS[gene]:
        return PAIRS[gene][letters]
    if "U" in letters:
        return INDETERMINATE
    raise Refused(f"{gene} {written}: CPIC has no rule for these two functions together")
