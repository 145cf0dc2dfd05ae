"""Units, laboratory values and the tables that they come from."""

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtune.clinical.labs import (
    ANALYTES,
    TABLES,
    convert_lab,
    find_range,
    flag,
    hba1c_mmol_mol,
    molar_mass,
    reference_ranges,
    substances,
)
from medtune.clinical.table import read_table
from medtune.clinical.units import PLAIN, convert, convert_exact, parse_unit, ucum
from medtune.errors import DataError

MASS = ("g", "mg", "ug", "kg", "[lb_av]", "[oz_av]")
CONCENTRATION = ("mg/dL", "g/L", "ug/mL", "mmol/L", "umol/L")
ADULT = {"age_years": 40, "sex": "female", "pregnant": False}


@pytest.mark.parametrize(
    ("value", "unit", "to", "expected"),
    [
        (98.6, "[degF]", "Cel", 37.0),
        (760, "mm[Hg]", "kPa", 101.32472),
        (1, "10*3/uL", "10*9/L", 1.0),
        (60, "U/L", "ukat/L", 1.0),
        (1, "[lb_av]", "g", 453.59237),
        (2, "wk", "d", 14),
        (1, "mL/min", "L/h", 0.06),
    ],
)
def test_a_unit_is_converted_by_its_exact_factor(value, unit, to, expected):
    assert convert(value, unit, to) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("analyte", "value", "unit", "to", "expected", "places"),
    [  # factors of the AMA Manual of Style, 11th ed., conversion table; to the places given there
        ("glucose", 1, "mg/dL", "mmol/L", 0.0555, 4),
        ("cholesterol", 1, "mg/dL", "mmol/L", 0.0259, 4),
        ("triglyceride", 1, "mg/dL", "mmol/L", 0.0113, 4),
        ("creatinine", 1, "mg/dL", "umol/L", 88.4, 1),
        ("bilirubin", 1, "mg/dL", "umol/L", 17.104, 3),
        ("calcium", 1, "mg/dL", "mmol/L", 0.25, 2),
        ("urea nitrogen", 1, "mg/dL", "mmol/L", 0.357, 3),
        ("uric acid", 1, "mg/dL", "umol/L", 59.48, 2),
        ("calcium", 2, "meq/L", "mmol/L", 1.0, 6),
        ("sodium", 140, "meq/L", "mmol/L", 140.0, 6),
    ],
)
def test_mass_becomes_amount_by_the_molar_mass(analyte, value, unit, to, expected, places):
    assert convert_lab(analyte, value, unit, to) == pytest.approx(expected, abs=0.6 * 10**-places)


def test_the_molar_masses_follow_from_the_formulas():
    for row in read_table(TABLES / "analytes.csv", ANALYTES).rows:
        if row["formula"]:
            assert float(molar_mass(row["formula"])) == pytest.approx(
                float(row["molar_mass_g_mol"]), abs=0.0006
            ), row["name"]


@given(
    st.fractions(min_value=-(10**6), max_value=10**6),
    st.sampled_from(MASS),
    st.sampled_from(MASS),
)
def test_there_and_back_is_exact(value: Fraction, unit: str, to: str):
    assert convert_exact(convert_exact(value, unit, to), to, unit) == value


@given(
    st.fractions(min_value=0, max_value=10**6),
    st.sampled_from(CONCENTRATION),
    st.sampled_from(CONCENTRATION),
)
def test_there_and_back_is_exact_through_the_molar_mass(value: Fraction, unit: str, to: str):
    glucose = substances()["glucose"]
    there = convert_exact(value, unit, to, glucose)
    assert convert_exact(there, to, unit, glucose) == value


@pytest.mark.parametrize(
    ("unit", "to"), [("mg/dL", "mmol/L"), ("meq/L", "mmol/L"), ("[IU]/L", "mg/L"), ("mg", "mL")]
)
def test_what_measures_different_things_is_refused(unit: str, to: str):
    with pytest.raises(DataError, match="cannot be turned into"):
        convert(1, unit, to)


@pytest.mark.parametrize("code", ["", "mg//", "furlong", "mg/dQ", "mgdL"])
def test_an_unknown_unit_is_refused(code: str):
    with pytest.raises(DataError):
        parse_unit(code)


@pytest.mark.parametrize(
    ("written", "code"),
    [("mcg", "ug"), ("mmHg", "mm[Hg]"), ("K/uL", "10*3/uL"), ("°F", "[degF]"), ("lbs", "[lb_av]")],
)
def test_a_clinical_spelling_has_its_code(written: str, code: str):
    assert ucum(written) == code


def test_no_plain_atom_can_be_read_as_a_prefixed_one():
    """ "min" must never be milli-inches: every atom reads as itself."""
    for atom, (factor, _) in PLAIN.items():
        assert parse_unit(atom).factor == factor


def test_hba1c_follows_the_master_equation():
    # ngsp.org/ifccngsp.asp: 7 % is 53 mmol/mol, 6.5 % is 48
    assert round(hba1c_mmol_mol(7.0)) == 53
    assert round(hba1c_mmol_mol(6.5)) == 48
    with pytest.raises(DataError, match="outside"):
        hba1c_mmol_mol(53)


def test_a_value_is_flagged_in_any_unit():
    potassium = find_range("potassium", **ADULT)
    assert [flag(v, "meq/L", potassium) for v in (3.4, 4.0, 5.1)] == ["low", "normal", "high"]
    creatinine = find_range("2160-0", **ADULT)
    assert flag(1.0, "mg/dL", creatinine) == "normal"
    assert flag(1.0, "mmol/L", creatinine) == "high"


@pytest.mark.parametrize(
    "change", [{"age_years": 9}, {"age_years": None}, {"pregnant": True}, {"pregnant": None}]
)
def test_without_a_range_that_applies_nothing_is_called_normal(change):
    assert flag(14, "g/dL", find_range("hemoglobin", **(ADULT | change))) == "not known"


def test_a_range_by_sex_needs_the_sex():
    assert find_range("hemoglobin", **(ADULT | {"sex": None})) is None
    assert find_range("hemoglobin", **ADULT) != find_range(
        "hemoglobin", **(ADULT | {"sex": "male"})
    )


def test_every_range_has_a_unit_that_its_analyte_can_be_turned_into():
    for one in reference_ranges():
        assert parse_unit(one.unit)
        assert one.loinc.count("-") == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("analyte,loinc\n", "does not name its source"),
        ("# source: x\n# date: soon\na\n", "not a day in ISO 8601"),
        ("# source: x\n# date: 2026-01-01\na,b\n1,2\n", "its columns must be"),
    ],
)
def test_a_table_without_provenance_is_refused(tmp_path: Path, text: str, message: str):
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_table(path, ("analyte", "loinc"))


def test_a_laboratory_brings_its_own_ranges(tmp_path: Path):
    path = tmp_path / "ours.csv"
    head = "# source: our laboratory\n# date: 2026-11-23\n"
    columns = "analyte,loinc,sex,low,high,unit,row_source\n"
    path.write_text(f"{head}{columns}potassium,2823-3,any,3.6,4.8,mmol/L,ours\n")
    ours = find_range("potassium", **ADULT, ranges=reference_ranges(path))
    assert flag(4.9, "mmol/L", ours) == "high"
    path.write_text(f"{head}{columns}potassium,2823-3,any,5,4,mmol/L,ours\n")
    with pytest.raises(DataError, match="cross"):
        reference_ranges.__wrapped__(path)
