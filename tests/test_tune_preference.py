"""Preference tuning: the loss is the published one, and the better reply becomes more probable."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_tune import APP, examples, language_model, make_run, rows, settings, tiny_model

from medtune.errors import ConfigError, DataError
from medtune.llm.flat import flat
from medtune.llm.render import Rendered
from medtune.records import Example
from medtune.tune import fit
from medtune.tune.batch import lay, micro_batches
from medtune.tune.job import at_work, job
from medtune.tune.objective import objective

PAIRED = replace(APP, rejected=lambda example: "no" if example.target == "yes" else "yes")


def log_p(model, sequence: Rendered) -> float:
    """The plain way: one sequence at a time, all logits."""
    logits_TV = model(input_ids=torch.tensor([sequence.ids])).logits[0].log_softmax(-1)
    at = [i for i, learnt in enumerate(sequence.supervised) if learnt]
    return sum(float(logits_TV[i - 1, sequence.ids[i]]) for i in at)


def pair(prompt: list[int], better: list[int], worse: list[int]) -> tuple[Rendered, Rendered]:
    return tuple(
        Rendered(prompt + tail, [False] * len(prompt) + [True] * len(tail))
        for tail in (better, worse)
    )


PAIRS = [pair([5, 6, 7], [9, 10, 1], [11, 1]), pair([5, 6, 8, 9], [12, 1], [13, 14, 15, 1])]


@torch.no_grad()
def test_simpo_is_the_published_formula() -> None:
    model = tiny_model(torch.float64)
    tune = settings(objective="simpo", beta=2.0, preference_margin=0.5)
    with flat(model):
        ours = objective(tune).loss(model, lay(PAIRS, torch.device("cpu"))).item()
    expected = 0.0
    for better, worse in PAIRS:
        means = [log_p(model, one) / sum(one.supervised) for one in (better, worse)]
        expected += math.log1p(math.exp(-(2.0 * (means[0] - means[1]) - 0.5)))
    assert ours == pytest.approx(expected, rel=1e-6)
    assert objective(tune).units(lay(PAIRS, torch.device("cpu"))) == 2


def test_dpo_is_the_published_formula_and_starts_at_log_2() -> None:
    tune, lm = settings(objective="dpo", beta=0.3), language_model()
    run = make_run(Path("unused"), tune)
    asked = job(run, PAIRED, lm, examples(8), examples(4, "v"))
    with torch.no_grad():
        base = [log_p(lm.model, one) for lesson in PAIRS for one in lesson]
    with at_work(asked) as ready:
        batch = lay(PAIRS, torch.device("cpu"))
        assert ready.team.look()["validation"].loss == pytest.approx(math.log(2), rel=1e-5)
        with torch.no_grad():
            for weight in ready.adapter.weights.values():
                weight.add_(0.05)
            ours = objective(tune, ready.adapter.as_base).loss(lm.model, batch).item()
            tuned = [
                -float(part.sum())
                for one in (sequence for lesson in PAIRS for sequence in lesson)
                for part in [_losses(lm.model, one)]
            ]
    margins = [0.3 * ((tuned[i] - tuned[i + 1]) - (base[i] - base[i + 1])) for i in (0, 2)]
    assert ours == pytest.approx(sum(math.log1p(math.exp(-m)) for m in margins), rel=1e-4)
    assert max(abs(m) for m in margins) > 1e-3, "the adapter had no effect"


def _losses(model, sequence: Rendered) -> torch.Tensor:
    from medtune.tune.loss import token_losses

    return token_losses(model, lay([(sequence,)], torch.device("cpu")))


@pytest.mark.parametrize("name", ["dpo", "simpo"])
def test_the_better_reply_becomes_the_more_probable_one(name: str, tmp_path) -> None:
    lm = language_model()
    tune = settings(objective=name, beta=1.0, epochs=4, learning_rate=0.01)
    run = make_run(tmp_path, tune)
    train, checks = examples(32), examples(8, "v")
    done = fit(run, PAIRED, lm, train, checks, folder=tmp_path, what="tiny", identity={"data": "d"})
    assert name.upper() in done.method
    losses = [row["loss"] for row in rows(tmp_path) if "loss" in row]
    assert sum(losses[-4:]) < 0.5 * sum(losses[:4])


def test_a_pair_is_never_divided_between_passes() -> None:
    for micro in (1, 12, 100):
        for batch in micro_batches(PAIRS, budget=micro, device=torch.device("cpu")):
            assert batch.n_sequences % 2 == 0


def test_without_worse_replies_it_is_refused(tmp_path) -> None:
    run = make_run(tmp_path, settings(objective="dpo"))
    with pytest.raises(ConfigError, match=r"tune\.objective: tiny has no worse replies"):
        job(run, APP, language_model(), examples(4), examples(2, "v"))


def test_equal_replies_are_refused_by_the_records_id(tmp_path) -> None:
    run = make_run(tmp_path, settings(objective="simpo"))
    same = replace(PAIRED, rejected=lambda example: str(example.target))
    record = Example("r7", "g", {"text": "some text"}, "yes")
    with pytest.raises(DataError, match=r"record r7: the better and the worse reply are the same"):
        job(run, same, language_model(), [record], [record])
