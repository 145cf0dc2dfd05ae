"""The way in which a record is answered: which weights, which prompt, which documents.

A decision finds prompts; a release says which one it is of. What a server needs of it lies in the
bundle as `prompt.json`.
"""

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, ValidationError

from medtune.artifacts.decision import Part
from medtune.artifacts.files import canonical_sha256, sha256_text
from medtune.errors import DataError

TUNED, TUNED_RETRIEVAL = "tuned", "tuned_retrieval"


class Turn(Part):
    """A turn of a worked example."""

    role: Literal["user", "assistant"]
    content: str = Field(repr=False)


class Prompt(Part):
    """How a question is put to the model. The same values put it in every stage and in the server.

    The turns are training records, so the file is to be kept like them.
    """

    file: ClassVar[str] = "prompt.json"
    verb: ClassVar[str] = "release"

    note: str = ""
    """What a reader must know before the file is passed on."""
    wording: str
    """How the instruction is put."""
    text: str = ""
    """The user's own instruction, or the answers that the wording names."""
    shots: list[str] = Field(default_factory=list[str])
    """Ids of the worked examples, in the order shown."""
    turns: list[Turn] = Field(default_factory=list[Turn], repr=False)
    """The worked examples as turns."""
    passages: int = 0
    """Passages, or nearest training examples, that are put before each question."""
    of_documents: bool = False
    """Whether passages of documents are searched, not training examples."""
    searched: dict[str, str] = Field(default_factory=dict[str, str])
    """SHA-256 of each file that is searched, by name."""
    frame: dict[str, int] = Field(default_factory=dict[str, int])
    """Words that the application writes around every question, with how often: what is left of a
    user's message without them is what is searched with."""

    @property
    def sha256(self) -> str:
        """Names the prompt."""
        return sha256_text(self.model_dump_json())

    @classmethod
    def load(cls, folder: Path) -> "Prompt":
        """Read back from a bundle.

        Raises:
            DataError: The file is missing, or was not written by medtune.
        """
        path = folder / cls.file
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise DataError(f"{path}: missing; run `medtune release` again") from None
        except ValidationError as error:
            raise DataError(
                f"{path}: not a prompt of this version ({error.error_count()} faults); run "
                "`medtune release` again"
            ) from None


class Way(Part):
    """What answers."""

    name: str = TUNED
    """`tuned`, `tuned_retrieval`, or the prompting arm of the decision."""
    prompt: str = ""
    """SHA-256 of the prompt; empty where the application's own is used as it is."""
    shots: int = 0
    """Worked examples in the prompt: training records that whoever asks may read out of it."""
    passages: int = 0
    of_documents: bool = False
    searched: dict[str, str] = Field(default_factory=dict[str, str])
    """SHA-256 of each file that is searched, by name."""

    @property
    def is_tuned(self) -> bool:
        """Whether the weights were changed."""
        return self.name in (TUNED, TUNED_RETRIEVAL)

    def named(self, adapter: str) -> str:
        """SHA-256 of the way with the weights that it answers with."""
        return canonical_sha256({"way": self.model_dump(mode="json"), "adapter": adapter})


PLAIN_TUNE = Way()
"""A tune that is asked as the application writes its prompt."""


class Agreement(Part):
    """Whether the server puts validation records to the model as the evaluation did."""

    records: int
    differ: list[str]
    """Ids of the records whose prompts differ."""
