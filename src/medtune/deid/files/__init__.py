"""De-identified copies of whole files, in the format of the original."""

from medtune.deid.files.path import FORMATS, Tally, Work, deidentify_path

__all__ = ["FORMATS", "Tally", "Work", "deidentify_path"]
