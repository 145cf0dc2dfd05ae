"""From rendered examples to the micro-batches of each optimizer step.

Shapes: B examples, T padded tokens, S supervised tokens. Padding goes to the right and there is no
attention mask: in a causal decoder no token attends to what comes after it, so padding cannot
reach a real token, and the rows of the padding are never scored.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from medtune.llm.render import Rendered


class Batch(NamedTuple):
    """One forward and backward pass."""

    input_ids_BT: Tensor
    rows_S: Tensor
    """Positions in the flattened B x T grid whose next token is supervised."""
    targets_S: Tensor
    """The token that follows each of `rows_S`."""
    n_tokens: int
    """Tokens without the padding."""

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


def cut(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Group examples of like length, each group at most `budget` padded tokens.

    An example longer than the budget is a group of its own: it is never cut short.
    """
    longest_first = sorted(range(len(lengths)), key=lambda index: (-lengths[index], index))
    groups: list[list[int]] = []
    for index in longest_first:
        if groups and lengths[groups[-1][0]] * (len(groups[-1]) + 1) <= budget:
            groups[-1].append(index)
        else:
            groups.append([index])
    return groups


def pad(examples: Sequence[Rendered], pad_id: int, device: torch.device) -> Batch:
    """Lay the examples into one grid, padded to the right."""
    longest = max(len(example.ids) for example in examples)
    grid = [example.ids + [pad_id] * (longest - len(example.ids)) for example in examples]
    rows: list[int] = []
    targets: list[int] = []
    for line, example in enumerate(examples):
        for at in range(1, len(example.ids)):
            if example.supervised[at]:
                rows.append(line * longest + at - 1)
                targets.append(example.ids[at])
    return Batch(
        input_ids_BT=torch.tensor(grid, device=device),
        rows_S=torch.tensor(rows, dtype=torch.long, device=device),
        targets_S=torch.tensor(targets, dtype=torch.long, device=device),
        n_tokens=sum(len(example.ids) for example in examples),
    )


def micro_batches(
    examples: Sequence[Rendered], *, budget: int, pad_id: int, device: torch.device
) -> list[Batch]:
    """Cut the examples of one step into passes of at most `budget` padded tokens."""
    groups = cut([len(example.ids) for example in examples], budget)
    return [pad([examples[index] for index in group], pad_id, device) for group in groups]
