"""A run's folder with clean artifacts, for tests to plant one fault at a time in."""

from dataclasses import dataclass
from pathlib import Path

from medtune.artifacts import (
    Arm,
    Comparison,
    DataCard,
    Decision,
    Evaluation,
    TokenCount,
    TuneRecord,
    sha256_file,
    write_examples,
    write_text,
)
from medtune.config import DataSection, ModelSection, Run, SourceSection
from medtune.guards import Evidence, Facts
from medtune.metrics import accuracy
from medtune.records import Application, Estimate, Example, Gate, Message

LABELS = ("yes", "no")
INSTRUCTION = "Answer yes or no."
SECRET = "Zaphod Beeblebrox"
"""Stands for a patient's name: it must never leave the records."""
HEAD = {
    "key": "k",
    "inputs": {},
    "outputs": {},
    "medtune_version": "0",
    "created": "2026-01-01T00:00:00+00:00",
}

APP = Application(
    name="triage",
    intended_use="triage of abstracts by a librarian",
    not_for="deciding the care of a patient",
    load=lambda paths: iter(()),
    prompt=lambda example: [
        Message("system", INSTRUCTION),
        Message("user", example.fields["text"]),
    ],
    reply=lambda example: str(example.target),
    parse=lambda example, text: text if text in LABELS else None,
    metrics={"accuracy": accuracy},
    primary="accuracy",
    choices=lambda example: LABELS,
    data_note="synthetic | made for the tests",
)


def make_run(out: Path, **sections) -> Run:
    return Run(
        app="triage",
        goal="custom_data",
        out=out,
        model=ModelSection(source="path:model", context_tokens=64),
        data=DataSection(sources=(SourceSection(source="path:a.jsonl"),)),
        **sections,
    )


def estimate(value: float, low: float, high: float, n: int = 100) -> Estimate:
    return Estimate(value, low, high, n, n, "bootstrap by group, 2000 resamples")


def arm(name: str, value: Estimate, **changed) -> Arm:
    fields = {
        "seconds_per_example": 0.1,
        "prompt_tokens_per_example": 50.0,
        "failed": 0,
        "unparsed": 0,
        "about": "measured",
    }
    return Arm(name=name, estimates={"accuracy": value}, **(fields | changed))


def against(name: str, difference: Estimate, verdict: str) -> Comparison:
    return Comparison(
        arm="tuned",
        against=name,
        metric="accuracy",
        difference=difference,
        p_value=0.001,
        p_adjusted=0.002,
        test="McNemar",
        verdict=verdict,  # type: ignore[arg-type]
    )


def count(rows: int, dropped: dict[str, int] | None = None) -> TokenCount:
    dropped = dropped or {}
    kept = rows - sum(dropped.values())
    return TokenCount(
        rows=rows, kept=kept, dropped=dropped, tokens=50 * kept, supervised=2 * kept, longest=60
    )


def data_card(**changed) -> DataCard:
    fields = {
        "app": "triage",
        "sources": [{"name": "a.jsonl", "sha256": "ab" * 32, "licence": "MIT"}],
        "note": "",
        "splits": {"train": count(200), "validation": count(100), "test": count(100)},
        "receipt": {"a.jsonl": count(400)},
        "groups": {"train": 200, "validation": 100, "test": 100},
        "labels": {"train": {"yes": 100, "no": 100}, "test": {"yes": 60, "no": 40}},
        "subgroups": {},
        "exact_duplicates": 0,
        "near_duplicate_pairs": 0,
        "conflicts": [],
        "leaks": [],
        "first_example": [],
    }
    return DataCard(**(HEAD | fields | changed))


def decision(**changed) -> Decision:
    fields = {
        "goal": "custom_data",
        "rule": "tune if better",
        "primary": "accuracy",
        "arms": [
            arm("classical", estimate(0.6, 0.5, 0.7)),
            arm("small_tune", estimate(0.8, 0.72, 0.88)),
        ],
        "comparisons": [],
        "verdict": "yes",
        "recommendation": "tune",
        "reasons": ["because"],
        "gates": [Gate("accuracy", at_least=0.0, against="classical")],
        "minimum_detectable": 0.08,
    }
    return Decision(**(HEAD | fields | changed))


def tune_record(**changed) -> TuneRecord:
    fields = {
        "method": "LoRA",
        "numerics": "float32",
        "steps": 40,
        "best_step": 20,
        "stopped": "no improvement",
        "trainable_parameters": 1000,
        "train_loss": 0.30,
        "validation_loss": 0.35,
        "tokens_seen": 10000,
        "supervised_seen": 400,
        "seconds": 12.0,
        "peak_memory_gb": 1.5,
        "resumed": 0,
    }
    return TuneRecord(**(HEAD | fields | changed))


def evaluation(**changed) -> Evaluation:
    fields = {
        "primary": "accuracy",
        "arms": [
            arm("tuned", estimate(0.85, 0.78, 0.92)),
            arm("classical", estimate(0.6, 0.5, 0.7)),
        ],
        "comparisons": [against("classical", estimate(0.25, 0.17, 0.33), "yes")],
        "calibration": {"tuned": estimate(0.05, 0.02, 0.09)},
        "reliability": [],
        "confusion": {"yes": {"yes": 50, "no": 10}, "no": {"no": 35, "(unparsed)": 5}},
        "subgroups": {},
        "failed": 0,
        "openings": 1,
    }
    return Evaluation(**(HEAD | fields | changed))


def clean_evidence(**changed) -> Evidence:
    """Evidence in which no guard finds anything but notes."""
    fields = {
        "run": make_run(Path("run")),
        "data": data_card(),
        "decision": decision(),
        "tune": tune_record(),
        "evaluation": evaluation(),
        "facts": Facts("triage", "deciding the care of a patient", "Apache-2.0", 16.0),
    }
    return Evidence(**(fields | changed))


@dataclass(frozen=True)
class Base:
    """Has what the release reads of a model's folder."""

    path: Path = Path("model")
    name: str = "tiny"
    sha256: str = "cd" * 32
    licence: str = "Apache-2.0"


def write_run(out: Path, evidence: Evidence | None = None) -> Run:
    """Write what the stages before the release write, and return the run."""
    evidence = evidence or clean_evidence()
    examples = [
        Example(f"r{i}", f"g{i}", {"text": f"{SECRET} has fever number {i}"}, LABELS[i % 2])
        for i in range(60)
    ]
    write_examples(out / "validation.jsonl", examples)
    write_text(out / "adapter" / "adapter_model.safetensors", "weights")
    write_text(out / "adapter" / "adapter_config.json", "{}")
    made = {
        f"adapter/{path.name}": sha256_file(path) for path in sorted((out / "adapter").iterdir())
    }
    evidence.data.save(out)
    evidence.decision.save(out)
    evidence.tune.model_copy(update={"outputs": made}).save(out)
    evidence.evaluation.save(out)
    return make_run(out)
