"""A run of a tiny model on disk that is ready to tune, for tests that start other processes."""

import json
from pathlib import Path

import yaml
from planted import decision
from tiny_llm import write_model

from medtune.artifacts import DataCard
from medtune.config import load_run
from medtune.pipeline import CHAIN, Job


def ready_to_tune(folder: Path, **compute: object) -> Path:
    """Write a run file whose data are prepared and whose decision is to tune."""
    rows = [
        {"note": f"patient {n} takes {n} mg", "label": "yes" if n % 3 else "no"} for n in range(120)
    ]
    (folder / "notes.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    write_model(folder / "model")
    run = {
        "app": "custom",
        "goal": "custom_data",
        "out": str(folder / "out"),
        "model": {"source": "path:model", "numerics": "float32", "context_tokens": 128},
        "data": {"sources": [{"source": "path:notes.jsonl"}], "near_duplicate": 1.0},
        "task": {
            "instruction": "Is the note urgent?",
            "input": "{note}",
            "answer": "label",
            "labels": ["yes", "no"],
        },
        "tune": {
            "rank": 4,
            "epochs": 2,
            "examples_per_step": 8,
            "micro_batch_tokens": 256,
            "validate_every": 4,
            "patience": 100,
        },
        "compute": compute,
    }
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump(run), encoding="utf-8")
    job = Job(load_run(path), offline=True)
    job.run.out.mkdir()
    CHAIN["data"](job)
    card = DataCard.load(job.run.out)
    splits = {name: card.outputs[f"{name}.jsonl"] for name in ("train", "validation")}
    decision(inputs=splits | {"model": job.folder.sha256}).signed().save(job.run.out)
    return path
