"""From a result to CPIC's recommendation, and the safety rules on the way."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest

from medtune.clinical.pgx import (
    CAUTION,
    GeneResult,
    Outcome,
    Score,
    advise,
    convert,
    drugs,
    gene_result,
    genes_of,
    parse_outside_calls,
)
from medtune.clinical.pgx.advice import ACTIONS, populations_of
from medtune.clinical.pgx.tables import FOLDER, parse_table, read_table
from medtune.errors import DataError
from medtune.fetch import cache_dir

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def asked(drug, *calls, medications=()):
    return advise(drug, [convert(gene_result(g, d), medications) for g, d in calls])


@pytest.mark.parametrize(
    ("drug", "gene", "diplotype"),
    [
        ("abacavir", "HLA-B", "*57:01/*08:01"),
        ("allopurinol", "HLA-B", "*58:01/*08:01"),
        ("carbamazepine", "HLA-B", "*15:02/*08:01"),
        ("carbamazepine", "HLA-A", "*31:01/*01:01"),
        ("oxcarbazepine", "HLA-B", "*15:02/*08:01"),
        ("phenytoin", "HLA-B", "*15:02/*08:01"),
        ("fluorouracil", "DPYD", "*2A/*13"),
        ("capecitabine", "DPYD", "*2A/*2A"),
        ("capecitabine", "DPYD", "*2A/c.2846A>T"),
        ("gentamicin", "MT-RNR1", "1555A>G"),
        ("rasburicase", "G6PD", "Aachen"),
        ("codeine", "CYP2D6", "*1x2/*1"),
        ("tramadol", "CYP2D6", "*1x2/*1"),
        ("sevoflurane", "CACNA1S", "Reference/c.3257G>A"),
    ],
)
def test_what_can_kill_is_critical_and_to_be_avoided(drug: str, gene: str, diplotype: str):
    found = asked(drug, (gene, diplotype))
    assert (found.critical, found.action) == (True, "avoid")
    assert found.certain


@pytest.mark.parametrize(
    ("tpmt", "nudt15"), [("*3A/*3A", "*1/*1"), ("*1/*1", "*3/*3"), ("*3A/*3A", "*3/*3")]
)
def test_poor_thiopurine_metabolizers_are_critical(tpmt: str, nudt15: str):
    found = asked("mercaptopurine", ("TPMT", tpmt), ("NUDT15", nudt15))
    assert (found.critical, found.action) == (True, "reduce")
    assert "2026-02-03" in found.warnings[0]


@pytest.mark.parametrize("drug", sorted(drugs()))
def test_no_drug_has_a_recommendation_to_give_it_when_nothing_was_tested(drug: str):
    found = advise(drug, [])
    assert found.missing == found.genes
    assert found.action == "none"
    assert not found.recommendations
    assert not found.certain


@pytest.mark.parametrize(
    ("drug", "gene", "diplotype"),
    [
        ("codeine", "CYP2D6", "*1/*22"),
        ("codeine", "CYP2D6", "*2xN/*4"),
        ("clopidogrel", "CYP2C19", "*1/*12"),
        ("simvastatin", "SLCO1B1", "*1/*2"),
        ("efavirenz", "CYP2B6", "*1/*25"),
        ("abacavir", "HLA-B", "*57/*08"),
        ("codeine", "CYP2D6", "*1/*999"),
    ],
)
def test_what_is_uncertain_or_refused_is_no_clearance(drug: str, gene: str, diplotype: str):
    assert asked(drug, (gene, diplotype)).action == "none"


def test_an_hla_allele_that_was_not_typed_is_not_negative():
    (status,) = parse_outside_calls("HLA-B\t\t*57:01 negative")
    assert advise("abacavir", [status]).action == "standard"
    assert advise("allopurinol", [status]).action == "none"
    assert advise("oxcarbazepine", [status]).action == "none"


@pytest.mark.parametrize(
    ("drug", "diplotype", "action"),
    [
        ("piroxicam", "*1/*3", "alternative"),  # activity score 1.0
        ("piroxicam", "*1/*2", "standard"),  # 1.5: an intermediate metabolizer, too
        ("meloxicam", "*1/*3", "reduce"),
        ("celecoxib", "*2/*3", "reduce"),
        ("phenytoin", "*3/*3", "reduce"),
    ],
)
def test_cyp2c9_goes_by_the_activity_score_and_not_by_the_phenotype(drug, diplotype, action):
    assert asked(drug, ("CYP2C9", diplotype)).action == action


def test_groups_of_patients_stay_apart():
    found = asked("clopidogrel", ("CYP2C19", "*2/*17"))
    actions = {one.population: one.action for one in found.recommendations}
    assert actions == {
        "acute coronary syndrome or PCI": "avoid",
        "cardiovascular, neither acute coronary syndrome nor PCI": "none",
        "neurovascular": "alternative",
    }
    assert found.action == "avoid"  # the most careful of them


def test_the_docs_page_lists_the_groups_of_every_drug():
    page = (BENCHMARKS.parent / "docs/personalized_medicine.md").read_text("utf-8")
    table = page.partition("| drug | `population` |\n|---|---|\n")[2].partition("\n\n")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()]
    listed = {
        drug: tuple(groups.split("; ")) for names, groups in rows for drug in names.split(", ")
    }
    assert listed == {drug: found for drug in drugs() if (found := populations_of(drug))}


def test_several_outcomes_give_every_recommendation_and_no_certainty():
    fit = {"*1/*3A": "Intermediate Metabolizer", "*3B/*3C": "Poor Metabolizer"}
    both = GeneResult("TPMT", "vcf", tuple(Outcome(d, (), p) for d, p in fit.items()))
    found = advise("azathioprine", [both, gene_result("NUDT15", "*1/*1")])
    assert len(found.recommendations) == 2
    assert not found.certain
    assert found.critical


def test_a_phenotype_alone_stands_for_every_score_that_it_may_have():
    (found,) = parse_outside_calls("CYP2C9\t\tIM")
    advice = advise("piroxicam", [found])
    assert {one.action for one in advice.recommendations} == {"standard", "alternative"}
    assert not advice.certain
    (poor,) = parse_outside_calls("DPYD\t\tPoor Metabolizer")
    assert advise("fluorouracil", [poor]).action == "avoid"


DPWG = """# source: DPWG
drugs\twhen\tpopulation\taction\tcritical\tstrength\ttext\tpmid\tdate
codeine\tCYP2D6=Intermediate Metabolizer\t\talternative\t\t\tTake another drug.\t1\t2020
"""


def test_sources_are_shown_side_by_side_and_never_merged():
    found = advise("codeine", [gene_result("CYP2D6", "*1/*4")], extra=[parse_table(DPWG)])
    assert [(one.source, one.action) for one in found.recommendations] == [
        ("CPIC", "standard"),
        ("DPWG", "alternative"),
    ]
    assert found.action == "alternative"


def test_a_further_table_needs_its_source_and_known_actions():
    bare = DPWG.removeprefix("# source: DPWG\n")
    with pytest.raises(DataError, match="source"):
        advise("codeine", [], extra=[parse_table(bare)])
    with pytest.raises(DataError, match="no action"):
        advise("codeine", [], extra=[parse_table(DPWG.replace("alternative", "maybe"))])


def test_a_drug_that_no_table_has_is_not_cleared():
    with pytest.raises(DataError, match="not a clearance"):
        advise("warfarin", [])


@pytest.mark.parametrize(
    ("diplotype", "medications", "score", "phenotype"),
    [
        ("*1/*1", ["paroxetine"], "0.0", "Poor Metabolizer"),
        ("*1x2/*1", ["Fluoxetine 20 mg"], "0.0", "Poor Metabolizer"),
        ("*1/*1", ["duloxetine"], "1.0", "Intermediate Metabolizer"),
        ("*1/*1", ["duloxetine", "bupropion"], "0.0", "Poor Metabolizer"),
        ("*1/*4", ["duloxetine"], "0.5", "Intermediate Metabolizer"),
        ("*4/*4", ["duloxetine"], "0.0", "Poor Metabolizer"),
        ("*1/*22", ["quinidine"], "0.0", "Poor Metabolizer"),
        ("*1/*1", ["ibuprofen"], "2.0", "Normal Metabolizer"),
    ],
)
def test_inhibitors_of_cyp2d6_lower_the_score_and_are_named(
    diplotype, medications, score, phenotype
):
    found = convert(gene_result("CYP2D6", diplotype), medications)
    assert (str(found.score), found.phenotype) == (score, phenotype)
    assert bool(found.converted_by) == (medications != ["ibuprofen"])


def test_the_converted_phenotype_decides_on_the_drug():
    normal = asked("codeine", ("CYP2D6", "*1/*1"))
    blocked = asked("codeine", ("CYP2D6", "*1/*1"), medications=["paroxetine"])
    assert (normal.action, blocked.action) == ("standard", "avoid")


@pytest.mark.parametrize(
    "entry", ["Paxil 20 mg", "Prozac", "paroxetine, aspirin", "Tab. paroxetine 20 mg", "PAROXETINE"]
)
def test_an_inhibitor_counts_however_it_is_written(entry: str):
    assert asked("codeine", ("CYP2D6", "*1/*1"), medications=[entry]).action == "avoid"


def test_a_drug_with_two_names_in_the_table_counts_once():
    for name in ("rifampin", "Rifampicin 600 mg"):
        assert len(convert(gene_result("CYP2C19", "*1/*1"), [name]).warnings) == 1


def test_where_no_rule_says_how_much_a_drug_only_warns():
    found = convert(gene_result("CYP2C19", "*1/*1"), ["rifampicin"])
    assert found.phenotype == "Normal Metabolizer"
    assert "may differ" in found.warnings[0]
    disputed = convert(gene_result("CYP2D6", "*1/*1"), ["terbinafine"])
    assert (disputed.phenotype, disputed.converted_by) == ("Normal Metabolizer", ())
    assert "disputed" in disputed.warnings[0]
    moderate = convert(gene_result("CYP2D6", "*1/*1"), ["duloxetine"])
    assert "convention" in moderate.warnings[0]


CALLS = """# PharmCAT's own example
CYP2D6\t*1/*3
CYP2C9\t\t\t2.0
HLA-B\t\t*57:01 positive
HLA-B\t\t*15:02 negative
MT-RNR1\t1555A>G
"""


def test_outside_calls_of_every_kind_are_read():
    found = {result.gene: result for result in parse_outside_calls("\ufeff" + CALLS)}
    assert found["CYP2D6"].score == Score(1.0)
    assert found["CYP2C9"].phenotype == "Normal Metabolizer"
    assert found["HLA-B"].statuses == {"*57:01": True, "*15:02": False}
    assert found["MT-RNR1"].diplotype == "m.1555A>G"
    assert not any(result.refused for result in found.values())


def test_a_score_in_the_field_of_the_phenotype_is_read_with_a_warning():
    (found,) = parse_outside_calls("CYP2C9\t\t2.0")
    assert found.score == Score(2.0)
    assert "field of the phenotype" in found.warnings[0]


@pytest.mark.parametrize(
    ("text", "phenotype"),
    [
        ("CYP2D6\t\tCYP2D6 Ultrarapid Metaboliser (UM)", "Ultrarapid Metabolizer"),
        ("CYP2C19\t\tEM", "Normal Metabolizer"),
        ("CYP2C19\t\tlikely cyp2c19 poor metaboliser", "Likely Poor Metabolizer"),
        ("RYR1\t\tMalignant Hyperthermia Susceptibility", "Malignant Hyperthermia Susceptibility"),
        ("CYP2D6\t*1/*3\tIM\t1.0", "Intermediate Metabolizer"),
        ("CYP2D6\t*1x3/*10\t\t3.25", "Ultrarapid Metabolizer"),
        ("CYP2D6\t\t\t≥3.0", "Ultrarapid Metabolizer"),
        ("CYP2D6\t\t\t4", "Ultrarapid Metabolizer"),
        ("CYP2D6\t\t\t0.75", "Intermediate Metabolizer"),
        ("DPYD\t\t\t0.50", "Poor Metabolizer"),
        ("CYP2C9\t\t\t1.5", "Intermediate Metabolizer"),
    ],
)
def test_phenotypes_are_known_by_their_usual_spellings(text: str, phenotype: str):
    (found,) = parse_outside_calls(text)
    assert (found.refused, found.phenotype) == (None, phenotype)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("CYP2D6\t*1/*41\tIntermediate Metabolizer", "the call says .* the table Normal"),
        ("CYP2C9\t*1/*6\t\t2.0", "the call says .* the table Intermediate"),
        ("CYP2D6\t\tPM\t2.0", "activity score 2.0 is Normal"),
        ("CYP2D6\t\tRapid Metabolizer", "no phenotype of CPIC"),  # CYP2D6 has none
        ("CYP2D6\t\t\t0.1", "no activity score"),
        ("CYP2D6\t\t\t100", "no activity score"),
        ("CYP2D6\t\t\t4.25", "no activity score"),
        ("CYP2D6\t\t\t≥0.75", "no activity score"),
        ("DPYD\t\t\t20", "no activity score"),
        ("DPYD\t\t\t4.0", "no activity score"),
        ("DPYD\t\t\t0.75", "no activity score"),
        ("DPYD\t\t\t≥2", "no activity score"),
        ("DPYD\t\t20", "no activity score"),
        ("CYP2C9\t\t\t10", "no activity score"),
        ("CYP2C9\t\t\t0.25", "no activity score"),
        ("CYP2D6\t*1/*1\nCYP2D6\t*4/*4", r"\*1/\*1 .* and \*4/\*4 .* do not go together"),
        ("HLA-B\t\t*57:01 positive\nHLA-B\t\t*57:01 negative", "do not go together"),
        ("HLA-B\t\t*44:02 positive", "not a status"),
        ("NEWGENE\t\tPoor Metabolizer", "not a gene of the tables"),
    ],
)
def test_calls_that_contradict_themselves_or_the_tables_are_refused(text: str, why: str):
    (found,) = parse_outside_calls(text)
    assert re.search(why, found.refused or "")
    assert not found.outcomes


@pytest.mark.parametrize("text", ["CYP2D6 *1/*3", "CYP2D6\t", "\t*1/*3", "CYP2D6\ta\tb\tc\td"])
def test_a_line_that_is_not_in_the_format_is_named(text: str):
    with pytest.raises(DataError, match="line 2"):
        parse_outside_calls("# head\n" + text)


def test_every_table_says_where_it_is_from():
    for path in FOLDER.glob("*.tsv"):
        about = read_table(path.name).about
        assert about["source"], path.name
        assert {"read", "version"} & about.keys(), path.name


def test_every_recommendation_is_of_a_known_action_with_its_article():
    rows = [*read_table("recommendations.tsv").rows, *read_table("advice.tsv").rows]
    assert {row["action"] for row in rows} == set(ACTIONS) == CAUTION.keys()
    assert all(re.fullmatch(r"\d{8}", row["pmid"]) for row in rows)
    assert {row["critical"] for row in rows} == {"", "critical"}
    assert all(row["action"] in ("avoid", "reduce") for row in rows if row["critical"])


def test_every_gene_of_a_drug_can_have_a_result():
    genes = {gene for drug in drugs() for gene in genes_of(drug)}
    for gene in genes - {"HLA-A", "HLA-B", "RYR1"}:
        assert gene_result(gene, "?").refused
        assert "not in the table of alleles" not in (gene_result(gene, "?").refused or "")


def load(name: str):
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_shipped_tables_are_what_their_source_gives(monkeypatch, capsys):
    builder = load("pgx_tables")
    wheel = cache_dir() / "wheels" / "pypgx-0.27.0-py3-none-any.whl"
    if not wheel.is_file():
        pytest.skip("the pypgx wheel is not in the cache; run benchmarks/pgx_tables.py once")
    monkeypatch.setattr(sys, "argv", ["pgx_tables", "--offline"])
    with pytest.raises(SystemExit) as end:
        builder.main()
    assert end.value.code == 0, capsys.readouterr().out


def test_the_kernel_agrees_with_cpic_on_every_allele_diplotype_and_recommendation():
    compare = load("pgx")
    if not compare.FOLDER.is_dir():
        pytest.skip("data/cpic-pharmcat is not there; set MEDTUNE_SHARED")
    for part, least in (("alleles", 738), ("diplotypes", 34_831), ("recommendations", 1_980)):
        items = list(compare.PARTS[part]())
        assert [item for item in items if item.verdict == "disagreed"] == []
        assert sum(item.verdict == "agreed" for item in items) >= least
