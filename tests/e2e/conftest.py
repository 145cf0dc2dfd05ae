"""One small run of the demo's chain on the embedded model, for all tests of this folder."""

from pathlib import Path

import pytest
from small_run import chain


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one uninterrupted run."""
    out = tmp_path_factory.mktemp("trained") / "out"
    chain(out)
    return out
