"""medtune decides by measurement whether to fine-tune for medicine, and does it with evidence."""

__version__ = "0.1.0"
