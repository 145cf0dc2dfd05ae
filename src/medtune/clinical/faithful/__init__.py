"""Faithfulness: what a text says, checked against the dialogue, document or facts behind it."""

from medtune.clinical.faithful.check import FAMILY_RULES, RULES, check, provenance
from medtune.clinical.faithful.kinds import RANK, TEXTS, Fault, Kind, as_finding
from medtune.clinical.faithful.omissions import critical, omissions
from medtune.clinical.faithful.source import Reading, read_draft, read_facts, read_text
from medtune.clinical.faithful.support import Status, Support

__all__ = [
    "FAMILY_RULES",
    "RANK",
    "RULES",
    "TEXTS",
    "Fault",
    "Kind",
    "Reading",
    "Status",
    "Support",
    "as_finding",
    "check",
    "critical",
    "omissions",
    "provenance",
    "read_draft",
    "read_facts",
    "read_text",
]
