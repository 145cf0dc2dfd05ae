"""The budget that no linter counts."""

from pathlib import Path

import pytest

FILES = sorted((Path(__file__).parents[1] / "src").rglob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_file_fits_in_one_sitting(file: Path):
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 300
