"""What stands where an identifier stood: surrogates that agree within one patient."""

from medtune.deid.surrogate.key import Key, key_file, new_key

__all__ = ["Key", "key_file", "new_key"]
