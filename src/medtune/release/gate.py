"""The gates: each compares the bound of a 95 % interval, and an unknown number is not met."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from medtune.artifacts import Agreement, Decision, Evaluation, Parity, Way
from medtune.records import Estimate, Gate, Json

CALIBRATION = "expected_calibration_error"
"""This metric is looked up in the evaluation's `calibration`, not among the arm's estimates."""
RUBRIC = "rubric_score"
"""This one in `judged`, where the judge was shown to agree with people."""
LIKENESS = "likeness"
"""This one never: alike hidden states are no proof of alike meaning."""


@dataclass(frozen=True, slots=True)
class GateResult:
    """A gate, the estimate it was held against, and what came out."""

    gate: Gate
    estimate: Estimate | None
    """None when the evaluation does not hold the number."""
    met: bool
    why: str
    """One sentence with the bound, for the card and the error."""

    def as_json(self) -> dict[str, Json]:
        """The form in which `release.json` keeps it."""
        estimate = None if self.estimate is None else asdict(self.estimate)
        return {**asdict(self.gate), "estimate": estimate, "met": self.met, "why": self.why}


def judge_parity(
    found: Parity,
    pair: str = "trained and served model",
    remedy: str = "tune again, or report this",
) -> str | None:
    """Why the model in the second stack is not the one in the first, or None.

    The tuned model may differ between the two stacks by twice what the base model does, and the
    adapter must show: its effect must be more than that noise.
    """
    if not found.agrees:
        return (
            f"parity: {pair} differ by {found.tuned:.4f} nats per token, and "
            f"{found.limit:.4f} is what the stacks themselves explain; {remedy}"
        )
    if not found.shows:
        return (
            f"parity: the adapter changes the model by {found.effect:.4f} nats per token, "
            f"no more than the noise of {found.limit:.4f}: it has no effect, or is not applied"
        )
    return None


def judge_prompts(found: Agreement) -> str | None:
    """Why the server's prompts are not those that were evaluated, or None."""
    if not found.differ:
        return None
    return (
        f"prompts: of {found.records} validation records, the server would put {len(found.differ)} "
        f"otherwise than the evaluation did (first: {found.differ[0]}), because in a conversation "
        "the question cannot be told from what stands around it; release a way that does not "
        "retrieve, or let the application write its records in one fixed form"
    )


def gates_of(decision: Decision, own: Sequence[Gate], way: Way) -> list[Gate]:
    """The gates that the decision fixed, and the application's own, for what is to be released.

    A tune must beat the best prompt. A prompt is not asked to beat itself or another prompt, for
    which of them is best was the decision's question; all other gates hold for it, too.
    """
    gates = [*decision.gates, *own]
    if way.is_tuned:
        return gates
    return [gate for gate in gates if gate.against not in decision.recipes]


def judge_gates(gates: Sequence[Gate], evaluation: Evaluation) -> list[GateResult]:
    """Hold each gate, once, against the sealed test."""
    return [_judge(gate, evaluation) for gate in dict.fromkeys(gates)]


def _judge(gate: Gate, evaluation: Evaluation) -> GateResult:
    name = gate.metric if gate.against is None else f"{gate.metric} against {gate.against}"
    estimate = _estimate(gate, evaluation)
    if estimate is None:
        return GateResult(gate, None, False, f"{name}: {_missing(gate, evaluation)}, so not met")
    if not (math.isfinite(estimate.low) and math.isfinite(estimate.high)):
        return GateResult(gate, estimate, False, f"{name}: has no finite interval, so not met")
    conditions = [
        (bound, word, limit, fits)
        for bound, word, limit, fits in (
            (estimate.low, "lower bound", gate.at_least, _reaches(estimate.low, gate.at_least)),
            (estimate.high, "upper bound", gate.at_most, _stays(estimate.high, gate.at_most)),
        )
        if limit is not None
    ]
    if not conditions:
        return GateResult(gate, estimate, False, f"{name}: the gate states no bound, so not met")
    texts = [
        f"{word} {bound:.4f} {'meets' if fits else 'misses'} the limit {limit:.4f}"
        for bound, word, limit, fits in conditions
    ]
    return GateResult(
        gate, estimate, all(fits for *_, fits in conditions), f"{name}: {'; '.join(texts)}"
    )


def _reaches(low: float, at_least: float | None) -> bool:
    return at_least is not None and low >= at_least


def _stays(high: float, at_most: float | None) -> bool:
    return at_most is not None and high <= at_most


def _missing(gate: Gate, evaluation: Evaluation) -> str:
    """Why there is no number for the gate."""
    if gate.metric == LIKENESS:
        return "alike hidden states are no proof of alike meaning, and may not gate"
    if gate.metric == RUBRIC and evaluation.judged is not None:
        return "the judge was not shown to agree with people, or missed too many replies"
    return "not measured"


def _estimate(gate: Gate, evaluation: Evaluation) -> Estimate | None:
    """The number that the gate is about, or None if the evaluation does not hold it."""
    name = evaluation.way.name
    if gate.against is not None:
        return next(
            (
                comparison.difference
                for comparison in evaluation.comparisons
                if (comparison.arm, comparison.against, comparison.metric)
                == (name, gate.against, gate.metric)
            ),
            None,
        )
    if gate.metric == CALIBRATION:
        return evaluation.calibration.get(name)
    if gate.metric == RUBRIC:
        judged = evaluation.judged
        return judged.score if judged is not None and judged.may_gate else None
    own = next((arm for arm in evaluation.arms if arm.name == name), None)
    return None if own is None else own.estimates.get(gate.metric)
