"""Train = evaluate = serve: the same adapter gives the same probabilities in both stacks.

Training computes with layers and an order of its own (flat rows, fused products); evaluation and
serving compute with PEFT's layers and transformers' own code. Two stacks never agree to the last
bit. How far they differ on the base model alone is the measure: the tuned model may differ by at
most twice that. The idea is tinker-cookbook's (its pull request 928, 2026).
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from transformers import PreTrainedModel

from medtune.artifacts import Parity, read_examples
from medtune.config import Run
from medtune.llm.load import LanguageModel
from medtune.records import Application
from medtune.tune.batch import Batch, micro_batches
from medtune.tune.job import fastest
from medtune.tune.lesson import render_lessons
from medtune.tune.lora import attached, read_adapter, restore
from medtune.tune.loss import token_losses

EXAMPLES = 16
"""Enough tokens for a mean, and some seconds."""


@torch.no_grad()
def parity(
    run: Run, app: Application, base: LanguageModel, adapter: Path, served: LanguageModel
) -> Parity:
    """Compare the stacks on the first validation examples, token by token.

    Args:
        run: The settings that the adapter was trained with.
        app: Makes prompt and reply.
        base: The base model.
        adapter: The folder that training wrote.
        served: The model with its adapter, loaded as evaluation and serving load it.
    """
    examples = read_examples(run.out / "validation.jsonl")[:EXAMPLES]
    lessons = render_lessons(app, base, examples, "validation", pairs=False)
    batches = micro_batches(
        lessons.rendered, budget=run.tune.micro_batch_tokens, device=base.device
    )
    plain, plain_tuned = _losses(base.model, batches), _losses(served.model, batches)
    with attached(base, run.tune, run.seed) as fresh, fastest(base.model, batches[0]):
        ours = _losses(base.model, batches)
        restore(fresh, read_adapter(adapter, fresh))
        ours_tuned = _losses(base.model, batches)
    return Parity(
        tokens=len(plain),
        base=_distance(ours, plain),
        tuned=_distance(ours_tuned, plain_tuned),
        effect=_distance(plain_tuned, plain),
    )


def _losses(model: PreTrainedModel, batches: Sequence[Batch]) -> Tensor:
    return torch.cat([token_losses(model, batch) for batch in batches])


def _distance(one: Tensor, other: Tensor) -> float:
    """Mean absolute difference in nats per token."""
    return (one - other).abs().mean().item()
