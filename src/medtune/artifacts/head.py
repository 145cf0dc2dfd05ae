"""The common head of every artifact: what it was made from, and whether it is still current."""

from pathlib import Path
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from medtune.artifacts.files import sha256_file, write_text
from medtune.errors import DataError


class Artifact(BaseModel):
    """The common head of what a stage writes."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
    file: ClassVar[str]
    verb: ClassVar[str]
    """The command that writes it."""

    key: str
    """Hash of the settings, inputs and code version that the stage depends on."""
    inputs: dict[str, str]
    """SHA-256 of every input, by name."""
    outputs: dict[str, str]
    """SHA-256 of every other file the stage wrote, by path relative to the run's folder."""
    medtune_version: str
    created: str
    """UTC time, ISO 8601."""

    def save(self, out: Path) -> Path:
        """Write to `<out>/<file>` in one atomic step."""
        return write_text(out / self.file, self.model_dump_json(indent=2) + "\n")

    @classmethod
    def load(cls, out: Path) -> Self:
        """Read back from the run's folder.

        Raises:
            DataError: The file is missing (the stage has not run) or was not written by medtune.
        """
        path = out / cls.file
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise DataError(f"{path}: missing; run `medtune {cls.verb}` on the run file") from None
        except ValidationError as error:
            raise DataError(
                f"{path}: not a {cls.__name__} of this version ({error.error_count()} faults); "
                "delete it and run the stage again"
            ) from None

    @classmethod
    def find(cls, out: Path) -> Self | None:
        """The artifact in the run's folder, or None if the stage has not written it."""
        return cls.load(out) if (out / cls.file).exists() else None

    @classmethod
    def current(cls, out: Path, key: str) -> Self | None:
        """The artifact in `out` if it was made from `key` and its outputs are intact, else None."""
        try:
            found = cls.load(out)
        except DataError:
            return None
        intact = found.key == key and all(
            (out / name).is_file() and sha256_file(out / name) == digest
            for name, digest in found.outputs.items()
        )
        return found if intact else None
