"""What replies that need no model score on the impressions: `benchmarks/note_floors.py [N] [SEED]`.

The reference itself, one constant sentence, the findings copied, and another report's impression,
on N reports of the Open-i archive drawn by seed. The last line is one JSON object.
"""

import json
import random
import sys
from collections.abc import Callable

from medtune.apps import documentation
from medtune.config import SourceSection
from medtune.fetch import resolve_source
from medtune.records import Example, Prediction

CONSTANT = "No acute cardiopulmonary abnormality."


def main() -> None:
    """Draw, reply and score."""
    n, seed = (
        int(sys.argv[i]) if len(sys.argv) > i else default for i, default in ((1, 500), (2, 0))
    )
    wheel = resolve_source(SourceSection(source="pypi:torchxrayvision==1.5.7"), offline=False)
    examples = list(documentation.load([wheel]))
    rng = random.Random(seed)
    drawn = rng.sample(examples, n)
    replies: dict[str, Callable[[Example], str]] = {
        "reference": documentation.reply,
        "constant": lambda _: CONSTANT,
        "copy of the findings": lambda e: e.fields["source"].split("Findings: ")[1],
        "another report's": lambda _: documentation.reply(rng.choice(examples)),
    }
    metrics = documentation.APP.metrics
    print(f"| reply | {' | '.join(metrics)} |\n|---|{'---|' * len(metrics)}")
    table: dict[str, dict[str, float]] = {}
    for name, reply in replies.items():
        predictions = [
            Prediction(e.id, e.group, e.target, documentation.parse(e, reply(e))) for e in drawn
        ]
        table[name] = {key: round(metric(predictions), 3) for key, metric in metrics.items()}
        print(f"| {name} | {' | '.join(f'{v:.3f}' for v in table[name].values())} |")
    print(json.dumps({"n": n, "seed": seed, "scores": table}))


if __name__ == "__main__":
    main()
