"""Taggers of other packages, where they are installed: spaCy pipelines and Presidio's analyzer.

They add to what the rules find and take nothing away: a general model knows names and places, but
neither record numbers nor the ways of notes. Neither package is a dependency of medtune.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import NamedTuple

from medtune.deid.document import Document
from medtune.deid.kinds import Kind, Language
from medtune.deid.span import Span, trim
from medtune.errors import ConfigError

ADDED = 40
"""Weight of what an outside tagger finds: below the names of the rules."""
LABELS: Mapping[str, Kind] = {
    "PERSON": "person", "PER": "person", "GPE": "city", "LOC": "city", "FAC": "hospital",
    "LOCATION": "city", "ORG": "organization", "ORGANIZATION": "organization", "DATE": "date",
    "DATE_TIME": "date", "EMAIL_ADDRESS": "email", "PHONE_NUMBER": "phone", "US_SSN": "ssn",
    "UK_NHS": "ssn", "ES_NIF": "ssn", "ES_NIE": "ssn", "CREDIT_CARD": "account",
    "IBAN_CODE": "account", "US_BANK_NUMBER": "account", "IP_ADDRESS": "ip", "URL": "url",
    "US_DRIVER_LICENSE": "licence", "US_PASSPORT": "licence", "MEDICAL_LICENSE": "licence",
}  # fmt: skip
"""Labels of spaCy's OntoNotes and WikiNER models and of Presidio, and the kinds they become."""


class Labelled(NamedTuple):
    """What an outside tagger found."""

    start: int
    end: int
    label: str


@dataclass(frozen=True)
class OutsideTagger:
    """A function from text to labelled stretches, as a tagger."""

    run: Callable[[str], Iterable[Labelled]]
    labels: Mapping[str, Kind]

    def tag(self, document: Document, proposed: Sequence[Span]) -> list[Span]:
        """Spans with a label that is known, whatever was proposed."""
        del proposed
        found = [
            Span(one.start, one.end, self.labels[one.label], "outside", ADDED)
            for one in self.run(document.text)
            if one.label in self.labels
        ]
        trimmed = (trim(span, document.text) for span in found)
        return sorted(span for span in trimmed if span.start < span.end)


def spacy_tagger(pipeline: str, language: Language) -> OutsideTagger:
    """A spaCy pipeline that is installed, such as `en_core_web_sm`.

    Raises:
        ConfigError: spaCy or the pipeline is not installed.
    """
    spacy = _module("spacy")
    try:
        model = spacy.load(pipeline)
    except OSError:
        raise ConfigError(
            f"spacy:{pipeline}: no such pipeline is installed for {language!r}; install it with pip"
        ) from None

    def run(text: str) -> list[Labelled]:
        return [Labelled(one.start_char, one.end_char, one.label_) for one in model(text).ents]

    return OutsideTagger(run, LABELS)


def presidio_tagger(pipeline: str, language: Language) -> OutsideTagger:
    """Presidio's analyzer over a spaCy pipeline that is installed.

    Raises:
        ConfigError: Presidio is not installed.
    """
    presidio = _module("presidio_analyzer")
    models = [{"lang_code": language, "model_name": pipeline}]
    engine = import_module("presidio_analyzer.nlp_engine").NlpEngineProvider(
        nlp_configuration={"nlp_engine_name": "spacy", "models": models}
    )
    analyzer = presidio.AnalyzerEngine(
        nlp_engine=engine.create_engine(), supported_languages=[language]
    )

    def run(text: str) -> list[Labelled]:
        found = analyzer.analyze(text=text, language=language)
        return [Labelled(one.start, one.end, one.entity_type) for one in found]

    return OutsideTagger(run, LABELS)


def _module(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ModuleNotFoundError:
        raise ConfigError(
            f"{name} is not installed here; install it with pip, or leave out the tagger"
        ) from None


OUTSIDE: dict[str, Callable[[str, Language], OutsideTagger]] = {
    "spacy": spacy_tagger,
    "presidio": presidio_tagger,
}
"""By the word before the colon of `--tagger`."""
