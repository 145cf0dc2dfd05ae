"""De-identification of text: find what names a person, and put a consistent surrogate there."""

from medtune.deid.find import find
from medtune.deid.kinds import Kind, Language, Policy, is_removed
from medtune.deid.replace import Clean, deidentify
from medtune.deid.span import Span
from medtune.deid.surrogate import Key, key_file, new_key
from medtune.deid.surrogate.choose import Method

__all__ = [
    "Clean",
    "Key",
    "Kind",
    "Language",
    "Method",
    "Policy",
    "Span",
    "deidentify",
    "find",
    "is_removed",
    "key_file",
    "new_key",
]
