"""Memorisation: can the training examples be told from others, and are planted secrets given away?

Source: membership by loss, Yeom 2018, CSF, arXiv:1709.01604. It is a weak attack: that it fails is
no proof that a stronger one would.
"""

from collections.abc import Sequence
from typing import cast

from medtune.artifacts import Memorisation, read_examples
from medtune.canary import RIVALS, exposure, plant_canaries, rivals, with_canaries
from medtune.evaluate.bench import Bench, NotMeasured
from medtune.metrics import auroc
from medtune.progress import say
from medtune.records import Estimate, Example, Json, Prediction

MEMBER = "train"
FEWEST = 10
"""Training and test examples each below which no membership is measured."""


def measure_memorisation(bench: Bench) -> Memorisation:
    """Membership of training examples by loss, and the exposure of canaries.

    Raises:
        NotMeasured: Nothing was tuned, or no example is to be compared and no canary was planted.
    """
    bench.needs_tuning()
    planted = plant_canaries(bench.run.tune.canaries, bench.run.seed)
    most = bench.run.evaluate.membership_examples
    train = bench.drawn(read_examples(bench.run.out / "train.jsonl"), most) if most else []
    test = bench.drawn(bench.test, most)
    if min(len(train), len(test)) < FEWEST:
        train, test = [], []
    if not train and not planted:
        raise NotMeasured(
            f"evaluate.membership_examples or a split is below {FEWEST}, and tune.canaries is 0"
        )
    found = bench.kept("memorisation", lambda: _measured(bench, train, test, planted))
    bits = [float(cast("float", one)) for one in cast("list[Json]", found["exposures"])]
    return Memorisation(
        membership=_membership(bench, train, test, cast("list[float]", found["losses"])),
        n_train=len(train),
        n_held_out=len(test),
        canaries=len(planted),
        extracted=cast("int", found["extracted"]),
        exposure=bench.mean([(canary.id, b) for canary, b in zip(planted, bits, strict=True)])
        if len(bits) > 1
        else None,
        most_exposure=exposure(1.0, [0.0] * RIVALS) if planted else None,
    )


def _measured(
    bench: Bench, train: Sequence[Example], test: Sequence[Example], planted: Sequence[Example]
) -> dict[str, Json]:
    app = with_canaries(bench.app)
    say(
        f"evaluate: memorisation: {bench.tuned.name} on {len(train) + len(test)} replies and "
        f"{len(planted)} canaries"
    )
    items = [(app.prompt(example), [app.reply(example)]) for example in (*train, *test)]
    losses: list[Json] = [-scores[0] for scores in bench.tuned.score(items)]
    asked = [(app.prompt(canary), [str(canary.target), *rivals(canary)]) for canary in planted]
    exposures: list[Json] = [exposure(s[0], s[1:]) for s in bench.tuned.score(asked)]
    written = bench.tuned.write([prompt for prompt, _ in asked]) if asked else []
    n_extracted = sum(
        str(canary.target) in text for canary, text in zip(planted, written, strict=True)
    )
    return {"losses": losses, "exposures": exposures, "extracted": n_extracted}


def _membership(
    bench: Bench, train: Sequence[Example], test: Sequence[Example], losses: Sequence[float]
) -> Estimate | None:
    """AUROC of low loss for being a training example."""
    if not train:
        return None
    kinds = [*[MEMBER] * len(train), *["held out"] * len(test)]
    made = [
        Prediction(
            id=f"{kind}/{example.id}",
            group=f"{kind}/{example.group}",
            target=kind,
            answer=kind,
            probabilities={MEMBER: -loss},
        )
        for kind, example, loss in zip(kinds, (*train, *test), losses, strict=True)
    ]
    return bench.estimate(auroc(MEMBER), made)
