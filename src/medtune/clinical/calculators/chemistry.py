"""Blood chemistry and the QT interval."""

import math

from medtune.clinical.calculators.form import (
    ALBUMIN,
    DIASTOLIC,
    GLUCOSE,
    SODIUM,
    SYSTOLIC,
    Band,
    Calculator,
    Inputs,
    Number,
)

CALCIUM = Number(2, 25, "mg/dL")
CHLORIDE = Number(50, 160, "mmol/L")
BICARBONATE = Number(1, 60, "mmol/L")
QT = {"qt_ms": Number(200, 800, "ms"), "heart_rate_min": Number(20, 250, "/min")}
ELECTROLYTES = {
    "sodium_mmol_l": SODIUM,
    "chloride_mmol_l": CHLORIDE,
    "bicarbonate_mmol_l": BICARBONATE,
}


def _gap(i: Inputs) -> float:
    return i["sodium_mmol_l"] - i["chloride_mmol_l"] - i["bicarbonate_mmol_l"]


def _rr_s(i: Inputs) -> float:
    return 60 / i["heart_rate_min"]


CALCULATORS = (
    Calculator(
        "anion_gap",
        ELECTROLYTES,
        _gap,
        "mmol/L",
        "Emmett and Narins 1977, Medicine 56:38; without potassium",
    ),
    Calculator(
        "anion_gap_albumin_corrected",
        {**ELECTROLYTES, "albumin_g_dl": ALBUMIN},
        lambda i: _gap(i) + 2.5 * (4 - i["albumin_g_dl"]),
        "mmol/L",
        "Figge 1998, Crit Care Med 26:1807, with 4.0 g/dL as the usual albumin",
    ),
    Calculator(
        "calcium_corrected",
        {"calcium_mg_dl": CALCIUM, "albumin_g_dl": ALBUMIN},
        lambda i: i["calcium_mg_dl"] + 0.8 * (4 - i["albumin_g_dl"]),
        "mg/dL",
        "Payne 1973, Br Med J 4:643, doi:10.1136/bmj.4.5893.643, in conventional units",
    ),
    Calculator(
        "sodium_corrected_katz",
        {"sodium_mmol_l": SODIUM, "glucose_mg_dl": GLUCOSE},
        lambda i: i["sodium_mmol_l"] + 1.6 * max(i["glucose_mg_dl"] - 100, 0) / 100,
        "mmol/L",
        "Katz 1973, N Engl J Med 289:843",
    ),
    Calculator(
        "sodium_corrected_hillier",
        {"sodium_mmol_l": SODIUM, "glucose_mg_dl": GLUCOSE},
        lambda i: i["sodium_mmol_l"] + 2.4 * max(i["glucose_mg_dl"] - 100, 0) / 100,
        "mmol/L",
        "Hillier 1999, Am J Med 106:399, doi:10.1016/S0002-9343(99)00055-8",
    ),
    Calculator(
        "osmolality",
        {
            "sodium_mmol_l": SODIUM,
            "glucose_mg_dl": GLUCOSE,
            "urea_nitrogen_mg_dl": Number(1, 300, "mg/dL"),
        },
        lambda i: 2 * i["sodium_mmol_l"] + i["glucose_mg_dl"] / 18 + i["urea_nitrogen_mg_dl"] / 2.8,
        "mosm/kg",
        "Dorwart and Chalmers 1975, Clin Chem 21:190, the short form",
    ),
    Calculator(
        "ldl_friedewald",
        {
            "cholesterol_mg_dl": Number(50, 1000, "mg/dL"),
            "hdl_mg_dl": Number(5, 200, "mg/dL"),
            "triglyceride_mg_dl": Number(10, 400, "mg/dL"),
        },
        lambda i: i["cholesterol_mg_dl"] - i["hdl_mg_dl"] - i["triglyceride_mg_dl"] / 5,
        "mg/dL",
        "Friedewald 1972, Clin Chem 18:499; not above 400 mg/dL of triglyceride",
    ),
    Calculator(
        "mean_arterial_pressure",
        {"systolic_mmhg": SYSTOLIC, "diastolic_mmhg": DIASTOLIC},
        lambda i: (i["systolic_mmhg"] + 2 * i["diastolic_mmhg"]) / 3,
        "mm[Hg]",
        "usual estimate, a third of the pulse pressure above diastolic",
    ),
    Calculator(
        "qtc_bazett",
        QT,
        lambda i: i["qt_ms"] / math.sqrt(_rr_s(i)),
        "ms",
        "Bazett 1920, Heart 7:353",
        (Band(500, ""), Band(math.inf, "500 ms or more")),
    ),
    Calculator(
        "qtc_fridericia",
        QT,
        lambda i: i["qt_ms"] / _rr_s(i) ** (1 / 3),
        "ms",
        "Fridericia 1920, Acta Med Scand 53:469",
        (Band(500, ""), Band(math.inf, "500 ms or more")),
    ),
    Calculator(
        "qtc_framingham",
        QT,
        lambda i: i["qt_ms"] + 154 * (1 - _rr_s(i)),
        "ms",
        "Sagie 1992, Am J Cardiol 70:797, doi:10.1016/0002-9149(92)90562-D",
        (Band(500, ""), Band(math.inf, "500 ms or more")),
    ),
    Calculator(
        "qtc_hodges",
        QT,
        lambda i: i["qt_ms"] + 1.75 * (i["heart_rate_min"] - 60),
        "ms",
        "Hodges 1983, J Am Coll Cardiol 1:694",
        (Band(500, ""), Band(math.inf, "500 ms or more")),
    ),
)
