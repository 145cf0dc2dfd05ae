"""What can identify a person, by kind, and which kinds Safe Harbor wants removed.

Source: 45 CFR 164.514(b)(2)(i), letters (A) to (R), as of 2013; the letter stands beside each kind.
A kind without a letter is no identifier of that list: it is found because other rules (the
guidelines of MEDDOCAN, a study's own) want it, and is replaced only under the policy `all`.
"""

from typing import Literal, NamedTuple, get_args

Kind = Literal[
    "patient",
    "clinician",
    "person",
    "organization",
    "street",
    "city",
    "zip",
    "hospital",
    "date",
    "age",
    "phone",
    "fax",
    "email",
    "ssn",
    "mrn",
    "insurance",
    "account",
    "licence",
    "vehicle",
    "device",
    "url",
    "ip",
    "biometric",
    "photo",
    "id",
    "year",
    "state",
    "country",
    "sex",
    "kinship",
    "profession",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
Policy = Literal["safe_harbor", "all"]
"""`safe_harbor` replaces what 164.514(b)(2) lists; `all` replaces everything that is found."""
Language = Literal["en", "es"]

NAMES: frozenset[Kind] = frozenset({"patient", "clinician", "person"})
OLDEST_KEPT = 89
"""Ages above are to be written as one category, 90 or older: 164.514(b)(2)(i)(C)."""


class Rule(NamedTuple):
    """One kind's place in Safe Harbor."""

    letter: str
    """Letter of 164.514(b)(2)(i), or an empty string."""
    what: str


SAFE_HARBOR: dict[Kind, Rule] = {
    "patient": Rule("A", "name of the patient"),
    "clinician": Rule("A", "name of a doctor, nurse or other staff"),
    "person": Rule("A", "name of a relative or of somebody else"),
    "organization": Rule("A", "employer or other organization"),
    "street": Rule("B", "street address"),
    "city": Rule("B", "city, county or other place smaller than a state"),
    "zip": Rule("B", "postal code; three digits stay where 20,000 people share them"),
    "hospital": Rule("B", "hospital, clinic or practice"),
    "date": Rule("C", "date, all but the year"),
    "age": Rule("C", "age, where it is over 89"),
    "phone": Rule("D", "telephone number"),
    "fax": Rule("E", "fax number"),
    "email": Rule("F", "e-mail address"),
    "ssn": Rule("G", "social security number, national identity number"),
    "mrn": Rule("H", "medical record number"),
    "insurance": Rule("I", "health plan beneficiary number"),
    "account": Rule("J", "account number, bank card"),
    "licence": Rule("K", "certificate or licence number"),
    "vehicle": Rule("L", "vehicle identifier, licence plate"),
    "device": Rule("M", "device identifier, serial number"),
    "url": Rule("N", "web address"),
    "ip": Rule("O", "IP or network address"),
    "biometric": Rule("P", "biometric identifier"),
    "photo": Rule("Q", "full-face photograph or the like"),
    "id": Rule("R", "any other identifying number or code"),
    "year": Rule("", "year without day or month"),
    "state": Rule("", "state of the United States"),
    "country": Rule("", "country"),
    "sex": Rule("", "sex or gender"),
    "kinship": Rule("", "relative, not named"),
    "profession": Rule("", "profession"),
}


def is_removed(kind: Kind, policy: Policy) -> bool:
    """Whether a policy replaces a kind; ages and postal codes have rules of their own besides."""
    return policy == "all" or bool(SAFE_HARBOR[kind].letter)
