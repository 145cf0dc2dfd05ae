"""The table of one run, for the docs: `benchmarks/run_table.py RUN.yaml [key.path=value ...]`.

Runs every stage (what is unchanged is not done again), then prints every arm on the sealed test
with its 95 % interval, the paired differences, and the verdict. The last line is one JSON object.
"""

import json
import sys
from pathlib import Path

from medtune.artifacts import Decision, Evaluation, TuneRecord
from medtune.config import load_run
from medtune.pipeline import CHAIN, Job, run_stages
from medtune.records import Estimate


def text(found: Estimate) -> str:
    """Value and interval."""
    return f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"


def main() -> None:
    """Run the chain and print the table."""
    run = load_run(Path(sys.argv[1]), sys.argv[2:])
    job = Job(run)
    for name in CHAIN:  # one by one: a decision against tuning would end the chain
        run_stages(job, (name,), lambda line: print(line, file=sys.stderr))
    decision, evaluation = Decision.load(run.out), Evaluation.load(run.out)
    record = TuneRecord.load(run.out)
    metrics = list(evaluation.arms[0].estimates)
    print(f"| arm | {' | '.join(metrics)} | calibration error |")
    print("|---|" + "---|" * (len(metrics) + 1))
    for arm in evaluation.arms:
        ece = evaluation.calibration.get(arm.name)
        cells = [text(arm.estimates[name]) for name in metrics]
        print(f"| {arm.name} | {' | '.join(cells)} | {text(ece) if ece else ''} |")
    print(f"\n| tuned against | difference in {evaluation.primary} | p, adjusted | better? |")
    print("|---|---|---|---|")
    for one in evaluation.comparisons:
        print(f"| {one.against} | {text(one.difference)} | {one.p_adjusted:.2g} | {one.verdict} |")
    summary = {
        "verdict": decision.verdict,
        "recommendation": decision.recommendation,
        "n_test": evaluation.arms[0].estimates[evaluation.primary].n,
        "numerics": record.numerics,
        "train_seconds": round(record.seconds),
        "arms": {arm.name: arm.estimates[evaluation.primary].value for arm in evaluation.arms},
    }
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
