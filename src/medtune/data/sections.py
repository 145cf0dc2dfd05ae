"""The sections of a clinical note, by the headers that begin them.

Table of 2026-11-23. Headers are those of Apache cTAKES' default sections (DefaultSectionRegex.bsv,
Apache-2.0) and the section titles of HL7 C-CDA R2.1 (2015), in English, with the abbreviations of
the MTS-Dialog headers (Ben Abacha et al. 2023). `benchmarks/sections.py` measures them.

A header stands at the start of a line: alone, or before a colon. Capitals, `#`, `*`, `_` and
numbering around it do not count; an entry of a list is none. A line of capitals that ends in a
colon begins a section, too, of a name that is not in the table: `other`.
"""

import re
from collections.abc import Mapping

SECTIONS: Mapping[str, tuple[str, ...]] = {
    "chief_complaint": (
        "chief complaint",
        "chief complaints",
        "primary complaint",
        "presenting complaint",
        "reason for visit",
        "reason for consultation",
        "reason for consult",
        "reason for admission",
        "reason for referral",
        "cc",
    ),
    "hpi": (
        "history of present illness",
        "history of the present illness",
        "history of presenting illness",
        "history of present illness hpi",
        "present illness",
        "hpi",
        "interval history",
        "interim history",
        "genhx",
        "subjective",
    ),
    "past_history": (
        "past medical history",
        "past history",
        "medical history",
        "history of past illness",
        "past medical and surgical history",
        "past medical surgical history",
        "pmh",
        "pmhx",
        "pastmedicalhx",
        "problem list",
        "problems",
        "active problems",
    ),
    "surgical_history": (
        "past surgical history",
        "surgical history",
        "psh",
        "pshx",
        "pastsurgical",
        "past surgical",
    ),
    "family_history": (
        "family history",
        "family medical history",
        "family psychiatric history",
        "fh",
        "fhx",
        "fmh",
        "fam hx",
    ),
    "social_history": (
        "social history",
        "personal history",
        "psychosocial history",
        "personal and social history",
        "habits",
        "sh",
        "shx",
        "sochx",
    ),
    "allergies": (
        "allergies",
        "allergy",
        "drug allergies",
        "medication allergies",
        "allergies and intolerances",
        "allergies and adverse reactions",
    ),
    "medications": (
        "medications",
        "medication",
        "meds",
        "current medications",
        "current meds",
        "home medications",
        "outpatient medications",
        "medications on admission",
        "admission medications",
        "discharge medications",
        "medications on discharge",
        "medication list",
    ),
    "immunizations": ("immunizations", "immunization history", "vaccinations"),
    "review_of_systems": (
        "review of systems",
        "review of system",
        "review of symptoms",
        "systems review",
        "ros",
    ),
    "vitals": ("vital signs", "vitals", "vital signs reviewed", "vitals reviewed"),
    "exam": (
        "physical exam",
        "physical examination",
        "exam",
        "examination",
        "general exam",
        "objective",
        "mental status exam",
        "mental status examination",
        "pe",
    ),
    "results": (
        "results",
        "labs",
        "lab results",
        "laboratory",
        "laboratory data",
        "laboratory results",
        "laboratory studies",
        "diagnostic studies",
        "diagnostic data",
        "pertinent results",
        "data",
    ),
    "imaging": ("imaging", "imaging studies", "radiology", "radiographs", "x ray", "findings"),
    "procedures": (
        "procedures",
        "procedure",
        "operations",
        "operation performed",
        "procedures performed",
        "procedure performed",
    ),
    "hospital_course": (
        "hospital course",
        "brief hospital course",
        "course",
        "edcourse",
        "ed course",
        "emergency department course",
    ),
    "assessment": (
        "assessment",
        "impression",
        "diagnosis",
        "diagnoses",
        "admission diagnosis",
        "discharge diagnosis",
        "final diagnosis",
        "principal diagnosis",
        "clinical impression",
        "impressions",
    ),
    "plan": (
        "plan",
        "plan of care",
        "treatment plan",
        "plan of treatment",
        "recommendations",
        "recommendation",
        "disposition",
        "follow up",
        "followup",
    ),
    "assessment_and_plan": (
        "assessment and plan",
        "assessment plan",
        "impression and plan",
        "impression plan",
        "a p",
        "ap",
    ),
    "instructions": (
        "instructions",
        "patient instructions",
        "discharge instructions",
        "education",
    ),
}
"""Names of the sections with the headers that begin them, in lower case, marks as spaces."""

PREAMBLE, OTHER = "preamble", "other"
COLUMNS = (PREAMBLE, *SECTIONS, OTHER)
BY_HEADER = {header: name for name, headers in SECTIONS.items() for header in headers}
LONGEST = 60
"""Characters of a header, at the most."""
NUMBERING = re.compile(r"^(?:\d{1,2}|[ivx]{1,4})[.)] +", re.IGNORECASE)
CAPITALS = re.compile(r"[A-Z][A-Z0-9 /&,()'-]{2,}:?")


def split_sections(note: str) -> dict[str, str]:
    """The text under each section, by its name; a section that comes twice is joined.

    What stands before the first header is the `preamble`. Every line is in one section.
    """
    parts: dict[str, list[str]] = {}
    name = PREAMBLE
    for line in note.splitlines():
        begins, rest = header(line)
        name = begins or name
        if not begins or rest:
            parts.setdefault(name, []).append(rest if begins else line)
    return {name: "\n".join(lines).strip() for name, lines in parts.items() if any(lines)}


def header(line: str) -> tuple[str, str]:
    """The section that a line begins, or "", and what follows the header on the line."""
    bare = NUMBERING.sub("", line.strip().lstrip("#*_= "))
    title, colon, rest = bare.partition(":")
    possible = len(title) <= LONGEST and title[:1].isalnum()
    known = BY_HEADER.get(_words(title)) if possible else None
    if known and (colon or not rest):
        return known, rest.lstrip("*_ ").rstrip()
    if colon and not rest.strip("*_ ") and possible and CAPITALS.fullmatch(title):
        return OTHER, ""
    return "", ""


def _words(title: str) -> str:
    """Lower case, with marks as spaces."""
    return " ".join(re.sub(r"[^a-z0-9]+", " ", title.lower()).split())
