"""The table of one run, for the docs: `benchmarks/run_table.py RUN.yaml [key.path=value ...]`.

Runs every stage up to the evaluation (what is unchanged is not done again), then prints every arm
on the sealed test with its 95 % interval, the paired differences, and the verdict. The last line is
one JSON object.
"""

import json
import sys
from pathlib import Path

from medtune.artifacts import Decision, Evaluation, TuneRecord
from medtune.config import load_run
from medtune.pipeline import Job, run_stages
from medtune.records import Estimate

STAGES = ("data", "decide", "tune", "evaluate")


def text(found: Estimate) -> str:
    """Value and interval."""
    return f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"


def row(cells: list[str]) -> str:
    """One row of a table."""
    return f"| {' | '.join(cells)} |"


def summary(decision: Decision, evaluation: Evaluation, record: TuneRecord) -> dict[str, object]:
    """The JSON object of the last line."""
    primary = evaluation.primary
    return {
        "verdict": decision.verdict,
        "recommendation": decision.recommendation,
        "metric": primary,
        "n_test": evaluation.arms[0].estimates[primary].n,
        "numerics": record.numerics,
        "train_seconds": round(record.seconds),
        "arms": {
            arm.name: [getattr(arm.estimates[primary], part) for part in ("value", "low", "high")]
            for arm in evaluation.arms
        },
        "tuned_against": {
            one.against: {
                "difference": [one.difference.value, one.difference.low, one.difference.high],
                "p_adjusted": one.p_adjusted,
                "better": one.verdict,
            }
            for one in evaluation.comparisons
        },
    }


def main() -> None:
    """Run the stages and print the table."""
    run = load_run(Path(sys.argv[1]), sys.argv[2:])
    job = Job(run)
    for name in STAGES:  # one by one: a decision against tuning would end the chain
        run_stages(job, (name,), lambda line: print(line, file=sys.stderr))
    decision, evaluation = Decision.load(run.out), Evaluation.load(run.out)
    metrics = list(evaluation.arms[0].estimates)
    print(row(["arm", *metrics, "calibration error"]))
    print("|---" * (len(metrics) + 2) + "|")
    for arm in evaluation.arms:
        ece = evaluation.calibration.get(arm.name)
        cells = [text(arm.estimates[name]) for name in metrics]
        print(row([arm.name, *cells, text(ece) if ece else ""]))
    print(f"\n| tuned against | difference in {evaluation.primary} | p, adjusted | better? |")
    print("|---|---|---|---|")
    for one in evaluation.comparisons:
        print(row([one.against, text(one.difference), f"{one.p_adjusted:.2g}", one.verdict]))
    print(json.dumps(summary(decision, evaluation, TuneRecord.load(run.out))))


if __name__ == "__main__":
    main()
