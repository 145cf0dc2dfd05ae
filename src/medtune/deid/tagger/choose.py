"""The tagger of a name: a file of ours, or a pipeline of another package."""

from pathlib import Path

from medtune.artifacts import sha256_file
from medtune.deid.kinds import Language
from medtune.deid.tagger import Tagger
from medtune.deid.tagger.model import load_tagger
from medtune.deid.tagger.outside import OUTSIDE
from medtune.errors import ConfigError


def open_tagger(name: str | None, language: Language) -> Tagger | None:
    """The tagger of that name; None for None.

    Args:
        name: A file that `deid-train` made, `spacy:PIPELINE` or `presidio:PIPELINE`.
        language: Of the text.

    Raises:
        ConfigError: It is for another language, or what it needs is not installed.
        DataError: The file is no tagger.
    """
    if name is None:
        return None
    kind, _, pipeline = name.partition(":")
    if is_outside(name):
        return OUTSIDE[kind](pipeline, language)
    tagger = load_tagger(Path(name))
    if tagger.language != language:
        raise ConfigError(
            f"{name}: a tagger of {tagger.language!r} text, and the text is {language!r}"
        )
    return tagger


def identity(name: str | None) -> str | None:
    """A tagger's name for a report: of a file, its hash."""
    if name is None or is_outside(name):
        return name
    return f"sha256:{sha256_file(Path(name))}"


def is_outside(name: str) -> bool:
    """Whether a tagger is a pipeline of another package."""
    return name.partition(":")[0] in OUTSIDE
