"""What the stages write: typed, versioned JSON, each naming the SHA-256 of what it was made from.

A stage's artifact is written last, in one atomic step, so its presence says that the stage ended.
`key` is the hash of everything the stage depends on: while it is unchanged and the outputs still
have their hashes, the stage need not run again.
"""

from medtune.artifacts.evaluation import (
    Confidence,
    Dated,
    Domain,
    Evaluation,
    Fairness,
    Judged,
    LeftOut,
    Memorisation,
    Perturbed,
    Retained,
    Selection,
    SetResult,
    SubgroupRow,
    SwapResult,
)
from medtune.artifacts.files import (
    atomic,
    canonical_sha256,
    read_examples,
    read_jsonl,
    read_predictions,
    sha256_file,
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
    DataCard,
    Decision,
    DriftTest,
    Monitor,
    Release,
    TokenCount,
    TuneRecord,
)

__all__ = [
    "Arm",
    "Artifact",
    "Comparison",
    "Confidence",
    "DataCard",
    "Dated",
    "Decision",
    "Domain",
    "DriftTest",
    "Evaluation",
    "Fairness",
    "Judged",
    "LeftOut",
    "Memorisation",
    "Monitor",
    "Perturbed",
    "Release",
    "Retained",
    "Selection",
    "SetResult",
    "SubgroupRow",
    "SwapResult",
    "TokenCount",
    "TuneRecord",
    "atomic",
    "canonical_sha256",
    "read_examples",
    "read_jsonl",
    "read_predictions",
    "sha256_file",
    "sha256_text",
    "stage_key",
    "write_examples",
    "write_jsonl",
    "write_predictions",
    "write_text",
]
