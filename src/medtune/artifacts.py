"""What the stages write: typed, versioned JSON, each naming the SHA-256 of what it was made from.

A stage's artifact is written last, in one atomic step, so its presence says that the stage ended.
`key` is the hash of everything the stage depends on: while it is unchanged and the outputs still
have their hashes, the stage need not run again.
"""

import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from medtune.errors import DataError, MachineError
from medtune.records import Estimate, Example, Finding, Gate, Json, Prediction, Verdict


class Artifact(BaseModel):
    """The common head of what a stage writes."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
    file: ClassVar[str]

    key: str
    """Hash of the settings, inputs and code version that the stage depends on."""
    inputs: dict[str, str]
    """SHA-256 of every input, by name."""
    outputs: dict[str, str]
    """SHA-256 of every other file the stage wrote, by path relative to the run's folder."""
    medtune_version: str
    created: str
    """UTC time, ISO 8601."""

    def save(self, out: Path) -> Path:
        """Write to `<out>/<file>` in one atomic step."""
        return write_text(out / self.file, self.model_dump_json(indent=2) + "\n")

    @classmethod
    def load(cls, out: Path) -> Self:
        """Read back from the run's folder.

        Raises:
            DataError: The file is missing (the stage has not run) or was not written by medtune.
        """
        path = out / cls.file
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            stage = cls.__name__.lower()
            raise DataError(f"{path}: missing; run the stage that writes it ({stage})") from None
        except ValidationError as error:
            raise DataError(
                f"{path}: not a {cls.__name__} of this version ({error.error_count()} faults); "
                "delete it and run the stage again"
            ) from None

    @classmethod
    def find(cls, out: Path) -> Self | None:
        """The artifact in the run's folder, or None if the stage has not written it."""
        return cls.load(out) if (out / cls.file).exists() else None

    @classmethod
    def current(cls, out: Path, key: str) -> Self | None:
        """The artifact in `out` if it was made from `key` and its outputs are intact, else None."""
        try:
            found = cls.load(out)
        except DataError:
            return None
        intact = found.key == key and all(
            (out / name).is_file() and sha256_file(out / name) == digest
            for name, digest in found.outputs.items()
        )
        return found if intact else None


class TokenCount(BaseModel):
    """What became of one source or split, in rows and tokens."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    rows: int
    kept: int
    dropped: dict[str, int]
    """Rows left out, by reason."""
    tokens: int
    """Tokens of the kept rows, prompt and reply."""
    supervised: int
    """Tokens that carry a training signal: the reply and the end-of-turn token."""
    longest: int


class DataCard(Artifact):
    """What the data is, what was done to it, and what is wrong with it."""

    file: ClassVar[str] = "data.json"

    app: str
    sources: list[dict[str, str]]
    """For each source: name, sha256, licence."""
    note: str
    splits: dict[str, TokenCount]
    receipt: dict[str, TokenCount]
    """Per source, before splitting."""
    groups: dict[str, int]
    """Groups per split."""
    labels: dict[str, dict[str, int]]
    """Examples per label, by split; empty where the answer is not one of few."""
    subgroups: dict[str, dict[str, int]]
    """Examples per value of each subgroup attribute."""
    exact_duplicates: int
    """Records dropped because another has the same input and target."""
    near_duplicate_pairs: int
    """Pairs of near inputs that joined two groups into one; a chain of three counts two."""
    conflicts: list[str]
    """Ids of records whose input occurs with another target too."""
    leaks: list[str]
    """Ids of records in a validation or test that the sources fix, whose input, or nearly, was in
    train too: their twins were removed from train. Nothing leaks in the splits as written."""
    first_example: list[dict[str, str | int | bool]]
    """The first training example token by token, if its source's licence lets it be shown:
    token, id, supervised. Empty for the user's own data, which may be a patient's."""


class Arm(BaseModel):
    """One way of doing the task, measured on the same examples as all others."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    estimates: dict[str, Estimate]
    seconds_per_example: float
    prompt_tokens_per_example: float
    failed: int
    unparsed: int
    about: str
    """What was done, in one sentence."""


class Comparison(BaseModel):
    """A paired comparison of two arms on the same examples."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    arm: str
    against: str
    metric: str
    difference: Estimate
    """Of the metric, arm minus against; positive means that `arm` is better."""
    p_value: float
    """Two-sided, paired, before correction."""
    p_adjusted: float
    """After Holm's correction over the comparisons of this artifact."""
    test: str
    verdict: Verdict
    """Is `arm` better than `against`?"""


class Decision(Artifact):
    """Whether to tune, from measured arms, and the gates that a release must then pass."""

    file: ClassVar[str] = "decision.json"

    goal: str
    rule: str
    """The rule, as written before the experiment."""
    primary: str
    arms: list[Arm]
    comparisons: list[Comparison]
    verdict: Verdict
    """Should we tune?"""
    recommendation: str
    """tune, prompt, classical or collect_more_data."""
    reasons: list[str]
    """One sentence for each arm and for the verdict."""
    shots: list[str]
    """Ids of the training examples in the few-shot prompt."""
    gates: list[Gate]
    minimum_detectable: float
    """Smallest difference of the primary metric that the validation set could show."""


class TuneRecord(Artifact):
    """What the training did."""

    file: ClassVar[str] = "tune.json"

    method: str
    numerics: str
    steps: int
    best_step: int
    stopped: str
    """Why it ended: "all epochs", or "no improvement"."""
    trainable_parameters: int
    train_loss: float
    """Mean over the last looks, in nats per supervised token."""
    validation_loss: float
    """At the best step, in nats per supervised token."""
    tokens_seen: int
    supervised_seen: int
    seconds: float
    """Wall time spent in training, over all restarts."""
    peak_memory_gb: float
    resumed: int
    """How often the run was taken up again after an interruption."""


class Evaluation(Artifact):
    """How good, how sure, against what: the sealed test, opened once for this adapter."""

    file: ClassVar[str] = "evaluation.json"

    primary: str
    arms: list[Arm]
    comparisons: list[Comparison]
    """The tuned model against every other arm."""
    calibration: dict[str, Estimate]
    """Expected calibration error (equal-mass bins) of each arm that gives confidences."""
    reliability: list[dict[str, float]]
    """The tuned model's reliability plot: confidence, accuracy, n per bin."""
    confusion: dict[str, dict[str, int]]
    """Target to answer to count, for the tuned model; empty for free answers."""
    subgroups: dict[str, dict[str, Estimate]]
    """The primary metric by subgroup value; groups too small to report are left out."""
    failed: int
    openings: int
    """How many different adapters have been scored on this sealed test, this one included."""


class Release(Artifact):
    """The verdict on the evidence. `released` says it; `reasons` says why not."""

    file: ClassVar[str] = "release.json"

    id: str
    """Content hash of the released weights and their evidence; every answer served carries it."""
    released: bool
    scope: str
    """What it may be used for: "research" until every guard has judged."""
    reasons: list[str]
    findings: list[Finding]
    guards_judged: list[str]
    guards_not_built: list[str]
    gates: list[dict[str, JsonValue]]
    """Each gate with its estimate, its bound and whether it was met."""
    intended_use: str
    not_for: str


class DriftTest(BaseModel):
    """One feature of the journal compared with the release's reference."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    feature: str
    test: str
    statistic: float
    p_value: float
    p_adjusted: float
    drifted: Verdict
    reference: str
    """Summary of the feature at release, such as "median 112 (n = 300)"."""
    now: str


class Monitor(Artifact):
    """Is the released model still used on what it was made for?"""

    file: ClassVar[str] = "monitor.json"

    release_id: str
    requests: int
    tests: list[DriftTest]
    drifted: Verdict
    proposal: str
    """What to do: go on, look closer, or tune again (a person decides)."""


def sha256_file(path: Path) -> str:
    """Hex SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_text(text: str) -> str:
    """Hex SHA-256 of a text in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


def canonical_sha256(value: Mapping[str, JsonValue]) -> str:
    """Hex SHA-256 of plain values, whatever their order."""
    return sha256_text(json.dumps(value, sort_keys=True, separators=(",", ":")))


def stage_key(settings: Mapping[str, str], inputs: Mapping[str, str], version: str) -> str:
    """The hash that decides whether a stage must run again."""
    return canonical_sha256(
        {"settings": dict(settings), "inputs": dict(inputs), "medtune": version}
    )


@contextmanager
def atomic(path: Path) -> Generator[Path]:
    """Give a temporary path beside `path`; rename it into place when the block ends well.

    A crash, a full disk or `kill -9` leaves the old file, or none, but never half of one.

    Raises:
        MachineError: The disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise MachineError(
                f"{path.parent}: the disk is full; {path.name} was not written and what was there "
                "is unchanged; free some space and run the same command again"
            ) from error
        raise
    finally:
        part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> Path:
    """Write a whole text file in one atomic step."""
    with atomic(path) as part:
        part.write_text(text, encoding="utf-8")
    return path


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Json]]) -> Path:
    """Write one JSON object per line in one atomic step."""
    with atomic(path) as part, part.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return path


def read_jsonl(path: Path) -> Iterator[dict[str, Json]]:
    """Read one JSON object per line.

    Raises:
        DataError: The file is missing, is not UTF-8, or a line is not a JSON object.
    """
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                try:
                    row = json.loads(line)
                except json.JSONDecodeError as error:
                    raise DataError(
                        f"{path}:{number}: not JSON at column {error.colno}; one object per line"
                    ) from None
                if not isinstance(row, dict):
                    raise DataError(f"{path}:{number}: not a JSON object; one object per line")
                yield row
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 ({error.reason}); convert it to UTF-8") from None


def write_examples(path: Path, examples: Iterable[Example]) -> Path:
    """Write a split."""
    return write_jsonl(path, (asdict(example) for example in examples))


def read_examples(path: Path) -> list[Example]:
    """Read a split that `data` wrote."""
    return [Example(**row) for row in read_jsonl(path)]  # type: ignore[arg-type]


def write_predictions(path: Path, predictions: Iterable[Prediction]) -> Path:
    """Write the predictions of one arm."""
    return write_jsonl(path, (asdict(prediction) for prediction in predictions))


def read_predictions(path: Path) -> list[Prediction]:
    """Read the predictions that a stage wrote."""
    return [Prediction(**row) for row in read_jsonl(path)]  # type: ignore[arg-type]
