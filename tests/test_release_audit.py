"""Tampering with the audit log is found, at its line."""

from pathlib import Path

import pytest

from medtune.errors import DataError
from medtune.release import verify_audit
from medtune.release.audit import append_audit


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "audit.jsonl"
    for number in range(4):
        append_audit(path, {"event": "release", "reasons": [f"reason {number}"]})
    return path


def test_an_untouched_log_verifies(log: Path):
    assert [entry["n"] for entry in verify_audit(log)] == [1, 2, 3, 4]


TAMPERING = {
    "a reason is changed": (lambda lines: [lines[0].replace("reason 0", "x"), *lines[1:]], 1),
    "the last reason is changed": (lambda lines: [*lines[:3], lines[3].replace("3", "7")], 4),
    "a line is removed": (lambda lines: [*lines[:1], *lines[2:]], 2),
    "the first line is removed": (lambda lines: lines[1:], 1),
    "two lines change places": (lambda lines: [lines[0], lines[2], lines[1], lines[3]], 2),
    "a line is repeated": (lambda lines: [*lines, lines[3]], 5),
}


@pytest.mark.parametrize("name", TAMPERING)
def test_tampering_is_found_at_its_line(log: Path, name: str):
    tamper, line = TAMPERING[name]
    log.write_text("".join(tamper(log.read_text().splitlines(keepends=True))))
    with pytest.raises(DataError, match=rf"audit\.jsonl:{line}: "):
        verify_audit(log)


def test_a_line_with_a_fitting_hash_of_its_own_still_breaks_the_chain(log: Path, tmp_path: Path):
    forged = tmp_path / "forged.jsonl"
    append_audit(forged, {"event": "release", "reasons": ["nothing was wrong"]})
    lines = log.read_text().splitlines(keepends=True)
    log.write_text("".join([forged.read_text(), *lines[1:]]))
    with pytest.raises(DataError, match=r"audit\.jsonl:2: "):
        verify_audit(log)
