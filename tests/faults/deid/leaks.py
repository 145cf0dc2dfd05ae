"""An identifier in a clean note: the finder must see it, and must not accuse the clean note."""

from functools import partial
from pathlib import Path

from faults import Fault
from medtune.deid import Language, find, is_removed

CLEAN: dict[Language, str] = {
    "en": "Known Parkinson's disease. Takes Norvasc 5 mg and metformin 500 mg. Foley catheter in "
    "place. Murphy's sign negative. Hgb 12.3, BP 120/80, strength 5/5. May improve with rest.",
    "es": "Enfermedad de Parkinson conocida. Toma enalapril 20 mg. Sonda de Foley. Signo de Murphy "
    "negativo. Hemoglobina 12,3 g/dl, TA 120/80. La exploración por vía oral fue normal.",
}
PLANTED: tuple[tuple[str, Language, str], ...] = (
    ("a patient's name in a note", "en", "Seen with Harriet Oakenfold today."),
    ("a doctor's name in a note", "en", "Discussed with Dr. Vandersloot."),
    ("a street address in a note", "en", "Lives at 48 Juniper Street, Worcester, MA 01608."),
    ("a date in a note", "en", "Admitted on 03/02/2023."),
    ("an age over 89 in a note", "en", "A 93-year-old woman."),
    ("a telephone number in a note", "en", "Call 617-555-0142."),
    ("a fax number in a note", "en", "Fax: 617 555 0199."),
    ("an e-mail address in a note", "en", "Write to h.oakenfold@mailbox.org."),
    ("a social security number in a note", "en", "SSN 219-45-6789."),
    ("a record number in a note", "en", "MRN: 448-21-907."),
    ("an insurance number in a note", "en", "Member ID: XKJ883920."),
    ("an account number in a note", "en", "Card 4111 1111 1111 1111."),
    ("a licence number in a note", "en", "DEA number: AB1234563."),
    ("a vehicle's number in a note", "en", "VIN 1M8GDM9AXKP042788."),
    ("a device's serial number in a note", "en", "Serial number: SN-4471829."),
    ("a web address in a note", "en", "See https://portal.elmwood.org/u/9912."),
    ("an IP address in a note", "en", "From 10.44.3.12."),
    ("a biometric identifier in a note", "en", "Fingerprint ID: 77120-A."),
    ("a hospital's name in a note", "en", "Transferred to Elmwood General Hospital."),
    ("a name in a Spanish note", "es", "Nombre: Leocadia.\nApellidos: Barrientos Olmedilla."),
    ("a Spanish identity number in a note", "es", "DNI 12345678Z."),
    ("a Spanish record number in a note", "es", "NHC: 7719204."),
    ("a Spanish address in a note", "es", "Vive en la Calle de los Alfareros 37, 4º B."),
    ("a Spanish date in a note", "es", "Ingresó el 2 de marzo de 2023."),
)


def _found(work: tuple[Language, str]) -> str:
    """The kinds that the finder says must go, never their text."""
    language, text = work
    kinds = {
        span.kind
        for span in find(text, language)
        if is_removed(span.kind, "safe_harbor") and (span.kind != "age" or "93" in text)
    }
    return ", ".join(sorted(kinds))


def _clean(language: Language, _: Path) -> tuple[Language, str]:
    return language, CLEAN[language]


def _plant(identifier: str, work: tuple[Language, str]) -> tuple[Language, str]:
    language, text = work
    return language, f"{text}\n{identifier}\n"


FAULTS = tuple(
    Fault(name, partial(_plant, identifier), partial(_clean, language), _found)
    for name, language, identifier in PLANTED
)
