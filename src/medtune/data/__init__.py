"""The data stage: from sources to sealed splits and the card that says what was done to them."""

from medtune.data.prepare import load_split, prepare
from medtune.data.readers import kind_of, rows, source_names
from medtune.data.row import Row

__all__ = ["Row", "kind_of", "load_split", "prepare", "rows", "source_names"]
