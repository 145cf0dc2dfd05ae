"""The pre-flight: ticks for a run that will fly, one cross and an exit code for another."""

import json
from pathlib import Path

import psutil
import pytest
from tiny_llm import write_model

from medtune.config import Run
from medtune.errors import DataError
from medtune.pipeline import Job
from medtune.plan import CHECKS, plan


def job(folder: Path, n: int = 60, **sections: object) -> Job:
    rows = [
        {"note": f"patient {n} takes {n} mg of aspirin", "label": "yes" if n % 2 else "no"}
        for n in range(n)
    ]
    path = folder / "notes.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    write_model(folder / "model")
    whole: dict[str, object] = {
        "app": "custom",
        "goal": "custom_data",
        "out": str(folder / "out"),
        "model": {
            "source": f"path:{folder / 'model'}",
            "numerics": "float32",
            "context_tokens": 128,
        },
        "data": {"sources": [{"source": f"path:{path}"}], "near_duplicate": 1.0},
        "task": {
            "instruction": "Is the note urgent?",
            "input": "{note}",
            "answer": "label",
            "labels": ["yes", "no"],
        },
    }
    return Job(Run.model_validate(whole | sections), offline=True)


def test_a_good_run_gets_a_tick_for_every_check_and_code_0(tmp_path: Path):
    lines: list[str] = []
    assert plan(job(tmp_path), lines.append) == 0
    ticks = [line for line in lines if "✓" in line]
    assert len(ticks) == len(CHECKS)
    text = "\n".join(lines)
    assert "60 rows, 60 kept" in text
    assert "one example answered" in text
    assert "Ready. Next: medtune run" in text
    assert "aspirin" not in text  # the user's own record is for a terminal only


def test_the_first_cross_ends_the_flight_with_its_code(tmp_path: Path):
    bad = job(tmp_path, model={"source": f"path:{tmp_path / 'model'}", "context_tokens": 16})
    lines: list[str] = []
    assert plan(bad, lines.append) == DataError.exit_code
    crossed = next(i for i, line in enumerate(lines) if "✗" in line)
    assert "data.too_long" in lines[crossed]
    assert all("not reached" in line for line in lines[crossed + 1 :])
    assert not (tmp_path / "out" / "data.json").exists()


def test_too_little_memory_is_a_cross(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    class Small:
        total = 1

    monkeypatch.setattr(psutil, "virtual_memory", lambda: Small)
    lines: list[str] = []
    assert plan(job(tmp_path), lines.append) == 6
    assert "tune.micro_batch_tokens" in "\n".join(lines)
