"""Which weights are kept: levers against forgetting that act between two steps and at each look.

What a look judges is what would be kept: the running mean of the weights, where there is one, and
of that the asked share of the way from the base model.

Sources: Li et al. 2018, arXiv:1802.01483 (decay towards the start, L2-SP; here apart from the
gradient, as in Loshchilov and Hutter 2019, arXiv:1711.05101); Polyak and Juditsky 1992,
doi:10.1137/0330046 (averaging); Wortsman et al. 2022, arXiv:2109.01903 (interpolation, WiSE-FT).
"""

from collections.abc import Generator
from contextlib import contextmanager

import torch
from torch import Tensor

from medtune.config import TuneSection
from medtune.tune.loop import StepLog
from medtune.tune.lora import Adapter, copies, restore


@torch.no_grad()
def steer(adapter: Adapter, mean: dict[str, Tensor], tune: TuneSection, log: StepLog) -> None:
    """After an optimizer step: go back a part of the way, and let the running mean follow.

    Args:
        adapter: What is trained.
        mean: Is filled at the first step, and moved at each; stays empty where none is asked for.
        tune: The settings.
        log: Of the step.
    """
    back = min(1.0, tune.towards_start * log.learning_rate)
    if back:
        for name, weight in adapter.weights.items():
            weight.lerp_(adapter.start[name].to(weight.dtype), back)
    if tune.average:
        # A plain mean of all steps until they are as many as the decay remembers.
        share = 1 - min(tune.average, (log.step - 1) / log.step)
        for name, weight in adapter.weights.items():
            if name in mean:
                mean[name].lerp_(weight, share)
            else:
                mean[name] = weight.detach().clone()


@contextmanager
def as_kept(adapter: Adapter, mean: dict[str, Tensor], share: float) -> Generator[None]:
    """Have the weights that would be kept in place while the block runs."""
    if not mean and share == 1:
        yield
        return
    training = copies(adapter.weights)
    if mean:
        restore(adapter, mean)
    if share < 1:
        _scale(adapter, share)
    try:
        yield
    finally:
        restore(adapter, training)


@torch.no_grad()
def _scale(adapter: Adapter, share: float) -> None:
    """Leave this share of the change: exact for LoRA, whose change is the product of two."""
    for name, weight in adapter.weights.items():
        if adapter.config is None:
            weight.lerp_(adapter.start[name].to(weight.dtype), 1 - share)
        elif ".lora_B." in name:
            weight.mul_(share)
