"""Examples as the data stage keeps them, without writing anything."""

from collections.abc import Sequence

from medtune.data.duplicates import Inputs, Numbering
from medtune.data.gather import Entry, Size, entry_of
from medtune.data.shingles import input_text
from medtune.records import Example


def entries_of(examples: Sequence[Example], threshold: float = 0.8) -> tuple[list[Entry], Inputs]:
    """The entries, and the index of their inputs."""
    numbering = Numbering()
    entries = [entry_of(e, numbering.number(input_text(e.fields)), Size(10, 1)) for e in examples]
    return entries, numbering.index(threshold)
