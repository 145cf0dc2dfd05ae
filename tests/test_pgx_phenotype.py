"""Every rule from functions to phenotype, written out from CPIC's tables, not from the code."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtune.clinical.pgx import Refused, Score, gene_result, outcome
from medtune.clinical.pgx.phenotype import PAIRS, SCORED, phenotype_of_score
from medtune.clinical.pgx.tables import alleles

ALLELES = {
    "CYP2C19": {"N": "*1", "I": "*17", "D": "*9", "0": "*2", "U": "*12"},
    "CYP2B6": {"N": "*1", "I": "*4", "D": "*6", "0": "*18", "U": "*25"},
    "CYP3A5": {"N": "*1", "0": "*3", "U": "*9"},
    "TPMT": {"N": "*1", "0": "*3A", "U": "*8"},
    "NUDT15": {"N": "*1", "0": "*3", "U": "*5"},
    "UGT1A1": {"N": "*1", "I": "*36", "D": "*28", "U": "*80"},
    "SLCO1B1": {"N": "*1", "I": "*14", "0": "*5", "U": "*2"},
    "NAT2": {"I": "*4", "D": "*5", "U": "*10"},
    "CYP3A4": {"N": "*1", "D": "*22", "0": "*20"},
}
NM, IM, PM = "Normal Metabolizer", "Intermediate Metabolizer", "Poor Metabolizer"
RM, UM = "Rapid Metabolizer", "Ultrarapid Metabolizer"
X = "Indeterminate"
LI, LP, PI = f"Likely {IM}", f"Likely {PM}", f"Possible {IM}"
NF, IF, DF, PF = (f"{word} Function" for word in ("Normal", "Increased", "Decreased", "Poor"))
OTHER_CFTR, IFNL3 = "ivacaftor non-responsive CFTR sequence", "rs12979860"
THIOPURINE = {"NN": NM, "N0": IM, "00": PM, "0U": PI, "NU": X, "UU": X}
TABLE = {
    "CYP2C19": {"NN": NM, "NI": RM, "II": UM, "N0": IM, "I0": IM, "00": PM, "ND": LI, "ID": LI}
    | {"DD": LI, "D0": LP, "NU": X, "IU": X, "DU": X, "0U": X, "UU": X},
    "CYP2B6": {"NN": NM, "NI": RM, "II": UM, "ND": IM, "N0": IM, "ID": IM, "I0": IM, "DD": PM}
    | {"D0": PM, "00": PM, "NU": X, "IU": X, "DU": X, "0U": X, "UU": X},
    "CYP3A5": {"NN": NM, "N0": IM, "00": PM, "NU": PI, "0U": X, "UU": X},
    "TPMT": THIOPURINE,
    "NUDT15": THIOPURINE,
    "UGT1A1": {"NN": NM, "NI": NM, "II": NM, "ND": IM, "ID": IM, "DD": PM}
    | {"NU": X, "IU": X, "DU": X, "UU": X},
    "SLCO1B1": {"NN": NF, "NI": NF, "II": IF, "N0": DF, "I0": DF, "00": PF}
    | {"0U": f"Possible {DF}", "NU": X, "IU": X, "UU": X},
    "NAT2": {"II": RM, "ID": IM, "DD": PM, "IU": X, "DU": X, "UU": X},
    "CYP3A4": {"NN": NM, "ND": IM, "N0": IM, "DD": PM, "D0": PM, "00": PM},
}
CASES = [(gene, pair, wanted) for gene, rows in TABLE.items() for pair, wanted in rows.items()]


@pytest.mark.parametrize(("gene", "pair", "wanted"), CASES, ids=[f"{g}-{p}" for g, p, _ in CASES])
def test_every_pair_of_functions_has_its_phenotype_in_both_orders(
    gene: str, pair: str, wanted: str
):
    first, second = (ALLELES[gene][letter] for letter in pair)
    assert outcome(gene, f"{first}/{second}").phenotype == wanted
    assert outcome(gene, f"{second}/{first}").phenotype == wanted


def test_the_table_above_has_every_pair_that_the_alleles_can_make():
    short = {"Normal": "N", "Increased": "I", "Decreased": "D", "No": "0"}
    for gene, rows in TABLE.items():
        found = {short.get(a.function.split()[0], "U") for a in alleles()[gene].values()}
        known = {letter for pair in rows for letter in pair}
        assert found - {"U"} <= known, gene
        assert len(rows) >= len(known) * (len(known) + 1) / 2, gene


@pytest.mark.parametrize(
    ("score", "wanted"),
    [
        (0, PM),
        (0.25, IM),
        (0.5, IM),
        (1.0, IM),
        (1.25, NM),
        (2.0, NM),
        (2.25, NM),
        (2.5, UM),
        (3.0, UM),
    ],
)
def test_cyp2d6_has_four_classes_with_these_bounds_and_no_rapid_one(score: float, wanted: str):
    assert phenotype_of_score("CYP2D6", Score(score)) == wanted


@pytest.mark.parametrize(
    ("gene", "diplotype", "score", "wanted"),
    [
        ("CYP2D6", "*1/*4", "1.0", IM),
        ("CYP2D6", "*1/*10", "1.25", NM),  # *10 is 0.25 since 2019
        ("CYP2D6", "*41/*41", "0.5", IM),  # *41 is 0.25 since 2022-11-08
        ("CYP2D6", "*1/*9", "1.25", NM),  # *9 is 0.25 since 2022-11-08
        ("CYP2D6", "*10/*10", "0.5", IM),
        ("CYP2D6", "*17/*29", "1.0", IM),
        ("CYP2D6", "*4/*5", "0.0", PM),
        ("CYP2D6", "*1x2/*41", "2.25", NM),
        ("CYP2D6", "*1x2/*17", "2.5", UM),
        ("CYP2D6", "*1/*2x2", "3.0", UM),
        ("CYP2D6", "*4x2/*1", "1.0", IM),
        ("CYP2D6", "*1x≥3/*4", "≥3.0", UM),
        ("CYP2D6", "*4x≥3/*4", "0.0", PM),
        ("CYP2D6", "*36+*10/*1", "1.25", NM),
        ("CYP2D6", "*68+*4/*10", "0.25", IM),
        ("CYP2D6", "*4.024/*1", "1.0", IM),
        ("CYP2C9", "*1/*2", "1.5", IM),
        ("CYP2C9", "*1/*3", "1.0", IM),
        ("CYP2C9", "*2/*3", "0.5", PM),
        ("CYP2C9", "*3/*3", "0.0", PM),
        ("CYP2C9", "*1/*9", "2.0", NM),
        ("DPYD", "Reference/Reference", "2.0", NM),
        ("DPYD", "*1/*2A", "1.0", IM),
        ("DPYD", "Reference/c.2846A>T", "1.5", IM),
        ("DPYD", "c.2846A>T/c.1129-5923C>G, c.1236G>A (HapB3)", "1.0", IM),
        ("DPYD", "c.2846A>T/*2A", "0.5", PM),
        ("DPYD", "*2A/*13", "0.0", PM),
        ("DPYD", "[c.498G>A + c.2582A>G]/[c.2846A>T + c.2933A>G]", "1.0", IM),
    ],
)
def test_the_activity_score_is_the_sum_and_gives_the_phenotype(gene, diplotype, score, wanted):
    found = outcome(gene, diplotype)
    assert (str(found.score), found.phenotype) == (score, wanted)


@pytest.mark.parametrize(
    ("gene", "diplotype"),
    [
        ("CYP2D6", "*1/*22"),  # uncertain function
        ("CYP2D6", "*2xN/*4"),  # number of copies not known
        ("CYP2D6", "*10x≥3/*4"),  # 0.75 or more
        ("CYP2C9", "*1/*7"),
        ("CYP2C19", "*1/*12"),
        ("TPMT", "*1/*5"),
        ("NUDT15", "*1/*4"),
        ("G6PD", "B (reference)/Dagua"),
    ],
)
def test_what_is_uncertain_is_indeterminate_and_never_normal(gene: str, diplotype: str):
    assert outcome(gene, diplotype).phenotype == "Indeterminate"


@pytest.mark.parametrize(
    ("gene", "diplotype", "wanted"),
    [
        ("ABCG2", "rs2231142 reference (G)/rs2231142 variant (T)", DF),
        ("ABCG2", "rs2231142 variant (T)/rs2231142 variant (T)", PF),
        ("VKORC1", "rs9923231 reference (C)/rs9923231 reference (C)", "-1639 GG"),
        ("VKORC1", "rs9923231 reference (C)/rs9923231 variant (T)", "-1639 AG"),
        ("VKORC1", "rs9923231 variant (T)/rs9923231 variant (T)", "-1639 AA"),
        ("MT-RNR1", "1555A>G", "increased risk of aminoglycoside-induced hearing loss"),
        ("MT-RNR1", "m.827A>G", "normal risk of aminoglycoside-induced hearing loss"),
        ("MT-RNR1", "m.663A>G", "uncertain risk of aminoglycoside-induced hearing loss"),
        ("CACNA1S", "Reference/c.3257G>A", "Malignant Hyperthermia Susceptibility"),
        ("CACNA1S", "Reference/Reference", "Uncertain Susceptibility"),
        ("G6PD", "Aachen", "Deficient with CNSHA"),
        ("G6PD", "Abeno", "Deficient"),
        ("G6PD", "A", "Normal"),
        ("G6PD", "Aachen/Abeno", "Deficient"),
        ("G6PD", "A/A- 202A_376G", "Variable"),
        ("CFTR", f"G551D/{OTHER_CFTR}", "ivacaftor responsive in CF patients"),
        ("CFTR", f"{OTHER_CFTR}/{OTHER_CFTR}", "ivacaftor non-responsive in CF patients"),
        ("IFNL3", f"{IFNL3} reference (C)/{IFNL3} variant (T)", "Unfavorable response genotype"),
    ],
)
def test_genes_of_one_position_or_of_their_own_kind(gene: str, diplotype: str, wanted: str):
    assert outcome(gene, diplotype).phenotype == wanted


@pytest.mark.parametrize(
    ("gene", "diplotype", "why"),
    [
        ("CYP2D7", "*1/*1", "did you mean 'CYP2D6'"),
        ("CYP2C19", "*1/*99", "not in the table"),
        ("CYP2C19", "*1", "1 alleles, 2 needed"),
        ("CYP2C19", "*1/*2/*3", "3 alleles"),
        ("CYP2C19", "*1x2/*2", "not in the table"),  # no copies but of CYP2D6
        ("CYP2D6", "*57/*1", "not in the table"),  # withdrawn 2023-08-31
        ("CYP2D6", "*1x0/*1", "no copy"),
        ("MT-RNR1", "Reference/Reference", "2 alleles, 1 needed"),
        ("SLCO1B1", "*1/*46", "not in the table"),  # withdrawn 2025-10-14
        ("TPMT", "[*3B + *3C]/*1", "no CPIC rule"),
        ("RYR1", "Reference/Reference", "not in the table"),
        ("HLA-B", "*57/*08", "two fields"),
        ("HLA-B", "*57:01", "two fields"),
    ],
)
def test_what_the_tables_do_not_hold_is_refused_with_a_reason(gene, diplotype, why):
    assert re.search(re.escape(why), gene_result(gene, diplotype).refused or "")


def test_an_allele_is_known_by_the_names_that_laboratories_use():
    assert outcome("CYP2C9", "CYP2C9*1/CYP2C9*3").diplotype == "*1/*3"
    assert outcome("DPYD", "*1/*2A").diplotype == "Reference/c.1905+1G>A (*2A)"
    assert outcome("G6PD", "Telti/Kobe").phenotype == "Deficient with CNSHA"
    assert outcome("CYP2D6", "*1≥3/*4").diplotype == "*1x≥3/*4"


def test_hla_is_read_to_two_fields_and_only_what_was_typed_is_known():
    assert gene_result("HLA-B", "*57:01:01/*08:01").statuses == {
        "*15:02": False,
        "*57:01": True,
        "*58:01": False,
    }
    assert gene_result("HLA-B", "HLA-B*15:02/HLA-B*15:02").statuses["*15:02"]


def test_alleles_that_cpic_revised_after_the_table_are_named():
    (warning,) = gene_result("TPMT", "*1/*8").warnings
    assert "2026-02-03" in warning
    assert not gene_result("TPMT", "*1/*3A").warnings


@settings(max_examples=200)
@given(st.sampled_from(sorted({*PAIRS, *SCORED} - {"MT-RNR1"})), st.data())
def test_any_two_known_alleles_have_an_answer_that_does_not_depend_on_their_order(gene, data):
    names = st.sampled_from(sorted(alleles()[gene]))
    first, second = data.draw(names), data.draw(names)
    one, other = (outcome(gene, "/".join(p)) for p in ((first, second), (second, first)))
    assert (one.phenotype, one.score) == (other.phenotype, other.score)
    unknown = {"Uncertain function", "Unknown function"}
    if {alleles()[gene][name].function for name in (first, second)} <= unknown:
        assert one.phenotype == "Indeterminate"


def test_an_unknown_allele_raises_where_a_caller_wants_one_outcome():
    with pytest.raises(Refused, match="never taken for a normal one"):
        outcome("CYP2C19", "*1/*99")
