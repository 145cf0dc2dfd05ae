"""Clinical notes: sections, facts, provenance, FHIR Composition, codes, and the page to look at."""

from medtune.clinical.notes.bundle import facts_from_bundle
from medtune.clinical.notes.codes import CodeIndex, Suggestion, read_codes
from medtune.clinical.notes.composition import composition
from medtune.clinical.notes.discharge import discharge_summary, patient_letter
from medtune.clinical.notes.facts import Facts, sentences_of
from medtune.clinical.notes.note import Line, Note, Part, assemble
from medtune.clinical.notes.picture import picture
from medtune.clinical.notes.sections import DOCUMENTS, Section, sections, split_note

__all__ = [
    "DOCUMENTS",
    "CodeIndex",
    "Facts",
    "Line",
    "Note",
    "Part",
    "Section",
    "Suggestion",
    "assemble",
    "composition",
    "discharge_summary",
    "facts_from_bundle",
    "patient_letter",
    "picture",
    "read_codes",
    "sections",
    "sentences_of",
    "split_note",
]
