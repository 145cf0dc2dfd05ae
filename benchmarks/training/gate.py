"""How a contestant is made to wait its turn: a step is taken when the referee says so."""

import json
import resource
from pathlib import Path
from typing import NamedTuple


class Lesson(NamedTuple):
    """One example of the workload: token ids, of which all after the prompt are supervised."""

    ids: list[int]
    n_prompt: int


def steps(work: Path) -> list[list[Lesson]]:
    """The examples of each optimizer step."""
    content = json.loads((work / "steps.json").read_text(encoding="utf-8"))
    return [[Lesson(*one) for one in step] for step in content]


def first_adapter(work: Path) -> Path | None:
    """The file of the adapter that all start from; None where all weights learn."""
    path = work / "adapter.pt"
    return path if path.exists() else None


def rate(work: Path) -> float:
    """The learning rate, for adapters the usual ten times that for all weights."""
    return 5e-5 if first_adapter(work) is None else 5e-4


class Gate:
    """A contestant's end of the wire: one per process."""

    def __init__(self, work: Path, name: str, rank: int) -> None:
        self._orders = (work / f"{name}.{rank}.go").open(encoding="utf-8")
        self._replies = (work / f"{name}.{rank}.done").open("w", encoding="utf-8")

    def wait(self) -> None:
        """Return when it is this contestant's turn; end the process when there are no more."""
        if self._orders.readline() != "go\n":
            raise SystemExit(0)

    def done(self, loss: float, peak: int | None = None) -> None:
        """Tell the referee that the step is done."""
        held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 if peak is None else peak
        self._replies.write(json.dumps({"loss": loss, "peak": held}) + "\n")
        self._replies.flush()
