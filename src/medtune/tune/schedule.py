"""The learning rate of each step: linear warm-up, then a cosine down to a tenth of the peak."""

import math

FLOOR = 0.1
"""Share of the peak at the last step, as in Hoffmann et al. 2022, arXiv:2203.15556."""


def learning_rate(step: int, *, steps: int, peak: float, warmup: float) -> float:
    """The rate of a step in [1, steps]. Never zero, never above `peak`.

    Args:
        step: Number of the optimizer step, from 1.
        steps: Optimizer steps of the whole run.
        peak: Rate at the end of the warm-up.
        warmup: Share of the steps that warm up, in [0, 1).
    """
    n_warm = math.ceil(warmup * steps)
    if step <= n_warm:
        return peak * step / n_warm
    done = (step - n_warm) / max(1, steps - n_warm)
    return peak * (FLOOR + (1 - FLOOR) * (1 + math.cos(math.pi * done)) / 2)
