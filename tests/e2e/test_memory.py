"""What the pre-flight expects of memory is what the training takes, on the embedded model."""

import re
from pathlib import Path

import pytest
from small_run import command, finish

from medtune.artifacts import TuneRecord

pytestmark = pytest.mark.e2e


def test_the_memory_that_plan_expects_is_taken_within_15_percent(trained: Path):
    said = finish(command("plan", trained))
    found = re.search(r"peak ([\d.]+) GB of [\d.]+ GB expected", said)
    assert found is not None, said
    assert float(found[1]) == pytest.approx(TuneRecord.load(trained).peak_memory_gb, rel=0.15)
