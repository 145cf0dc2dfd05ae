"""What identifies is found, in every form; what only looks like it is left alone."""

import time

import pytest
from deid_notes import (
    CLEAN_ENGLISH,
    CLEAN_SPANISH,
    ENGLISH,
    ENGLISH_SECRETS,
    SPANISH,
    SPANISH_SECRETS,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from medtune.deid import find
from medtune.deid.kinds import KINDS, SAFE_HARBOR, is_removed


def kinds(text: str, language: str = "en") -> dict[str, str]:
    """Text found, by what it is found as."""
    return {text[s.start : s.end]: s.kind for s in find(text, language)}


@pytest.mark.parametrize(
    ("text", "secrets", "language"),
    [(ENGLISH, ENGLISH_SECRETS, "en"), (SPANISH, SPANISH_SECRETS, "es")],
)
def test_every_planted_identifier_is_covered(text, secrets, language):
    seen = bytearray(len(text))
    for span in find(text, language):
        if is_removed(span.kind, "safe_harbor"):
            seen[span.start : span.end] = b"\x01" * (span.end - span.start)
    for secret in secrets:
        start = text.find(secret)
        while start >= 0:
            left = [
                i for i in range(start, start + len(secret)) if text[i].isalnum() and not seen[i]
            ]
            assert not left, secret
            start = text.find(secret, start + 1)


@pytest.mark.parametrize(
    ("text", "found", "kind"),
    [
        ("MRN: 1234567", "1234567", "mrn"),
        ("medical record number is 88-12-901", "88-12-901", "mrn"),
        ("SSN 219-45-6789", "219-45-6789", "ssn"),
        ("call me at 617-555-0142 x12", "617-555-0142 x12", "phone"),
        ("Fax: 617-555-0142", "617-555-0142", "fax"),
        ("ring 02.99.00.12.34", "02.99.00.12.34", "phone"),
        ("the office is 0431 55 51 23", "0431 55 51 23", "phone"),
        ("she moved to the Netherlands", "Netherlands", "country"),
        ("write to a.b@clinic.org.", "a.b@clinic.org", "email"),
        ("from 192.168.12.77 today", "192.168.12.77", "ip"),
        ("see www.clinic.org/x", "www.clinic.org/x", "url"),
        ("Policy number: AX-99201", "AX-99201", "insurance"),
        ("card 4111 1111 1111 1111", "4111 1111 1111 1111", "account"),
        ("IBAN GB82WEST12345698765432", "GB82WEST12345698765432", "account"),
        ("DEA: AB1234563", "AB1234563", "licence"),
        ("VIN 1M8GDM9AXKP042788", "1M8GDM9AXKP042788", "vehicle"),
        ("Serial number: K-44718", "K-44718", "device"),
        ("Fingerprint ID: 77120-A", "77120-A", "biometric"),
        ("Accession number: 23-004571", "23-004571", "id"),
        ("seen 2023-03-04T10:20:00Z", "2023-03-04T10:20:00Z", "date"),
        ("seen on March 4th, 2023", "March 4th, 2023", "date"),
        ("it was April seventh", "April seventh", "date"),
        ("lives at 48 Juniper Street", "48 Juniper Street", "street"),
        ("Worcester, MA 01608", "01608", "zip"),
        ("moved to Springfield, Ohio", "Springfield", "city"),
        ("at Elmwood General Hospital now", "Elmwood General Hospital", "hospital"),
        ("Mr. Vandersloot left", "Vandersloot", "person"),
        ("spoke with Harriet Oakenfold", "Harriet Oakenfold", "person"),
        ("Jane Doe, RN", "Jane Doe", "clinician"),
        ("Attending: Oakenfold, Milton J", "Oakenfold, Milton J", "clinician"),
    ],
)
def test_a_form_is_found_as_its_kind(text, found, kind):
    assert kinds(text).get(found) == kind


@pytest.mark.parametrize(
    ("text", "found", "kind"),
    [
        ("NHC: 368503.", "368503", "mrn"),
        ("NASS: 26 63514095.", "26 63514095", "insurance"),
        ("DNI 12345678Z", "12345678Z", "ssn"),
        ("NºCol: 28 28 70973.", "28 28 70973", "licence"),
        ("ingresó el 3 de marzo de 2012", "3 de marzo de 2012", "date"),
        ("varón de 57 años", "57 años", "age"),
        ("vive en la calle de los Alfareros, 3, 2º B", "calle de los Alfareros, 3, 2º B", "street"),
        ("28036 Madrid, España", "Madrid", "city"),
        ("Dra. Leocadia Olmedilla", "Leocadia Olmedilla", "clinician"),
        ("Tel.: 969 555 014", "969 555 014", "phone"),
        ("Apellidos: De la Encina Olmedilla", "De la Encina Olmedilla", "patient"),
        ("Fecha de nacimiento: 12/04 /2011", "12/04 /2011", "date"),
        ("recae en noviembre 06 y", "noviembre 06", "date"),
        ("vive en C. Alfareros nº 3", "C. Alfareros nº 3", "street"),
    ],
)
def test_a_spanish_form_is_found_as_its_kind(text, found, kind):
    assert kinds(text, "es").get(found) == kind


@pytest.mark.parametrize("text", CLEAN_ENGLISH)
def test_drugs_eponyms_and_values_are_not_accused(text):
    assert [s for s in find(text, "en") if is_removed(s.kind, "safe_harbor")] == []


@pytest.mark.parametrize("text", CLEAN_SPANISH)
def test_spanish_drugs_eponyms_and_values_are_not_accused(text):
    assert [s for s in find(text, "es") if is_removed(s.kind, "safe_harbor")] == []


def test_a_name_found_once_is_found_again_without_its_title():
    text = "Dr. Quellmalz came. Later Quellmalz left. QUELLMALZ signed."
    assert [text[s.start : s.end] for s in find(text, "en")] == [
        "Quellmalz",
        "Quellmalz",
        "QUELLMALZ",
    ]


def test_a_known_name_is_found_where_no_rule_would_see_it():
    text = "zzyrpk was given tea"
    assert find(text, "en") == []
    assert [text[s.start : s.end] for s in find(text, "en", known=["Zzyrpk Oldman"])] == ["zzyrpk"]


def test_text_without_capitals_and_in_capitals_alone_is_read_too():
    assert kinds("patient harriet oakenfold was seen, mrn 1234567")["harriet oakenfold"] == "person"
    assert "HARRIET OAKENFOLD" in kinds("NAME: HARRIET OAKENFOLD\nMRN: 1234567")


def test_every_letter_of_safe_harbor_has_a_kind():
    letters = {rule.letter for rule in SAFE_HARBOR.values()} - {""}
    assert letters == set("ABCDEFGHIJKLMNOPQR")
    assert set(SAFE_HARBOR) == set(KINDS)


@settings(max_examples=60)
@given(st.text(max_size=200), st.sampled_from(["en", "es"]))
def test_spans_are_in_order_and_never_overlap(text, language):
    end = 0
    for span in find(text, language):
        assert end <= span.start < span.end <= len(text)
        end = span.end


def test_no_text_makes_a_pattern_run_away():
    started = time.process_time()
    for text in ("a " * 4000, "A. " * 3000, "1 " * 4000, "calle " * 2000, "Hospital de la " * 800):
        for language in ("en", "es"):
            find(text, language)
    assert time.process_time() - started < 20
