"""A run's folder with clean artifacts, for tests to plant one fault at a time in."""

from dataclasses import dataclass
from pathlib import Path

from medtune.artifacts import (
    Arm,
    Comparison,
    DataCard,
    Dated,
    Decision,
    Domain,
    Evaluation,
    Fairness,
    Memorisation,
    Perturbed,
    Retained,
    SubgroupRow,
    SwapResult,
    TokenCount,
    TuneRecord,
    sha256_file,
    write_examples,
    write_text,
)
from medtune.config import DataSection, EthicsSection, ModelSection, Run, SourceSection
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
        "fairness": Fairness(
            margin=0.05,
            rows=[subgroup("A", "no", (0.0, -0.04, 0.04)), subgroup("B", "no", (0.0, -0.04, 0.04))],
            suppressed={},
        ),
        "swaps": [swap("sex", estimate(0.0, 0.0, 0.015), "yes")],
        "retention": [retained("general"), retained("safety")],
        "robustness": [perturbed("typos", 0.95), perturbed("negation", 0.1)],
        "memorisation": memorisation(),
        "transfer": [domain("set", "other site", 0)],
        "dated": [dated()],
    }
    return Evaluation(**(HEAD | fields | changed))


def subgroup(value: str, worse: str, gap: tuple[float, float, float], **changed) -> SubgroupRow:
    fields = {
        "attribute": "site",
        "metric": "accuracy",
        "estimate": estimate(0.85, 0.8, 0.9, 400),
        "p_adjusted": 0.001 if worse == "yes" else 1.0,
        "detectable": 0.06,
        "before": None,
        "change": None,
    }
    return SubgroupRow(value=value, worse=worse, gap=estimate(*gap), **(fields | changed))


def swap(name: str, flips: Estimate, as_expected: str, **changed) -> SwapResult:
    fields = {"expect": "same", "limit": 0.02, "n": 200, "shift": 0.01, "against": []}
    return SwapResult(name=name, flips=flips, as_expected=as_expected, **(fields | changed))


def retained(area: str, **changed) -> Retained:
    fields = {
        "source": "medtune",
        "chance": 0.25,
        "before": estimate(0.8, 0.7, 0.9, 60),
        "after": estimate(0.8, 0.7, 0.9, 60),
        "change": estimate(0.0, -0.02, 0.02, 60),
        "p_adjusted": 1.0,
        "margin": 0.02,
        "kept": "yes",
        "right_to_wrong": [],
        "wrong_to_right": [],
    }
    return Retained(area=area, **(fields | changed))


def perturbed(name: str, same: float, **changed) -> Perturbed:
    fields = {
        "expect": "differ" if name == "negation" else "same",
        "n": 24,
        "same": estimate(same, same - 0.08, same + 0.04, 24),
        "change": None if name == "negation" else estimate(0.0, -0.04, 0.04, 24),
        "differing": ["r1"],
    }
    return Perturbed(name=name, **(fields | changed))


def memorisation(**changed) -> Memorisation:
    fields = {
        "membership": estimate(0.5, 0.42, 0.58),
        "n_train": 50,
        "n_held_out": 50,
        "canaries": 8,
        "extracted": 0,
        "exposure": estimate(1.5, 0.6, 2.4, 8),
        "most_exposure": 7.0,
    }
    return Memorisation(**(fields | changed))


def domain(attribute: str, value: str, n_train: int, **changed) -> Domain:
    fields = {
        "before": estimate(0.6, 0.5, 0.7),
        "after": estimate(0.8, 0.7, 0.9),
        "change": estimate(0.2, 0.1, 0.3),
        "p_adjusted": 0.001,
        "harmed": "no",
    }
    return Domain(attribute=attribute, value=value, n_train=n_train, **(fields | changed))


def dated(**changed) -> Dated:
    fields = {
        "source": "facts.jsonl",
        "n_changed": 200,
        "n_unchanged": 100,
        "current_before": estimate(0.5, 0.4, 0.6, 200),
        "current": estimate(0.98, 0.95, 0.99, 200),
        "stale_before": estimate(0.5, 0.4, 0.6, 200),
        "stale": estimate(0.01, 0.0, 0.03, 200),
        "unchanged_before": estimate(0.9, 0.84, 0.96),
        "unchanged": estimate(0.9, 0.84, 0.96),
        "by_year": {"2024": estimate(0.98, 0.95, 0.99, 200)},
        "stale_ids": ["f1"],
    }
    return Dated(**(fields | changed))


ANSWERED = EthicsSection(
    **dict.fromkeys(EthicsSection.model_fields, "A librarian answers for it and reads each.")
)


def clean_evidence(**changed) -> Evidence:
    """Evidence in which no guard finds anything but notes."""
    fields = {
        "run": make_run(Path("run"), ethics=ANSWERED),
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
    return make_run(out, ethics=evidence.run.ethics)
