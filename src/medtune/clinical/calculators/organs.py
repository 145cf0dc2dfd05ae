"""Kidney, liver and body size. Adults only, unless the limits say otherwise."""

import math

from medtune.clinical.calculators.form import (
    AGE,
    ALBUMIN,
    BILIRUBIN,
    CREATININE,
    HEIGHT,
    INR,
    SODIUM,
    WEIGHT,
    Band,
    Calculator,
    Inputs,
    Number,
    YesNo,
)

CM_PER_INCH = 2.54


def _ckd_epi_2021(i: Inputs) -> float:
    kappa, alpha, sex = (0.7, -0.241, 1.012) if i["female"] else (0.9, -0.302, 1.0)
    ratio = i["creatinine_mg_dl"] / kappa
    return 142 * min(ratio, 1) ** alpha * max(ratio, 1) ** -1.2 * 0.9938 ** i["age_years"] * sex


def _cockcroft_gault(i: Inputs) -> float:
    clearance = (140 - i["age_years"]) * i["weight_kg"] / (72 * i["creatinine_mg_dl"])
    return clearance * (0.85 if i["female"] else 1)


def _meld_na(i: Inputs) -> float:
    creatinine = 4.0 if i["dialysis_twice_in_week"] else min(max(i["creatinine_mg_dl"], 1), 4)
    basic = round(
        10
        * (
            0.957 * math.log(creatinine)
            + 0.378 * math.log(max(i["bilirubin_mg_dl"], 1))
            + 1.120 * math.log(max(i["inr"], 1))
            + 0.643
        ),
        1,
    )
    gap = 137 - min(max(i["sodium_mmol_l"], 125), 137)
    # The sodium term is for MELD(i) above 11 only (OPTN policy 9.1.D).
    score = basic + 1.32 * gap - 0.033 * basic * gap if basic > 11 else basic  # noqa: PLR2004
    return min(max(math.floor(score + 0.5), 6), 40)


def _meld_3(i: Inputs) -> float:
    creatinine = 3.0 if i["dialysis_twice_in_week"] else min(max(i["creatinine_mg_dl"], 1), 3)
    bilirubin, inr = math.log(max(i["bilirubin_mg_dl"], 1)), math.log(max(i["inr"], 1))
    gap = 137 - min(max(i["sodium_mmol_l"], 125), 137)
    albumin = 3.5 - min(max(i["albumin_g_dl"], 1.5), 3.5)
    score = (
        (1.33 if i["female"] else 0)
        + 4.56 * bilirubin
        + 0.82 * gap
        - 0.24 * gap * bilirubin
        + 9.09 * inr
        + 11.14 * math.log(creatinine)
        + 1.85 * albumin
        - 1.83 * albumin * math.log(creatinine)
        + 6
    )
    return min(max(math.floor(score + 0.5), 6), 40)


def _child_pugh(i: Inputs) -> float:
    bilirubin, albumin, inr = i["bilirubin_mg_dl"], i["albumin_g_dl"], i["inr"]
    return (
        (1 if bilirubin < 2 else 2 if bilirubin <= 3 else 3)  # noqa: PLR2004
        + (1 if albumin > 3.5 else 2 if albumin >= 2.8 else 3)  # noqa: PLR2004
        + (1 if inr < 1.7 else 2 if inr <= 2.3 else 3)  # noqa: PLR2004
        + (1 + i["ascites_grade"])
        + (1 + math.ceil(i["encephalopathy_grade"] / 2))
    )


MELD_INPUTS = {
    "creatinine_mg_dl": CREATININE,
    "bilirubin_mg_dl": BILIRUBIN,
    "inr": INR,
    "sodium_mmol_l": SODIUM,
    "dialysis_twice_in_week": YesNo(),
}

CALCULATORS = (
    Calculator(
        "egfr_ckd_epi_2021",
        {"age_years": AGE, "female": YesNo(), "creatinine_mg_dl": CREATININE},
        _ckd_epi_2021,
        "mL/min/{1.73_m2}",
        "Inker 2021, N Engl J Med 385:1737, doi:10.1056/NEJMoa2102953",
        (
            Band(15, "G5"),
            Band(30, "G4"),
            Band(45, "G3b"),
            Band(60, "G3a"),
            Band(90, "G2"),
            Band(math.inf, "G1"),
        ),
    ),
    Calculator(
        "creatinine_clearance",
        {
            "age_years": AGE,
            "female": YesNo(),
            "weight_kg": WEIGHT,
            "creatinine_mg_dl": CREATININE,
        },
        _cockcroft_gault,
        "mL/min",
        "Cockcroft and Gault 1976, Nephron 16:31, doi:10.1159/000180580",
    ),
    Calculator(
        "meld_na",
        MELD_INPUTS,
        _meld_na,
        "{score}",
        "OPTN policy 9.1.D, 2016; Kim 2008, N Engl J Med 359:1018, doi:10.1056/NEJMoa0801209",
    ),
    Calculator(
        "meld_3",
        {**MELD_INPUTS, "albumin_g_dl": ALBUMIN, "female": YesNo()},
        _meld_3,
        "{score}",
        "Kim 2021, Gastroenterology 161:1887, doi:10.1053/j.gastro.2021.08.050; OPTN policy 9, "
        "2023, whose cap of 40 is kept",
    ),
    Calculator(
        "child_pugh",
        {
            "bilirubin_mg_dl": BILIRUBIN,
            "albumin_g_dl": ALBUMIN,
            "inr": INR,
            "ascites_grade": Number(0, 2, "(0 none, 1 slight, 2 moderate or more)"),
            "encephalopathy_grade": Number(0, 4, "(West Haven)"),
        },
        _child_pugh,
        "{score}",
        "Pugh 1973, Br J Surg 60:646, doi:10.1002/bjs.1800600817; INR limits as in FDA 2003, "
        "Pharmacokinetics in patients with impaired hepatic function",
        (Band(7, "A"), Band(10, "B"), Band(math.inf, "C")),
    ),
    Calculator(
        "fib_4",
        {
            "age_years": AGE,
            "ast_u_l": Number(1, 20000, "U/L"),
            "alt_u_l": Number(1, 20000, "U/L"),
            "platelets_10_9_l": Number(1, 2000, "10*9/L"),
        },
        lambda i: i["age_years"] * i["ast_u_l"] / (i["platelets_10_9_l"] * math.sqrt(i["alt_u_l"])),
        "{ratio}",
        "Sterling 2006, Hepatology 43:1317, doi:10.1002/hep.21178",
        (
            Band(1.45, "advanced fibrosis unlikely"),
            Band(math.nextafter(3.25, 4), "not decided"),
            Band(math.inf, "advanced fibrosis likely"),
        ),
    ),
    Calculator(
        "bmi",
        {"weight_kg": WEIGHT, "height_cm": HEIGHT},
        lambda i: i["weight_kg"] / (i["height_cm"] / 100) ** 2,
        "kg/m2",
        "WHO 2000, Technical Report Series 894; adults",
        (
            Band(18.5, "underweight"),
            Band(25, "normal"),
            Band(30, "overweight"),
            Band(35, "obesity class I"),
            Band(40, "obesity class II"),
            Band(math.inf, "obesity class III"),
        ),
    ),
    Calculator(
        "bsa_mosteller",
        {"weight_kg": WEIGHT, "height_cm": HEIGHT},
        lambda i: math.sqrt(i["weight_kg"] * i["height_cm"] / 3600),
        "m2",
        "Mosteller 1987, N Engl J Med 317:1098, doi:10.1056/NEJM198710223171717",
    ),
    Calculator(
        "bsa_du_bois",
        {"weight_kg": WEIGHT, "height_cm": HEIGHT},
        lambda i: 0.007184 * i["weight_kg"] ** 0.425 * i["height_cm"] ** 0.725,
        "m2",
        "Du Bois and Du Bois 1916, Arch Intern Med 17:863",
    ),
    Calculator(
        "ideal_body_weight",
        {"female": YesNo(), "height_cm": Number(152.4, 250, "cm")},
        lambda i: (45.5 if i["female"] else 50) + 2.3 * (i["height_cm"] / CM_PER_INCH - 60),
        "kg",
        "Devine 1974, Drug Intell Clin Pharm 8:650; for heights of 60 inches and more",
    ),
)
