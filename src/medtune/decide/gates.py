"""The gates of the release, fixed by the decision before anything is tuned."""

from collections.abc import Mapping
from typing import cast

from medtune.artifacts import Decision
from medtune.config import GoalName
from medtune.decide.baselines import MAJORITY
from medtune.decide.compare import TUNES
from medtune.decide.goal import RULES, TOLERANCE
from medtune.decide.prompting import ENDPOINT
from medtune.decide.verdict import best_rival, without
from medtune.records import Estimate, Gate

CALIBRATION = "expected_calibration_error"
STRICTEST, LOOSEST = 0.15, 0.25
"""Limits of the calibration gate, our own choice: on average, the confidence is within so much of
the truth. A badly calibrated base model does not excuse a badly calibrated release."""


def fixed_gates(decision: Decision, calibration: Mapping[str, Estimate]) -> list[Gate]:
    """The gates that the tuned model must pass on the sealed test, fixed before tuning.

    It must be better than the best prompting arm by the margin and no worse than the most frequent
    answer, by what the goal decides. Where that is a part of the records, the primary metric over
    all of them may lose what is tolerated to that arm, and is no worse than that answer either. An
    outside model is no such arm here, for the sealed test is not sent to it. Where both the small
    tune and that arm state confidences, the upper bound of the calibration error must not exceed
    that of the arm, within 0.15 to 0.25.
    """
    best = best_rival(without(decision, ENDPOINT))
    cheap = RULES[cast("GoalName", decision.goal)].improves == "cost"
    asked = {
        decision.primary: -TOLERANCE,
        decision.objective or decision.primary: -decision.margin if cheap else decision.margin,
    }
    gates = [
        gate
        for metric, bound in reversed(asked.items())
        for gate in (
            Gate(metric, at_least=bound, against=best),
            Gate(metric, at_least=0.0, against=MAJORITY),
        )
    ]
    if TUNES[0] in calibration and best in calibration:
        limit = min(max(calibration[best].value, STRICTEST), LOOSEST)
        gates.append(Gate(CALIBRATION, at_most=limit))
    return gates
