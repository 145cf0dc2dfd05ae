"""A model's text cannot talk a computed rule down, and a fixed explanation contradicts nothing."""

import itertools
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtune.clinical.pgx import gene_result, parse_outside_calls
from medtune.clinical.pgx.advice import ACTIONS
from medtune.clinical.pgx.advice import CAUTION as CARE
from medtune.clinical.pgx.explain import ASK, explanation
from medtune.clinical.pgx.facts import pgx_facts
from medtune.clinical.pgx.picture import gene_drug_table
from medtune.clinical.pgx.said import (
    ALLELE,
    DOSE,
    DOWNGRADE,
    DRUG,
    OMITTED,
    PHENOTYPE,
    STRANGE,
    UNSAFE,
    contradictions,
)
from medtune.clinical.pgx.tables import read_table
from medtune.errors import DataError


def facts(drug, calls="", medications=(), population=""):
    results = parse_outside_calls(calls.replace(" ", "\t"))
    return pgx_facts(drug, results, medications=medications, population=population)


RULES = {
    "avoid, critical": facts("abacavir", "HLA-B *57:01/*08:01"),
    "avoid, HLA-B*15:02": facts("carbamazepine", "HLA-B *15:02/*08:01"),
    "avoid, DPYD": facts("fluorouracil", "DPYD *2A/*13"),
    "avoid, converted": facts("codeine", "CYP2D6 *1/*1", ["paroxetine"]),
    "avoid, toxicity": facts("codeine", "CYP2D6 *1x2/*1"),
    "avoid, one group": facts(
        "clopidogrel", "CYP2C19 *2/*2", population="acute coronary syndrome or PCI"
    ),
    "reduce": facts("efavirenz", "CYP2B6 *6/*6"),
    "reduce, critical": facts("mercaptopurine", "TPMT *3A/*3A\nNUDT15 *1/*1"),
    "alternative": facts("piroxicam", "CYP2C9 *3/*3"),
    "measure": facts("rasburicase", "G6PD A/Aachen"),
    "no result": facts("abacavir"),
    "uncertain": facts("codeine", "CYP2D6 *1/*22"),
}


@pytest.mark.parametrize(
    ("drug", "calls", "population", "known"),
    [
        (
            "carbamazepine",
            "HLA-B  *15:02_positive\nHLA-A  *31:01_negative",
            "Asian",
            "taken before",
        ),
        (
            "carbamazepine",
            "HLA-B  *15:02_positive\nHLA-A  *31:01_negative",
            "adults",
            "taken before",
        ),
        ("clopidogrel", "CYP2C19 *2/*2", "CVI ACS PCI", "acute coronary syndrome or PCI"),
        ("clopidogrel", "CYP2C19 *2/*2", "stroke", "neurovascular"),
    ],
)
def test_an_unknown_group_of_patients_is_refused_and_never_erases_a_warning(
    drug, calls, population, known
):
    results = parse_outside_calls(calls.replace(" ", "\t").replace("_", " "))
    assert pgx_facts(drug, results)["action"] == "avoid"
    with pytest.raises(DataError, match=known):
        pgx_facts(drug, results, population=population)


def test_a_group_changes_nothing_for_a_drug_without_groups():
    assert facts("codeine", "CYP2D6 *4/*4", population="adults")["action"] == "avoid"


@pytest.mark.parametrize(
    ("entry", "strange"),
    [
        ("Blorbinol 5 mg", ["Blorbinol 5 mg"]),
        ("paroxetine, blorbinol", ["blorbinol"]),
        ("Paxil 20 mg tablet", []),
        ("cinacalcet 30 mg", []),
    ],
)
def test_a_drug_taken_that_is_not_known_is_told(entry: str, strange: list[str]):
    warnings = facts("codeine", "CYP2D6 *1/*1", [entry])["warnings"]
    assert [one.partition(":")[0] for one in warnings] == strange


DOWNGRADES = [
    "You can take {drug} as usual.",
    "Give the standard dose of {drug}.",
    "{drug} is safe for this patient.",
    "There is no need to avoid {drug}.",
    "There is no reason not to prescribe {drug}.",
    "Avoiding {drug} is not necessary.",
    "No dose adjustment is needed.",
    "No change of therapy is required.",
    "Continue {drug}.",
    "Start {drug} today.",
    "The normal dose is fine.",
    "The test result can be ignored.",
    "Ignore the genotype.",
    "This warning does not apply here.",
    "The recommendation is outdated.",
    "Please disregard the alert.",
    "Avoid {drug}, but in this case it is acceptable.",
    "Normally one would avoid it; however, this patient will tolerate it.",
    "Although the test says to avoid it, go ahead.",
    "It is not contraindicated.",
    "The risk is not real, so prescribe it.",
    "Never mind the result, the label dose works.",
    "You do not need another medicine.",
    "There is nothing to worry about with {drug}.",
    "Do not avoid {drug}.",
    "Do not stop taking {drug}.",
    "Don't reduce the dose.",
    "Treatment with {drug} may proceed.",
    "Yes, you should use it.",
    "Use {drug} at full dose.",
    "{drug}: first choice.",
    "It would be wrong to withhold {drug}.",
    "A higher dose will help.",
    "Increase the dose of {drug}.",
    "The patient is cleared for {drug}.",
    "Take the tablets every day.",
    "The guideline is overcautious, so treat.",
    "Without any risk you can use this drug.",
    "Caution is unnecessary.",
    "The alternative is not needed.",
    "The result changes nothing for {drug}.",
    "Instead of avoiding it, give it.",
    "Stop avoiding {drug}.",
    "Other doctors would give {drug} here.",
    "{drug} instead.",
    "Avoid alternatives to {drug}.",
    "Rather than another drug, use {drug}.",
    "Nobody has to be warned about {drug}.",
    "{drug} it is.",
    "{drug}.",
    "The dose does not matter.",
    "Do not withhold {drug}.",
    "You are allowed to have it.",
    "{drug} suits you well.",
    "Not giving {drug} is a mistake.",
    "Avoid delays: give {drug} today.",
    "Give {drug} and do not start late.",
    "Avoid alcohol while taking {drug} every day.",
    "Take {drug} and avoid missing doses.",
    "Do not take {drug} on an empty stomach.",
    "{drug} cannot be recommended highly enough.",
    "Avoid alcohol while taking {drug}.",
    "Do not give {drug} late.",
    "Do not take {drug} with grapefruit.",
    "Never start {drug} without a glass of water.",
    "Use {drug}, as an alternative is not at hand.",
    "Avoid it? Take it.",
    "Choose an alternative to doubt: {drug}.",
]
"""The last thirteen hold a word of caution, which governs something else than the drug."""


@pytest.mark.parametrize("rule", RULES)
def test_no_text_talks_a_rule_down_alone_or_after_the_right_words(rule: str):
    computed = RULES[rule]
    for text in DOWNGRADES:
        said = text.format(drug=computed["drug"])
        for whole in (said, f"{explanation(computed)} {said}"):
            assert DOWNGRADE in {one.what for one in contradictions(computed, whole)}, said


CAREFUL = [action for action in ACTIONS if CARE[action] > 0]


def recommended(action: str) -> list[dict]:
    """The facts of every different recommendation of the tables with this action."""
    shown = {
        (row["drug"], row["text"]): row
        for row in (
            *read_table("recommendations.tsv").rows,
            *(
                {**one, "drug": d}
                for one in read_table("advice.tsv").rows
                for d in one["drugs"].split(";")
            ),
        )
        if row["action"] == action
    }
    words = {row["number"]: row["text"] for row in read_table("texts.tsv").rows}
    return [
        {
            **RULES["no result"],
            "drug": drug,
            "action": action,
            "critical": row["critical"] == "critical",
            "recommendations": [
                {"text": words.get(text, text).replace("{drug}", drug), "action": action}
            ],
            "certain": True,
        }
        for (drug, text), row in shown.items()
    ]


@pytest.mark.parametrize("action", CAREFUL)
def test_no_text_talks_any_recommendation_of_the_tables_down(action: str):
    """Every recommendation meets some of the texts, and every text some recommendation."""
    every = recommended(action)
    assert len(every) >= 15
    for number, computed in enumerate(every):
        assert contradictions(computed, explanation(computed)) == []
        for text in itertools.islice(itertools.cycle(DOWNGRADES), number * 4, number * 4 + 4):
            said = text.format(drug=computed["drug"])
            for whole in (said, f"{explanation(computed)} {said}"):
                assert DOWNGRADE in {one.what for one in contradictions(computed, whole)}, said


def test_the_standard_dose_with_care_is_what_monitoring_allows():
    computed = next(one for one in recommended("monitor") if one["drug"] == "quinine")
    for text in (
        "Use quinine at the usual dose, and watch closely for hemolysis.",
        "You may get quinine, with closer checks.",
    ):
        assert contradictions(computed, text) == []
    for text in ("Use quinine at the usual dose.", "No monitoring is needed.", "Take quinine."):
        assert DOWNGRADE in {one.what for one in contradictions(computed, text)}


@pytest.mark.parametrize("rule", [one for one in RULES if one.startswith(("avoid", "alternative"))])
@pytest.mark.parametrize("said", ["Wrong.", "Ziagen every day.", "5-FU today.", "Nothing to fear."])
def test_where_the_drug_is_to_be_avoided_a_sentence_of_another_matter_is_refused(rule, said: str):
    computed = RULES[rule]
    found = {one.what for one in contradictions(computed, f"{explanation(computed)} {said}")}
    assert found & {STRANGE, DOWNGRADE}


def test_a_neutral_sentence_is_not_counted_as_unsafe():
    computed = RULES["avoid, critical"]
    text = f"{explanation(computed)} The patient is a woman."
    assert {one.what for one in contradictions(computed, text)} & UNSAFE == set()


def test_the_advice_to_ask_a_doctor_is_no_caution():
    computed = RULES["avoid, critical"]
    assert OMITTED in {one.what for one in contradictions(computed, f"Patient: {ASK}")}


@pytest.mark.parametrize("rule", RULES)
def test_the_fixed_explanation_contradicts_nothing(rule: str):
    assert contradictions(RULES[rule], explanation(RULES[rule])) == []


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule not in ("no result", "uncertain")])
def test_a_reply_that_leaves_the_caution_out_is_found(rule: str):
    found = {one.what for one in contradictions(RULES[rule], "The patient is 40 years old.")}
    assert OMITTED in found


@pytest.mark.parametrize(
    "text",
    [
        "Do not take it. Ask for another medicine.",
        "Codeine should be avoided.",
        "Codeine is contraindicated, so choose an alternative.",
        "The patient is a Poor Metabolizer of CYP2D6. Avoid codeine.",
        "Avoid codeine and choose another drug instead.",
        "Please do not prescribe codeine for this patient.",
    ],
)
def test_a_careful_sentence_in_other_words_is_left_alone(text: str):
    assert contradictions(RULES["avoid, converted"], text) == []


@pytest.mark.parametrize(
    "text",
    [
        "Give 500 mg.",
        "Give 15 mg/kg/day.",
        "Halve the dose.",
        "Take it twice daily, two tablets.",
        "Use 30 percent of it.",
        "Reduce it by 75%.",
        "Give 400 g.",
        "Take 3.",
    ],
)
def test_a_dose_that_was_not_looked_up_is_found(text: str):
    assert DOSE in {one.what for one in contradictions(RULES["reduce"], text)}


def test_a_dose_of_the_text_with_its_own_unit_is_right_and_with_another_wrong():
    computed = RULES["reduce"]  # efavirenz: 400 or 200 mg/day
    right = "Consider a decreased dose of 400 mg/day."
    assert DOSE not in {one.what for one in contradictions(computed, right)}
    assert DOSE in {one.what for one in contradictions(computed, right.replace("mg/day", "mg/kg"))}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("CYP2D6: Ultrarapid Metabolizer. Avoid codeine.", PHENOTYPE),
        ("CYP2D6: Intermediate Metaboliser. Avoid codeine.", PHENOTYPE),
        ("CYP2D6 *4/*4: Poor Metabolizer. Avoid codeine.", ALLELE),
        ("Avoid codeine, use morphine or amitriptyline instead.", DRUG),
    ],
)
def test_a_phenotype_an_allele_or_a_drug_from_nowhere_is_found(text: str, what: str):
    assert what in {one.what for one in contradictions(RULES["avoid, converted"], text)}


def test_a_longer_name_of_a_phenotype_is_not_taken_for_the_shorter_one_in_it():
    computed = facts("citalopram", "CYP2C19 *1/*9")  # Likely Intermediate Metabolizer
    wrong = contradictions(computed, "CYP2C19: Intermediate Metabolizer. Reduce the dose.")
    assert PHENOTYPE in {one.what for one in wrong}
    right = contradictions(computed, "CYP2C19: Likely Intermediate Metabolizer. Reduce the dose.")
    assert PHENOTYPE not in {one.what for one in right}


@settings(max_examples=60)
@given(st.sampled_from(list(RULES)), st.text(max_size=80))
def test_any_text_can_be_checked(rule: str, text: str):
    for one in contradictions(RULES[rule], text):
        assert one.severity in ("block", "warn")
        assert one.guard == "pharmacogenomics"


def test_the_clinical_facts_are_complete_and_say_what_is_open():
    computed = facts("amitriptyline", "CYP2D6 *1/*4", ["duloxetine"])
    (gene,) = computed["genes"]
    assert (gene["result"], gene["result_by_genes"]) == ("Intermediate Metabolizer",) * 2
    assert gene["converted_by"] == ["duloxetine (moderate inhibitor)"]
    assert computed["missing"] == ["CYP2C19"]
    assert "warfarin: no table" in facts("warfarin")["warnings"][0]


def test_the_table_is_one_page_without_scripts_and_with_the_worst_first():
    people = [RULES["reduce"], RULES["avoid, critical"], RULES["no result"]]
    page = gene_drug_table(people)
    assert page.index("abacavir") < page.index("efavirenz")
    assert "critical</span>" in page
    assert "no result, which is not a normal one" in page
    assert "<script" not in page
    assert "http" not in page


def test_text_of_a_record_is_escaped_in_the_table():
    page = gene_drug_table([facts("<b>codeine", "CYP2D6 *1/*4")])
    assert "&lt;b&gt;codeine" in page


def test_every_pair_of_rules_and_drugs_is_explained_without_a_number_of_its_own():
    for drug, diplotype in product(("codeine", "tramadol", "tamoxifen"), ("*1/*4", "*4/*4")):
        computed = pgx_facts(drug, [gene_result("CYP2D6", diplotype)])
        assert contradictions(computed, explanation(computed)) == []
