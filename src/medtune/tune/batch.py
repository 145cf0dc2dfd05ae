"""From lessons to the passes of each optimizer step.

A pass is one forward and backward of some lessons that lie end to end, without padding; what they
begin with is computed once. Shapes: T tokens of the row, S supervised tokens.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from medtune.llm.flat import Row, row
from medtune.llm.render import Rendered

Lesson = tuple[Rendered, ...]
"""What is learnt as one: a prompt with its reply, or that and the same prompt with a worse one."""


class Batch(NamedTuple):
    """One forward and backward pass."""

    tokens: Row
    rows_S: Tensor
    """Positions in the row whose next token is supervised."""
    targets_S: Tensor
    """The token that follows each of `rows_S`."""
    sequences_S: Tensor
    """The number of the sequence, from 0, that each of `rows_S` belongs to."""
    n_sequences: int
    n_tokens: int
    """Tokens of the sequences. Fewer are computed where they begin alike."""
    is_replay: bool = False
    """Whether this is general text against forgetting, not what is to be learnt."""

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


def lay(lessons: Sequence[Lesson], device: torch.device) -> Batch:
    """Lay the sequences end to end, and what they all begin with once before them."""
    sequences = [sequence for lesson in lessons for sequence in lesson]
    beginning = _common(sequences)
    rows: list[int] = []
    targets: list[int] = []
    owners: list[int] = []
    start = 0
    for number, sequence in enumerate(sequences):
        for at in range(beginning, len(sequence.ids)):
            if at and sequence.supervised[at]:
                rows.append(beginning - 1 if at == beginning else start + at - 1)
                targets.append(sequence.ids[at])
                owners.append(number)
        start += len(sequence.ids) - beginning
    return Batch(
        row([sequence.ids for sequence in sequences], beginning, device),
        rows_S=torch.tensor(rows, dtype=torch.long, device=device),
        targets_S=torch.tensor(targets, dtype=torch.long, device=device),
        sequences_S=torch.tensor(owners, dtype=torch.long, device=device),
        n_sequences=len(sequences),
        n_tokens=sum(len(sequence.ids) for sequence in sequences),
    )


def n_tokens(lesson: Lesson) -> int:
    """Tokens of a lesson's sequences together."""
    return sum(len(sequence.ids) for sequence in lesson)


def _common(sequences: Sequence[Rendered]) -> int:
    """Tokens that all sequences begin with, as far as none is supervised and each goes on."""
    if len(sequences) == 1:
        return 0
    unsupervised = min([*sequence.supervised, True].index(True) for sequence in sequences)
    longest = min(unsupervised, *(len(sequence.ids) - 1 for sequence in sequences))
    columns = zip(*(sequence.ids[:longest] for sequence in sequences), strict=True)
    return next((at for at, column in enumerate(columns) if len(set(column)) > 1), longest)


def micro_batches(
    lessons: Sequence[Lesson], *, budget: int, device: torch.device, share: int = 1
) -> list[Batch]:
    """Cut the lessons of one step into passes: see `cut`."""
    groups = cut([n_tokens(lesson) for lesson in lessons], budget, share)
    return [lay([lessons[index] for index in group], device) for group in groups]
