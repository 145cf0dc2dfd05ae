"""Where the shared data and golden vectors lie, or a skip that says so."""

import os
from pathlib import Path

import pytest

BESIDE = Path(__file__).parents[2] / "shared"


def shared(name: str) -> Path:
    """A file or folder of the shared data; skips the test if it is not there."""
    path = Path(os.environ.get("MEDTUNE_SHARED", BESIDE)) / name
    if not path.exists():
        pytest.skip(f"no {name} in the shared data; set MEDTUNE_SHARED to its folder")
    return path
