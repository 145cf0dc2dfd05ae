"""Free text: how alike answer and target look to the base model. No gate may use it."""

from medtune.evaluate.bench import Bench, NotMeasured
from medtune.progress import say
from medtune.records import Estimate

MOST = 50
"""Test examples that are compared."""


def measure_likeness(bench: Bench) -> Estimate:
    """The mean cosine of the mean hidden states of answer and target, from -1 to 1.

    Raises:
        NotMeasured: The answers are no free texts.
    """
    texts = [
        p
        for p in bench.answers.predictions
        if not p.failed and isinstance(p.answer, str) and isinstance(p.target, str)
    ]
    if bench.app.choices is not None or not texts:
        raise NotMeasured("the answers are no free text")
    chosen = bench.drawn(texts, MOST)
    say(f"evaluate: likeness: base on {len(chosen)} pairs of answer and target")
    cosines = bench.base.liken([(str(p.target), str(p.answer)) for p in chosen])
    values = [(p.group, cosine) for p, cosine in zip(chosen, cosines, strict=True)]
    return bench.mean(values, lowest=-1.0)
