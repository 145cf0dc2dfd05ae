"""What the stages write: typed, versioned JSON, each naming the SHA-256 of what it was made from.

A stage's artifact is written last, in one atomic step, so its presence says that the stage ended.
`key` is the hash of everything the stage depends on: while it is unchanged and the outputs still
have their hashes, the stage need not run again.
"""

from medtune.artifacts.data import Check, DataCard, Forecast, Outcome, TokenCount, Topic
from medtune.artifacts.files import (
    atomic,
    canonical_sha256,
    iter_examples,
    read_examples,
    read_jsonl,
    read_predictions,
    sha256_file,
    sha256_path,
    sha256_text,
    stage_key,
    write_examples,
    write_jsonl,
    write_predictions,
    write_text,
)
from medtune.artifacts.head import Artifact
from medtune.artifacts.kinds import (
    Arm,
    Comparison,
    Decision,
    DriftTest,
    Evaluation,
    Monitor,
    Release,
    TuneRecord,
)

__all__ = [
    "Arm",
    "Artifact",
    "Check",
    "Comparison",
    "DataCard",
    "Decision",
    "DriftTest",
    "Evaluation",
    "Forecast",
    "Monitor",
    "Outcome",
    "Release",
    "TokenCount",
    "Topic",
    "TuneRecord",
    "atomic",
    "canonical_sha256",
    "iter_examples",
    "read_examples",
    "read_jsonl",
    "read_predictions",
    "sha256_file",
    "sha256_path",
    "sha256_text",
    "stage_key",
    "write_examples",
    "write_jsonl",
    "write_predictions",
    "write_text",
]
