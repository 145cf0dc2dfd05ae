"""The words that betray an identifier, by language: labels, titles, cues, months, street words."""

from medtune.deid.kinds import Language
from medtune.deid.vocabulary.english import ENGLISH
from medtune.deid.vocabulary.form import Field, Vocabulary
from medtune.deid.vocabulary.spanish import SPANISH

__all__ = ["VOCABULARIES", "Field", "Vocabulary"]

VOCABULARIES: dict[Language, Vocabulary] = {"en": ENGLISH, "es": SPANISH}
