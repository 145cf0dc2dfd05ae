"""Risk scores that add points, and the pooled cohort equations."""

import math

from medtune.clinical.calculators.form import (
    AGE,
    DIASTOLIC,
    SYSTOLIC,
    Band,
    Calculator,
    Inputs,
    Number,
    YesNo,
    points,
)

RESPIRATORY_RATE = Number(2, 80, "/min")
WELLS_PE = {
    "signs_of_dvt": YesNo(3),
    "pe_most_likely": YesNo(3),
    "heart_rate_above_100": YesNo(1.5),
    "immobile_3_days_or_surgery_4_weeks": YesNo(1.5),
    "earlier_dvt_or_pe": YesNo(1.5),
    "hemoptysis": YesNo(1),
    "cancer_treated_6_months_or_palliative": YesNo(1),
}
WELLS_DVT = {
    "active_cancer": YesNo(1),
    "paralysis_or_recent_plaster": YesNo(1),
    "bedridden_3_days_or_surgery_12_weeks": YesNo(1),
    "tender_along_deep_veins": YesNo(1),
    "entire_leg_swollen": YesNo(1),
    "calf_swelling_over_3_cm": YesNo(1),
    "pitting_edema_on_symptomatic_leg": YesNo(1),
    "collateral_superficial_veins": YesNo(1),
    "earlier_dvt": YesNo(1),
    "other_diagnosis_at_least_as_likely": YesNo(-2),
}
CHA2DS2_VASC = {
    "heart_failure": YesNo(1),
    "hypertension": YesNo(1),
    "diabetes": YesNo(1),
    "stroke_tia_or_embolism": YesNo(2),
    "vascular_disease": YesNo(1),
    "female": YesNo(1),
}
HAS_BLED = {
    "systolic_above_160": YesNo(1),
    "abnormal_kidney_function": YesNo(1),
    "abnormal_liver_function": YesNo(1),
    "stroke": YesNo(1),
    "bleeding_history_or_tendency": YesNo(1),
    "labile_inr": YesNo(1),
    "antiplatelet_or_nsaid": YesNo(1),
    "alcohol_8_drinks_a_week": YesNo(1),
}
ASCVD_NEEDS = {
    "age_years": Number(40, 79, "years"),
    "female": YesNo(),
    "black": YesNo(),
    "cholesterol_mg_dl": Number(130, 320, "mg/dL"),
    "hdl_mg_dl": Number(20, 100, "mg/dL"),
    "systolic_mmhg": Number(90, 200, "mm[Hg]"),
    "treated_hypertension": YesNo(),
    "diabetes": YesNo(),
    "smoker": YesNo(),
}
TERMS: tuple[str, ...] = (
    "age", "age2", "tc", "age_tc", "hdl", "age_hdl", "treated", "age_treated", "untreated",
    "age_untreated", "smoker", "age_smoker", "diabetes", "mean", "survival",
)  # fmt: skip
ASCVD = {
    (True, False): (-29.799, 4.884, 13.540, -3.114, -13.578, 3.149, 2.019, 0, 1.957, 0, 7.574,
                    -1.665, 0.661, -29.18, 0.9665),
    (True, True): (17.114, 0, 0.940, 0, -18.920, 4.475, 29.291, -6.432, 27.820, -6.087, 0.691,
                   0, 0.874, 86.61, 0.9533),
    (False, False): (12.344, 0, 11.853, -2.664, -7.990, 1.769, 1.797, 0, 1.764, 0, 7.837,
                     -1.795, 0.658, 61.18, 0.9144),
    (False, True): (2.469, 0, 0.302, 0, -0.307, 0, 1.916, 0, 1.809, 0, 0.549, 0, 0.645, 19.54,
                    0.8954),
}  # fmt: skip
"""Coefficients by (female, black), in the order of TERMS; Goff 2014, appendix 7, table A."""


def _ascvd(i: Inputs) -> float:
    c = dict(zip(TERMS, ASCVD[bool(i["female"]), bool(i["black"])], strict=True))
    age, tc, hdl = (math.log(i[k]) for k in ("age_years", "cholesterol_mg_dl", "hdl_mg_dl"))
    pressure = "treated" if i["treated_hypertension"] else "untreated"
    total = (
        c["age"] * age
        + c["age2"] * age**2
        + (c["tc"] + c["age_tc"] * age) * tc
        + (c["hdl"] + c["age_hdl"] * age) * hdl
        + (c[pressure] + c[f"age_{pressure}"] * age) * math.log(i["systolic_mmhg"])
        + (c["smoker"] + c["age_smoker"] * age) * i["smoker"]
        + c["diabetes"] * i["diabetes"]
    )
    return 100 * (1 - c["survival"] ** math.exp(total - c["mean"]))


def _cha2ds2_vasc(i: Inputs) -> float:
    age = i["age_years"]
    return points(CHA2DS2_VASC)(i) + (2 if age >= 75 else 1 if age >= 65 else 0)  # noqa: PLR2004


def _curb_65(i: Inputs) -> float:
    return sum(
        (
            bool(i["confusion"]),
            i["urea_nitrogen_mg_dl"] > 19,  # noqa: PLR2004  7 mmol/L
            i["respiratory_rate_min"] >= 30,  # noqa: PLR2004
            i["systolic_mmhg"] < 90 or i["diastolic_mmhg"] <= 60,  # noqa: PLR2004
            i["age_years"] >= 65,  # noqa: PLR2004
        )
    )


def _qsofa(i: Inputs) -> float:
    return sum(
        (
            i["respiratory_rate_min"] >= 22,  # noqa: PLR2004
            i["systolic_mmhg"] <= 100,  # noqa: PLR2004
            i["glasgow_coma_scale"] < 15,  # noqa: PLR2004
        )
    )


CALCULATORS = (
    Calculator(
        "ascvd_10_year",
        ASCVD_NEEDS,
        _ascvd,
        "%",
        "Goff 2014, Circulation 129:S49, doi:10.1161/01.cir.0000437741.48606.98; 40 to 79 years, "
        "no earlier event; the equations for white people serve all who are not Black",
        (
            Band(5, "low"),
            Band(7.5, "borderline"),
            Band(20, "intermediate"),
            Band(math.inf, "high"),
        ),
    ),
    Calculator(
        "cha2ds2_vasc",
        {"age_years": AGE, **CHA2DS2_VASC},
        _cha2ds2_vasc,
        "{score}",
        "Lip 2010, Chest 137:263, doi:10.1378/chest.09-1584",
    ),
    Calculator(
        "has_bled",
        {"age_years": AGE, **HAS_BLED},
        lambda i: points(HAS_BLED)(i) + (i["age_years"] > 65),  # noqa: PLR2004
        "{score}",
        "Pisters 2010, Chest 138:1093, doi:10.1378/chest.10-0134",
        (Band(3, ""), Band(math.inf, "high risk")),
    ),
    Calculator(
        "wells_pe",
        WELLS_PE,
        points(WELLS_PE),
        "{score}",
        "Wells 2000, Thromb Haemost 83:416; two levels as in van Belle 2006, JAMA 295:172",
        (Band(4.25, "unlikely"), Band(math.inf, "likely")),
    ),
    Calculator(
        "wells_dvt",
        WELLS_DVT,
        points(WELLS_DVT),
        "{score}",
        "Wells 2003, N Engl J Med 349:1227, doi:10.1056/NEJMoa023153",
        (Band(2, "unlikely"), Band(math.inf, "likely")),
    ),
    Calculator(
        "curb_65",
        {
            "confusion": YesNo(),
            "urea_nitrogen_mg_dl": Number(1, 300, "mg/dL"),
            "respiratory_rate_min": RESPIRATORY_RATE,
            "systolic_mmhg": SYSTOLIC,
            "diastolic_mmhg": DIASTOLIC,
            "age_years": AGE,
        },
        _curb_65,
        "{score}",
        "Lim 2003, Thorax 58:377, doi:10.1136/thorax.58.5.377",
        (Band(2, "low"), Band(3, "intermediate"), Band(math.inf, "high")),
    ),
    Calculator(
        "qsofa",
        {
            "respiratory_rate_min": RESPIRATORY_RATE,
            "systolic_mmhg": SYSTOLIC,
            "glasgow_coma_scale": Number(3, 15, ""),
        },
        _qsofa,
        "{score}",
        "Singer 2016, JAMA 315:801, doi:10.1001/jama.2016.0287",
        (Band(2, "negative"), Band(math.inf, "positive")),
    ),
)
