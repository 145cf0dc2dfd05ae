"""The data stage: from sources to sealed splits and the card that says what was done to them."""

from medtune.data.prepare import load_split, prepare
from medtune.data.readers import Row, rows

__all__ = ["Row", "load_split", "prepare", "rows"]
