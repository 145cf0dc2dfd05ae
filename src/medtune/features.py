"""What the monitor may know of a text: numbers that do not give the text away.

A release stores these numbers for the validation split; the server stores them for each request;
the monitor compares the two. All three must count in the same way, so the counting is here.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from medtune.artifacts import write_text
from medtune.errors import DataError
from medtune.records import Message

FEATURES = ("characters", "words", "mean_word_length", "digit_share", "non_ascii_share")
REFERENCE = "reference.json"
BUNDLE = "release"
"""Folder of the released bundle in the run's folder; the reference lies in it."""
DOCUMENTS = "documents"
"""Folder of the bundle with the copies of what is searched, if the run file asks for them."""
NO_LABEL = "(no label)"
"""Stands for a reply that states none of the labels."""
MOST_VALUES = 5000
TWO = 2


class Reference(BaseModel):
    """What the released model's input and answers looked like before it was used."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    features: dict[str, list[float]]
    """Per feature, the sorted values over the validation split: at most 5,000 even quantiles."""
    answers: dict[str, int]
    """The tuned model's answers on the sealed test, by label; empty for free answers."""
    instruction: str | None = None
    """The system message that all prompts of the application share; None where they share none."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that an answer may be; empty for free answers."""
        return tuple(label for label in self.answers if label != NO_LABEL)

    def save(self, folder: Path) -> Path:
        """Write to `<folder>/reference.json` in one atomic step."""
        return write_text(folder / REFERENCE, json.dumps(self.model_dump(), indent=1) + "\n")

    @classmethod
    def load(cls, folder: Path) -> "Reference":
        """Read back from a bundle.

        Raises:
            DataError: The file is missing, or was not written by medtune.
        """
        path = folder / REFERENCE
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise DataError(f"{path}: missing; run `medtune release` first") from None
        except ValidationError as error:
            raise DataError(
                f"{path}: not a reference of this version ({error.error_count()} faults); "
                "run `medtune release` again"
            ) from None


def text_features(text: str) -> dict[str, float]:
    """The features of one text, by the names in `FEATURES`.

    A word is a run of characters without white space. Shares are of all characters; an empty text
    has only zeros.
    """
    words = text.split()
    n = max(len(text), 1)
    return {
        "characters": float(len(text)),
        "words": float(len(words)),
        "mean_word_length": sum(map(len, words)) / max(len(words), 1),
        "digit_share": sum(character.isdigit() for character in text) / n,
        "non_ascii_share": sum(not character.isascii() for character in text) / n,
    }


def shared_instruction(prompts: Sequence[Sequence[Message]]) -> str | None:
    """The system message that every prompt starts with, or None if they differ or have none.

    One prompt alone shows nothing: its system message might hold its record.
    """
    first = {(prompt[0].role, prompt[0].content) for prompt in prompts if prompt}
    if len(prompts) < TWO or len(first) != 1:
        return None
    ((role, content),) = first
    return content if role == "system" else None


def last_user_text(messages: Sequence[Message]) -> str:
    """The text that the features are counted on: the last user message, or "" if there is none."""
    return next((m.content for m in reversed(messages) if m.role == "user"), "")


def summarise_features(texts: Sequence[str]) -> dict[str, list[float]]:
    """Sorted values of each feature, thinned to even quantiles and rounded to six digits.

    Each feature is sorted by itself, so no text's numbers can be put together again.
    """
    rows = [text_features(text) for text in texts]
    return {name: _thinned(sorted(float(f"{row[name]:.6g}") for row in rows)) for name in FEATURES}


def _thinned(values: list[float]) -> list[float]:
    if len(values) <= MOST_VALUES:
        return values
    return [values[i * (len(values) - 1) // (MOST_VALUES - 1)] for i in range(MOST_VALUES)]
