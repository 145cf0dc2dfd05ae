"""Drug names and drug safety rules: what alerts, what must not, and what cannot be judged."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtune.clinical.drugs import Order, Patient, check_orders, drug_names, drug_rules
from medtune.clinical.drugs.rules import COLUMNS
from medtune.errors import DataError

WELL = Patient(
    age_years=50,
    female=True,
    pregnant=False,
    breastfeeding=False,
    potassium_mmol_l=4.2,
    crcl_ml_min=90,
    egfr_ml_min_1_73m2=90,
    liver_disease=False,
    allergies=(),
)
ONC = [  # Phansalkar 2012: one pair for each of the 15
    ("Adderall", "phenelzine"), ("atazanavir", "Prilosec"), ("febuxostat", "azathioprine"),
    ("fluoxetine", "tranylcypromine"), ("irinotecan", "ketoconazole"), ("Demerol", "selegiline"),
    ("amitriptyline", "isocarboxazid"), ("sotalol", "thioridazine"), ("ramelteon", "fluvoxamine"),
    ("Kaletra", "rifampin"), ("Zocor", "clarithromycin"), ("ergotamine", "itraconazole"),
    ("tizanidine", "ciprofloxacin"), ("tranylcypromine", "procarbazine"),
    ("sumatriptan", "phenelzine"),
]  # fmt: skip


def rules_of(patient: Patient, *orders: Order | str) -> dict[str, str]:
    """Severity by rule."""
    asked = [Order(one) if isinstance(one, str) else one for one in orders]
    return {one.rule: one.severity for one in check_orders(patient, asked)}


@pytest.mark.parametrize(("first", "second"), ONC)
def test_every_pair_of_the_onc_list_blocks_in_either_order(first: str, second: str):
    for pair in ((first, second), (second, first)):
        alerts = check_orders(WELL, [Order(one) for one in pair])
        assert any(a.kind == "interaction" and a.severity == "block" for a in alerts)


@pytest.mark.parametrize(
    ("first", "second", "severity"),
    [
        ("simvastatin", "erythromycin", "block"),
        ("meperidine", "linezolid", "block"),
        ("Robitussin DM", "phenelzine", "block"),
        ("Claritin D", "phenelzine", "block"),
        ("Sudafed PE", "phenelzine", "block"),
        ("Diovan HCT", "lithium", "warn"),
        ("losartan", "spironolactone", "warn"),
        ("losartan", "potassium chloride", "warn"),
        ("spironolactone", "potassium chloride", "warn"),
        ("amiloride", "potassium chloride", "block"),
        ("losartan", "lithium", "warn"),
        ("rivaroxaban", "ketoconazole", "block"),
        ("azithromycin", "simvastatin", None),
        ("losartan", "amlodipine", None),
        ("rivaroxaban", "terbinafine", None),
    ],
)
def test_pairs_that_labels_forbid_or_warn_of_are_told(first, second, severity):
    alerts = check_orders(WELL, [Order(first), Order(second)])
    found = [a.severity for a in alerts if a.kind == "interaction"]
    assert min(found, key=["block", "warn", "note"].index, default=None) == severity


def test_an_opioid_with_a_benzodiazepine_carries_the_boxed_warning():
    assert rules_of(WELL, "oxycodone 5 mg tablet", "Xanax")["ix-16"] == "warn"


@pytest.mark.parametrize(
    ("allergy", "drug", "severity"),
    [
        ("Penicillin", "Augmentin", "block"),
        ("amoxicillin", "cephalexin", "block"),
        ("penicillin", "cephalexin", "warn"),
        ("amoxicillin", "cefazolin", "note"),
        ("cephalexin", "amoxicillin", "block"),
        ("ceftazidime", "aztreonam", "block"),
        ("penicillin", "aztreonam", None),
        ("penicillin", "meropenem", "note"),
        ("ceftriaxone", "cefepime", "block"),
        ("Bactrim", "sulfamethoxazole", "block"),
        ("sulfa drugs", "furosemide", "note"),
        ("aspirin", "ibuprofen", "block"),
        ("carbamazepine", "phenytoin", "block"),
        ("lisinopril", "Entresto", "block"),
        ("codeine", "fentanyl", None),
        ("codeine", "morphine", "warn"),
        ("penicillin", "azithromycin", None),
        ("codeine, NSAIDs", "ibuprofen", "block"),
        ("NSAIDs, codeine", "ibuprofen", "block"),
        ("aspirin, ACE inhibitors", "lisinopril", "block"),
        ("amoxicillin, cephalosporins", "ceftriaxone", "warn"),
        ("beta-lactams", "amoxicillin", "block"),
        ("beta-lactam", "amoxicillin", "block"),
        ("Sulphonamides", "Bactrim", "block"),
        ("opiate", "morphine", "warn"),
        ("opioid", "fentanyl", "block"),
        ("statin", "Zocor", "warn"),
        ("quinolone", "Cipro", "warn"),
        ("macrolide antibiotics", "azithromycin", "warn"),
        ("ACE-inhibitor", "lisinopril", "block"),
        ("penicillin-class antibiotics", "ampicillin", "block"),
        ("PCNs", "amoxicillin", "block"),
        ("barbiturates", "phenobarbital", "block"),
        ("amoxycillin", "amoxicillin", "block"),
        ("antihistamines", "diphenhydramine", "block"),
        ("insulin glargine", "insulin lispro", None),
    ],
)
def test_allergies_cross_by_class_and_side_chain(allergy: str, drug: str, severity: str | None):
    alerts = check_orders(replace(WELL, allergies=[allergy]), [Order(drug)])
    found = [a.severity for a in alerts if a.kind == "allergy"]
    assert min(found, key=["block", "warn", "note"].index, default=None) == severity


def test_the_same_drug_blocks_by_whatever_name():
    assert "same-1" in rules_of(replace(WELL, allergies=["Tylenol - hives"]), "Percocet")


def test_paracetamol_adds_up_over_all_orders():
    vicodin = Order("Vicodin", {"hydrocodone": 5, "acetaminophen": 325}, per_day=6)
    plain = Order("Tylenol", {"acetaminophen": 500}, per_day=4)
    assert "do-01" not in rules_of(WELL, vicodin)
    assert "do-01" not in rules_of(WELL, replace(vicodin, per_day=6), plain)
    more = rules_of(WELL, replace(vicodin, per_day=7), plain)
    assert more["do-01"] == "block"
    assert more["same-ingredient"] == "warn"


def test_a_single_dose_above_the_limit_blocks_whatever_the_day():
    assert rules_of(WELL, Order("zolpidem", {"zolpidem": 15}, per_day=1))["do-24"] == "block"


@pytest.mark.parametrize(
    ("egfr", "rule"), [(29.9, "ki-01"), (30, "ki-02"), (44.9, "ki-02"), (45, None)]
)
def test_metformin_follows_the_fda_limits(egfr: float, rule: str | None):
    found = rules_of(replace(WELL, egfr_ml_min_1_73m2=egfr), "metformin")
    assert {one for one in found if one.startswith("ki-")} == ({rule} if rule else set())


def test_a_reduced_dose_within_the_renal_limit_is_silent():
    weak = replace(WELL, crcl_ml_min=40)
    assert "ki-12" in rules_of(weak, Order("gabapentin", {"gabapentin": 600}, 3))
    assert "ki-12" not in rules_of(weak, Order("gabapentin", {"gabapentin": 400}, 3))


def test_the_liver_counts_by_child_pugh():
    assert rules_of(replace(WELL, liver_disease=True, child_pugh="B"), "Zocor")["li-03"] == "block"
    assert "li-03" not in rules_of(replace(WELL, liver_disease=True, child_pugh="A"), "Zocor")


def test_pregnancy_and_age_count():
    pregnant = replace(WELL, pregnant=True, gestation_weeks=21)
    found = rules_of(pregnant, "lisinopril", "ibuprofen", "isotretinoin")
    assert (found["pr-01"], found["pr-05"], found["pr-20"]) == ("block", "block", "warn")
    assert rules_of(replace(WELL, age_years=11), "Tylenol #3")["ag-01"] == "block"
    assert "ag-01" not in rules_of(replace(WELL, age_years=12), "codeine")
    assert rules_of(replace(WELL, age_years=65), "diphenhydramine")["ag-10"] == "warn"


def test_a_man_is_not_asked_whether_he_is_pregnant():
    man = replace(WELL, female=False, pregnant=None)
    assert not {"pregnant", "gestation_weeks"} & set(rules_of(man, "lisinopril", "ibuprofen"))


@pytest.mark.parametrize(
    ("change", "drug", "measure"),
    [
        ({"egfr_ml_min_1_73m2": None}, "metformin", "egfr_ml_min_1_73m2"),
        ({"crcl_ml_min": None}, "enoxaparin", "crcl_ml_min"),
        ({"pregnant": None}, "warfarin", "pregnant"),
        ({"age_years": None}, "codeine", "age_years"),
        ({"liver_disease": None}, "statin? simvastatin", "child_pugh"),
        ({"breastfeeding": None}, "codeine", "breastfeeding"),
        ({"potassium_mmol_l": None}, "lisinopril", "potassium_mmol_l"),
        ({"allergies": None}, "amoxicillin", "allergies"),
        ({"allergies": ["peanuts"]}, "amoxicillin", "allergy-1"),
    ],
)
def test_what_is_not_known_is_said_and_never_taken_as_fine(change, drug: str, measure: str):
    found = check_orders(replace(WELL, **change), [Order(drug)])
    assert measure in {a.rule for a in found if a.kind == "not_judged"}


@pytest.mark.parametrize(
    ("drug", "is_told"),
    [
        ("butalbital / acetaminophen / caffeine", True),
        ("metformin / vildagliptin", True),
        ("aspirin 81 mg + Blorbinol", True),
        ("Benadryl D", True),
        ("losartan HCT", True),
        ("Mucinex Fast-Max Cold", True),
        ("Augmentin 875/125", False),
        ("Claritin D", False),
        ("Toprol XL 50 mg", False),
        ("amoxicillin 250 mg/5 mL", False),
        ("hydrocodone/APAP 5/325 tablet", False),
        ("Acetaminophen 325 MG / Hydrocodone Bitartrate 7.5 MG Oral Tablet", False),
        ("Fluticasone propionate 0.044 MG/ACTUAT Metered Dose Inhaler", False),
    ],
)
def test_a_part_of_a_combination_that_is_not_known_is_told(drug: str, is_told: bool):
    assert (rules_of(WELL, drug).get("part-1") == "warn") is is_told


@pytest.mark.parametrize(
    ("brand", "ingredients"),
    [
        ("Claritin D", ("loratadine", "pseudoephedrine")),
        ("Claritin-D 12 Hour", ("loratadine", "pseudoephedrine")),
        ("Robitussin DM", ("guaifenesin", "dextromethorphan")),
        ("Diovan HCT 160/12.5 mg", ("valsartan", "hydrochlorothiazide")),
        ("Lopressor HCT", ("metoprolol", "hydrochlorothiazide")),
        ("Sudafed PE", ("phenylephrine",)),
        ("Sudafed", ("pseudoephedrine",)),
        ("Tylenol PM", ("acetaminophen", "diphenhydramine")),
        ("Advil Cold & Sinus", ("ibuprofen", "pseudoephedrine")),
    ],
)
def test_a_brand_with_a_suffix_is_another_product(brand: str, ingredients: tuple[str, ...]):
    assert drug_names().ingredients_of(brand) == ingredients


@pytest.mark.parametrize(
    ("allergy", "is_told"),
    [
        ("aspirin, peanuts", True),
        ("antidepressants", True),
        ("codeine, NSAIDs", False),
        ("penicillin and sulfa", False),
    ],
)
def test_a_part_of_an_allergy_that_is_no_drug_is_told(allergy: str, is_told: bool):
    found = check_orders(replace(WELL, allergies=[allergy]), [Order("metformin")])
    assert ({a.severity for a in found if a.rule == "allergy-1"} == {"warn"}) is is_told


def test_a_drug_without_a_dose_limit_is_told_and_weighs_more_in_a_child():
    assert rules_of(WELL, "furosemide")["no-limit"] == "note"
    assert rules_of(replace(WELL, age_years=17), "furosemide")["no-limit"] == "warn"
    assert rules_of(replace(WELL, age_years=None), "furosemide")["no-limit"] == "warn"
    assert "no-limit" not in rules_of(WELL, "amlodipine")


def test_a_child_never_gets_more_than_an_adult():
    child = replace(WELL, age_years=4)
    found = rules_of(child, Order("amlodipine", {"amlodipine": 20}, 1))
    assert (found["do-16"], found["no-limit"]) == ("block", "warn")
    assert "do-16" not in rules_of(child, Order("amlodipine", {"amlodipine": 5}, 1))


def test_an_unknown_drug_is_said_to_be_unknown_without_its_name():
    (alert,) = check_orders(WELL, [Order("Blorbinol 5 mg")])
    assert (alert.kind, alert.severity) == ("not_judged", "warn")
    assert "Blorbinol" not in repr(alert)


def test_a_dose_of_something_the_drug_does_not_hold_is_refused():
    with pytest.raises(DataError, match="does not hold"):
        check_orders(WELL, [Order("Tylenol", {"ibuprofen": 400}, 1)])


def test_every_rule_has_a_source_and_says_whether_it_was_checked():
    rules = drug_rules()
    assert len(rules) > 200
    for rule in rules:
        assert rule.source
        assert rule.checked == "no" or rule.checked.startswith("20")


def test_names_resolve_through_salts_strengths_brands_and_case():
    names = drug_names()
    assert names.ingredients_of("METOPROLOL SUCCINATE ER 50 mg") == ("metoprolol",)
    assert names.ingredients_of("Augmentin 875/125") == ("amoxicillin", "clavulanate")
    assert names.ingredients_of("warfarinoid") == ()
    assert [m.start for m in names.find("He takes Lasix and Coumadin.")] == [9, 19]


@settings(max_examples=25)
@given(st.sets(st.sampled_from(sorted(drug_names().ingredients)), min_size=1, max_size=5))
def test_the_order_of_the_orders_changes_nothing(drugs: set[str]):
    first = [Order(one) for one in sorted(drugs)]
    assert check_orders(WELL, first) == check_orders(WELL, first[::-1])


@settings(max_examples=25)
@given(
    st.lists(st.sampled_from(sorted(drug_names().ingredients)), min_size=1, max_size=4),
    st.sampled_from(sorted(drug_names().ingredients)),
)
def test_another_order_never_takes_an_alert_away(drugs: list[str], more: str):
    before = check_orders(WELL, [Order(one) for one in drugs])
    after = check_orders(WELL, [Order(one) for one in (*drugs, more)])
    grave = {(a.rule, a.drugs, a.severity) for a in before if a.kind != "duplicate"}
    assert grave <= {(a.rule, a.drugs, a.severity) for a in after}


def write(path: Path, row: str) -> Path:
    path.write_text(f"# source: ours\n# date: 2026-11-23\n{','.join(COLUMNS)}\n{row}\n")
    return path


def test_a_hospital_adds_rules_by_csv_or_yaml(tmp_path: Path):
    row = (
        "our-1,dose,ibuprofen,,age_years,18,,,1200,block,house limit,use less,our formulary,"
        "2026-11-23"
    )
    csv_file = write(tmp_path / "ours.csv", row)
    more = drug_rules((csv_file,))
    order = Order("ibuprofen", {"ibuprofen": 400}, 4)
    assert "our-1" in {a.rule for a in check_orders(WELL, [order], rules=more)}
    yaml_file = tmp_path / "ours.yaml"
    yaml_file.write_text(
        "- {id: our-2, kind: interaction, subject: apixaban, with: naproxen, severity: block, "
        "what: bleeding, remedy: stop, source: our formulary}\n"
    )
    pair = [Order("Eliquis"), Order("Aleve")]
    found = check_orders(WELL, pair, rules=drug_rules((yaml_file,)))
    assert found[0].rule == "our-2"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("ix-01,interaction,a,b,,,,,,block,x,y,z,no", "neither an ingredient"),
        ("our,dose,ibuprofin,,age_years,1,,,5,block,x,y,z,no", "did you mean 'ibuprofen'"),
        ("our,dose,ibuprofen,,age_years,1,,,,block,x,y,z,no", "needs max_single_mg"),
        ("our,kidney,ibuprofen,,,,,,,block,x,y,z,no", "needs a measure"),
        ("our,interaction,ibuprofen,,,,,,,block,x,y,z,no", "needs `with`"),
        ("our,dose,ibuprofen,,age_years,1,,,5,mild,x,y,z,no", "severity"),
        ("ix-01,interaction,warfarin,aspirin,,,,,,block,x,y,z,no", "is taken"),
    ],
)
def test_a_wrong_rule_is_refused_with_its_row(tmp_path: Path, row: str, message: str):
    with pytest.raises(DataError, match=message):
        drug_rules((write(tmp_path / "ours.csv", row),))
