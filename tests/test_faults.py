"""Every planted fault is found, and its clean twin passes."""

from pathlib import Path

import pytest
from faults import Fault, families

CASES = [
    pytest.param(fault, id=f"{family}: {fault.name}", marks=[pytest.mark.e2e] * fault.slow)
    for family, faults in families().items()
    for fault in faults
]


@pytest.mark.parametrize("fault", CASES)
def test_a_planted_fault_is_found(fault: Fault, tmp_path: Path):
    assert fault.found(fault.plant(fault.clean(tmp_path)))


@pytest.mark.parametrize("fault", CASES)
def test_its_clean_twin_is_not_accused(fault: Fault, tmp_path: Path):
    assert fault.found(fault.clean(tmp_path)) == ""


def test_no_fault_is_counted_twice():
    names = [(family, fault.name) for family, faults in families().items() for fault in faults]
    assert names
    assert len(names) == len(set(names))
