"""From rendered examples to the passes of each optimizer step.

A pass is one forward and backward of some examples that lie end to end, without padding; what they
begin with is computed once. Shapes: T tokens of the row, S supervised tokens.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from medtune.llm.flat import Row, row
from medtune.llm.render import Rendered


class Batch(NamedTuple):
    """One forward and backward pass."""

    tokens: Row
    rows_S: Tensor
    """Positions in the row whose next token is supervised."""
    targets_S: Tensor
    """The token that follows each of `rows_S`."""
    n_tokens: int
    """Tokens of the examples. Fewer are computed where the examples begin alike."""

    @property
    def n_supervised(self) -> int:
        """Tokens that carry a training signal."""
        return len(self.targets_S)


def plan(ids: Sequence[str], *, seed: int, epochs: int, examples_per_step: int) -> list[list[int]]:
    """Which examples each optimizer step learns from, as indices into `ids`.

    Every epoch sees every example once. The order is a hash of seed, epoch and id, so it depends
    on no generator's state, and not on the order of the file.
    """
    steps: list[list[int]] = []
    for epoch in range(epochs):
        keys = [hashlib.sha256(f"{seed}/{epoch}/{name}".encode()).digest() for name in ids]
        order = sorted(range(len(ids)), key=keys.__getitem__)
        steps += [
            order[at : at + examples_per_step] for at in range(0, len(order), examples_per_step)
        ]
    return steps


def cut(lengths: Sequence[int], budget: int, share: int = 1) -> list[list[int]]:
    """Group examples into passes of at most `budget` tokens, as even as they come.

    The number of passes is a multiple of `share`, where there are examples enough, so that as many
    processes have equal work. An example longer than the budget is a pass of its own: it is never
    cut short. Within a pass the longest comes first.
    """
    longest_first = sorted(range(len(lengths)), key=lambda index: (-lengths[index], index))
    passes = share * max(1, -(-sum(lengths) // (share * budget)))
    while True:
        groups: list[list[int]] = [[] for _ in range(min(passes, len(lengths)))]
        loads = [0] * len(groups)
        for index in longest_first:
            lightest = min(range(len(groups)), key=loads.__getitem__)
            groups[lightest].append(index)
            loads[lightest] += lengths[index]
        fits = all(
            load <= budget or len(group) == 1 for load, group in zip(loads, groups, strict=True)
        )
        if fits:
            return groups
        passes += share


def lay(examples: Sequence[Rendered], device: torch.device) -> Batch:
    """Lay the examples end to end, and what they all begin with once before them."""
    beginning = _common(examples)
    rows: list[int] = []
    targets: list[int] = []
    start = 0
    for example in examples:
        for at in range(beginning, len(example.ids)):
            if at and example.supervised[at]:
                rows.append(beginning - 1 if at == beginning else start + at - 1)
                targets.append(example.ids[at])
        start += len(example.ids) - beginning
    return Batch(
        row([example.ids for example in examples], beginning, device),
        rows_S=torch.tensor(rows, dtype=torch.long, device=device),
        targets_S=torch.tensor(targets, dtype=torch.long, device=device),
        n_tokens=sum(len(example.ids) for example in examples),
    )


def _common(examples: Sequence[Rendered]) -> int:
    """Tokens that all examples begin with, as far as none is supervised and each goes on."""
    if len(examples) == 1:
        return 0
    unsupervised = min([*example.supervised, True].index(True) for example in examples)
    longest = min(unsupervised, *(len(example.ids) - 1 for example in examples))
    columns = zip(*(example.ids[:longest] for example in examples), strict=True)
    return next((at for at, column in enumerate(columns) if len(set(column)) > 1), longest)


def micro_batches(
    examples: Sequence[Rendered], *, budget: int, device: torch.device, share: int = 1
) -> list[Batch]:
    """Cut the examples of one step into passes: see `cut`."""
    groups = cut([len(example.ids) for example in examples], budget, share)
    return [lay([examples[index] for index in group], device) for group in groups]
