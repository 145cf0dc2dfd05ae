"""Greedy replies to many prompts: a row that is done leaves, and the next prompt takes its slot.

In a fixed batch every row waits for the longest reply. Here the batch stays full until the prompts
run out. Prompts are read several at once, when a quarter of the slots is free: one by one they
would stop the others too often.

Source of the idea: Yu et al. 2022, Orca (OSDI), continuous batching.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, cast

import torch
from torch import Tensor

from medtune.llm.load import LanguageModel
from medtune.llm.slots import Beginning, Slots, fill, slotted, write

_REFILL: Final = 4
"""Prompts are read when one in so many slots is free."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What one reply needs."""

    number: int
    rest: list[int]
    """After the common beginning; at least one token."""
    limit: int
    """Most new tokens."""


@dataclass(slots=True)
class _Row:
    """A slot at work."""

    prompt: Prompt
    written: list[int] = field(default_factory=list[int])

    @property
    def held(self) -> int:
        """Tokens in its slot: the last one written is not fed yet."""
        return len(self.prompt.rest) + len(self.written) - 1


@torch.inference_mode()
def write_replies(
    lm: LanguageModel,
    beginning: Beginning,
    prompts: Sequence[Prompt],
    *,
    n_slots: int,
    batch_tokens: int,
) -> dict[int, list[int]]:
    """The new tokens of each prompt, by its number, up to and with the one that ends the turn.

    Args:
        lm: The model, of a kind for which `slots.is_exact`.
        beginning: Of what all prompts begin with.
        prompts: Those of similar length should be neighbours, the longest first.
        n_slots: Most rows at once.
        batch_tokens: Most tokens of the prompts that are read at once, unless one has more.
    """
    places = max(len(one.rest) + one.limit for one in prompts)
    slots = Slots(min(n_slots, len(prompts)), places, beginning)
    waiting, rows = list(prompts)[::-1], list[_Row]()
    done: dict[int, list[int]] = {}
    stops = set(lm.renderer.stop_ids)
    with slotted(lm.model):
        while waiting or rows:
            free = slots.n - len(rows)
            if waiting and free and (_REFILL * free >= slots.n or not rows):
                new = _next(waiting, free, batch_tokens)
                logits = fill(lm.model, slots, len(rows), [one.rest for one in new])
                fresh = [_Row(one) for one in new]
                rows += fresh
            else:
                fresh = rows
                last = [row.written[-1] for row in rows]
                logits = write(lm.model, slots, last, [row.held for row in rows])
            for row, token in zip(fresh, _best(logits), strict=True):
                row.written.append(token)
            _leave(rows, slots, stops, done)
    return done


def _next(waiting: list[Prompt], free: int, batch_tokens: int) -> list[Prompt]:
    """Take prompts off the end of the waiting ones, as many as fit."""
    taken = [waiting.pop()]
    n_tokens = len(taken[0].rest)
    while waiting and len(taken) < free and n_tokens + len(waiting[-1].rest) <= batch_tokens:
        taken.append(waiting.pop())
        n_tokens += len(taken[-1].rest)
    return taken


def _best(logits_nV: Tensor) -> list[int]:
    return cast("list[int]", logits_nV.argmax(dim=-1).tolist())


def _leave(rows: list[_Row], slots: Slots, stops: set[int], done: dict[int, list[int]]) -> None:
    """Take out the rows that are done; the last row moves into each gap."""
    for at in reversed(range(len(rows))):
        row = rows[at]
        if row.written[-1] in stops or len(row.written) == row.prompt.limit:
            done[row.prompt.number] = row.written
            moved = rows.pop()
            if at < len(rows):
                rows[at] = moved
                slots.move(len(rows), at)
