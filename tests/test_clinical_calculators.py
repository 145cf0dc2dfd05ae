"""Medical calculators against published worked examples and published cut-offs."""

import math
from datetime import date

import pytest

from medtune.clinical.calculators import CALCULATORS, Number, YesNo, calculate
from medtune.clinical.calculators.pregnancy import best_due_date, due_date, gestational_age
from medtune.errors import DataError

MIDDLE_AGED = {
    "age_years": 55, "cholesterol_mg_dl": 213, "hdl_mg_dl": 50, "systolic_mmhg": 120,
    "treated_hypertension": False, "diabetes": False, "smoker": False,
}  # fmt: skip
LIVER = {
    "creatinine_mg_dl": 1.0, "bilirubin_mg_dl": 1.0, "inr": 1.0, "sodium_mmol_l": 140,
    "dialysis_twice_in_week": False,
}  # fmt: skip
GOLDEN = [
    # Goff 2014, appendix 7, table A: 10-year risk of the worked profile, by sex and race
    ("ascvd_10_year", MIDDLE_AGED | {"female": True, "black": False}, 2.1, 0.1),
    ("ascvd_10_year", MIDDLE_AGED | {"female": True, "black": True}, 3.0, 0.1),
    ("ascvd_10_year", MIDDLE_AGED | {"female": False, "black": False}, 5.3, 0.1),
    ("ascvd_10_year", MIDDLE_AGED | {"female": False, "black": True}, 6.1, 0.1),
    # house style guide, section 4.5: 87 years, 48 kg, 1.4 mg/dL
    ("creatinine_clearance",
     {"age_years": 87, "female": False, "weight_kg": 48, "creatinine_mg_dl": 1.4}, 25.238, 0.001),
    # the same for a woman: 0.85 times (Cockcroft and Gault 1976)
    ("creatinine_clearance",
     {"age_years": 87, "female": True, "weight_kg": 48, "creatinine_mg_dl": 1.4}, 21.452, 0.001),
    # creatinineclearancecalculator.net/equations/ckd-epi: a woman of 55 with 0.9 mg/dL, "about 76"
    ("egfr_ckd_epi_2021", {"age_years": 55, "female": True, "creatinine_mg_dl": 0.9}, 76, 1),
    # at creatinine = kappa the equation is 142 * 0.9938^age (* 1.012)
    ("egfr_ckd_epi_2021", {"age_years": 50, "female": False, "creatinine_mg_dl": 0.9},
     142 * 0.9938**50, 1e-9),
    # MedCalc-Bench 1.7.0, the worked examples in its calculators: QT 330 ms at 81 /min (RR 0.741 s)
    ("qtc_framingham", {"qt_ms": 330, "heart_rate_min": 81}, 369.886, 0.1),
    ("osmolality",
     {"sodium_mmol_l": 140, "glucose_mg_dl": 90, "urea_nitrogen_mg_dl": 14}, 290, 1e-9),
    ("anion_gap", {"sodium_mmol_l": 140, "chloride_mmol_l": 104, "bicarbonate_mmol_l": 24}, 12, 0),
    ("anion_gap_albumin_corrected",
     {"sodium_mmol_l": 140, "chloride_mmol_l": 104, "bicarbonate_mmol_l": 24, "albumin_g_dl": 2},
     17, 1e-9),
    ("calcium_corrected", {"calcium_mg_dl": 8.0, "albumin_g_dl": 2.0}, 9.6, 1e-9),
    # Katz 1973 and Hillier 1999: 1.6 and 2.4 mmol/L for each 100 mg/dL
    ("sodium_corrected_katz", {"sodium_mmol_l": 130, "glucose_mg_dl": 600}, 138, 1e-9),
    ("sodium_corrected_hillier", {"sodium_mmol_l": 130, "glucose_mg_dl": 600}, 142, 1e-9),
    ("qtc_bazett", {"qt_ms": 400, "heart_rate_min": 60}, 400, 1e-9),
    ("qtc_fridericia", {"qt_ms": 400, "heart_rate_min": 60}, 400, 1e-9),
    ("qtc_hodges", {"qt_ms": 400, "heart_rate_min": 80}, 435, 1e-9),
    ("bmi", {"weight_kg": 70, "height_cm": 175}, 22.857, 0.001),
    # Mosteller 1987: 60 kg and 160 cm give 1.63 m2 to two places
    ("bsa_mosteller", {"weight_kg": 60, "height_cm": 160}, 1.633, 0.001),
    ("bsa_du_bois", {"weight_kg": 70, "height_cm": 170}, 1.810, 0.002),
    ("ideal_body_weight", {"female": False, "height_cm": 177.8}, 73.0, 1e-9),
    ("mean_arterial_pressure", {"systolic_mmhg": 120, "diastolic_mmhg": 80}, 93.333, 0.001),
    ("ldl_friedewald",
     {"cholesterol_mg_dl": 200, "hdl_mg_dl": 50, "triglyceride_mg_dl": 150}, 120, 1e-9),
    ("fib_4",
     {"age_years": 60, "ast_u_l": 80, "alt_u_l": 64, "platelets_10_9_l": 150}, 4.0, 1e-9),
    ("meld_na", LIVER, 6, 0),
    ("meld_3", LIVER | {"albumin_g_dl": 3.5, "female": False}, 6, 0),
    ("meld_3", LIVER | {"albumin_g_dl": 3.5, "female": True}, 7, 0),
    # 10 * (0.957 ln 2.7 + 0.378 ln 1.5 + 1.120 ln 1.1 + 0.643) = 18.5, and 135 mmol/L of sodium
    ("meld_na", LIVER | {"creatinine_mg_dl": 2.7, "bilirubin_mg_dl": 1.5, "inr": 1.1,
                         "sodium_mmol_l": 135}, 20, 0),
]  # fmt: skip


@pytest.mark.parametrize(("name", "inputs", "expected", "slack"), GOLDEN)
def test_a_published_example_comes_out(name, inputs, expected, slack):
    assert calculate(name, inputs).value == pytest.approx(expected, abs=slack)


def egfr(creatinine_mg_dl: float, *, female: bool, age_years: float = 50) -> float:
    inputs = {"age_years": age_years, "female": female, "creatinine_mg_dl": creatinine_mg_dl}
    return calculate("egfr_ckd_epi_2021", inputs).value


def test_ckd_epi_has_the_published_slopes():
    # kidney.org, CKD-EPI creatinine equation (2021): exponents, age term and factor for women
    assert egfr(9.0, female=False) / egfr(0.9, female=False) == pytest.approx(10**-1.2)
    assert egfr(7.0, female=True) / egfr(0.7, female=True) == pytest.approx(10**-1.2)
    assert egfr(0.45, female=False) / egfr(0.9, female=False) == pytest.approx(0.5**-0.302)
    assert egfr(0.35, female=True) / egfr(0.7, female=True) == pytest.approx(0.5**-0.241)
    assert egfr(0.7, female=True) / egfr(0.9, female=False) == pytest.approx(1.012)
    assert egfr(0.9, female=False, age_years=60) / egfr(0.9, female=False) == pytest.approx(
        0.9938**10
    )


def test_meld_3_adds_every_published_term():
    # 4.56 ln 2.5 + 0.82 * 2 - 0.24 * 2 ln 2.5 + 9.09 ln 1.5 + 11.14 ln 1.2 + 1.85 * 0.5
    # - 1.83 * 0.5 ln 1.2 + 6 = 17.85; a sodium of 125 adds 0.82 * 10 - 0.24 * 10 ln 2.5 = 6.0
    middle = LIVER | {
        "bilirubin_mg_dl": 2.5, "inr": 1.5, "creatinine_mg_dl": 1.2, "sodium_mmol_l": 135,
        "albumin_g_dl": 3.0, "female": False,
    }  # fmt: skip
    assert calculate("meld_3", middle).value == 18
    assert calculate("meld_3", middle | {"sodium_mmol_l": 120}).value == 24
    assert calculate("meld_3", middle | {"albumin_g_dl": 1.0, "creatinine_mg_dl": 3.0}).value == 27
    assert calculate("meld_3", middle | {"inr": 20.0, "bilirubin_mg_dl": 60.0}).value == 40


def test_dialysis_sets_creatinine_to_its_cap():
    on = calculate("meld_na", LIVER | {"dialysis_twice_in_week": True}).value
    assert on == calculate("meld_na", LIVER | {"creatinine_mg_dl": 4.0}).value
    three = LIVER | {"albumin_g_dl": 3.0, "female": False}
    capped = calculate("meld_3", three | {"creatinine_mg_dl": 9.0}).value
    assert capped == calculate("meld_3", three | {"dialysis_twice_in_week": True}).value


CHILD = {
    "bilirubin_mg_dl": 1.9, "albumin_g_dl": 3.6, "inr": 1.6, "ascites_grade": 0,
    "encephalopathy_grade": 0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "points", "band"),
    [
        ({}, 5, "A"),
        ({"bilirubin_mg_dl": 2.0}, 6, "A"),
        ({"bilirubin_mg_dl": 3.1, "albumin_g_dl": 3.5}, 8, "B"),
        ({"inr": 2.4, "ascites_grade": 2, "encephalopathy_grade": 3}, 11, "C"),
        ({"encephalopathy_grade": 1}, 6, "A"),
        ({"albumin_g_dl": 2.7, "inr": 1.7, "encephalopathy_grade": 2}, 9, "B"),
    ],
)
def test_child_pugh_has_its_cut_offs(change, points, band):
    found = calculate("child_pugh", CHILD | change)
    assert (found.value, found.band) == (points, band)


def criteria(name: str, *true: str, **numbers: float) -> dict[str, float]:
    needs = CALCULATORS[name].needs
    flags = {key: key in true for key, need in needs.items() if isinstance(need, YesNo)}
    return flags | numbers


@pytest.mark.parametrize(
    ("age", "true", "points"),
    [(64, (), 0), (65, (), 1), (75, ("female",), 3), (80, ("stroke_tia_or_embolism", "female"), 5)],
)
def test_cha2ds2_vasc_adds_up(age, true, points):
    assert calculate("cha2ds2_vasc", criteria("cha2ds2_vasc", *true, age_years=age)).value == points


def test_the_most_of_each_score_is_the_published_one():
    most = {
        "cha2ds2_vasc": ({"age_years": 80}, 9),
        "has_bled": ({"age_years": 80}, 9),
        "wells_pe": ({}, 12.5),
    }
    for name, (numbers, points) in most.items():
        needs = CALCULATORS[name].needs
        flags = [key for key, need in needs.items() if isinstance(need, YesNo)]
        assert calculate(name, criteria(name, *flags, **numbers)).value == points


def test_wells_levels_begin_where_published():
    pe = criteria("wells_pe", "pe_most_likely", "hemoptysis")
    assert calculate("wells_pe", pe).band == "unlikely"  # 4.0
    assert calculate("wells_pe", pe | {"heart_rate_above_100": True}).band == "likely"
    dvt = criteria("wells_dvt", "active_cancer", "entire_leg_swollen", "earlier_dvt")
    assert calculate("wells_dvt", dvt).band == "likely"
    other = {"other_diagnosis_at_least_as_likely": True}
    assert calculate("wells_dvt", dvt | other).value == 1


def test_curb_65_and_qsofa_count_at_their_limits():
    curb = {
        "confusion": False, "urea_nitrogen_mg_dl": 19, "respiratory_rate_min": 29,
        "systolic_mmhg": 90, "diastolic_mmhg": 61, "age_years": 64,
    }  # fmt: skip
    assert calculate("curb_65", curb).value == 0
    worse = {"urea_nitrogen_mg_dl": 20, "respiratory_rate_min": 30, "diastolic_mmhg": 60}
    assert calculate("curb_65", curb | worse | {"age_years": 65}).value == 4
    qsofa = {"respiratory_rate_min": 21, "systolic_mmhg": 101, "glasgow_coma_scale": 15}
    assert calculate("qsofa", qsofa).band == "negative"
    assert calculate("qsofa", {**qsofa, "respiratory_rate_min": 22, "systolic_mmhg": 100}).band == (
        "positive"
    )


@pytest.mark.parametrize("name", CALCULATORS)
def test_every_input_is_refused_outside_its_limits_and_when_missing(name: str):
    calculator = CALCULATORS[name]
    inside = {
        key: (need.low + need.high) / 2 if isinstance(need, Number) else False
        for key, need in calculator.needs.items()
    }
    assert math.isfinite(calculate(name, inside).value)
    assert calculator.source
    for key, need in calculator.needs.items():
        missing = {other: value for other, value in inside.items() if other != key}
        with pytest.raises(DataError, match=f"{key} is missing"):
            calculate(name, missing)
        wrong = [need.low - 1, need.high + 1, math.nan] if isinstance(need, Number) else [1, 0.0]
        for value in wrong:
            with pytest.raises(DataError, match=key):
                calculate(name, inside | {key: value})


def test_a_misspelt_input_or_calculator_is_told_the_right_one():
    with pytest.raises(DataError, match="did you mean 'age_years'"):
        calculate("has_bled", {"age_year": 60})
    with pytest.raises(DataError, match="did you mean 'meld_na'"):
        calculate("meldna", {})


def test_pregnancy_is_dated_by_the_last_period_unless_ultrasound_differs_too_much():
    last = date(2024, 1, 1)
    due = due_date(last)
    assert due == date(2024, 10, 7)  # ACOG 700: 280 days on
    assert gestational_age(due, date(2024, 2, 26)) == (8, 0)
    scan = date(2024, 2, 26)  # at 8 weeks: re-dated by more than 5 days
    assert best_due_date(due, date(2024, 10, 12), scan) == due
    assert best_due_date(due, date(2024, 10, 13), scan) == date(2024, 10, 13)
    with pytest.raises(DataError, match="outside"):
        gestational_age(due, date(2023, 12, 31))
    with pytest.raises(DataError, match="date by ultrasound"):
        due_date(last, cycle_days=60)
