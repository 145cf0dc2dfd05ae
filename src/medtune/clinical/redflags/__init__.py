"""Red flags in free text: deterministic rules that no model can lower."""

from medtune.clinical.redflags.engine import Hit, Triage, triage, triage_talk, triage_turns
from medtune.clinical.redflags.rules import Rule, rule_book

__all__ = ["Hit", "Rule", "Triage", "rule_book", "triage", "triage_talk", "triage_turns"]
