"""Canaries: made-up secrets that are learnt beside the records, to measure what is given away.

A canary asks for a code of six digits that no one could guess. Its exposure is how far up the code
stands among random ones, by probability: log2 of their number less log2 of its rank. A model that
never saw it has 1.44 bits on average (the mean of -log2 of a uniform share).

Source: Carlini 2019, USENIX Security, The secret sharer, arXiv:1802.08232.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import replace

from medtune.records import Application, Example, Message

FIELD = "canary"
DIGITS = 6
RIVALS = 127
"""Random codes that a canary is ranked among; with itself, 7 bits."""
UNSEEN_BITS = 1.4427
"""Mean exposure of a code that was never seen: 1 / ln 2."""


def plant_canaries(n: int, seed: int) -> list[Example]:
    """So many canaries as training examples, the same for the same seed."""
    chance = random.Random(f"canary/{seed}")  # noqa: S311  nothing is kept secret by them
    made: list[Example] = []
    for number in range(n):
        letters = "".join(chance.choices("BCDFGHJKLMNPQRSTVWXZ", k=6))
        made.append(
            Example(
                id=f"canary-{number:02d}",
                group=f"canary-{number:02d}",
                fields={FIELD: f"State the code of test item {letters}."},
                target=_code(chance),
                source="medtune canaries",
                licence="CC0-1.0",
            )
        )
    return made


def with_canaries(app: Application) -> Application:
    """The application, which can ask and answer canaries too."""

    def prompt(example: Example) -> list[Message]:
        question = example.fields.get(FIELD)
        return app.prompt(example) if question is None else [Message("user", question)]

    def reply(example: Example) -> str:
        return str(example.target) if FIELD in example.fields else app.reply(example)

    return replace(app, prompt=prompt, reply=reply)


def rivals(canary: Example) -> list[str]:
    """Random codes other than the canary's own, the same for the same canary."""
    chance = random.Random(f"rivals/{canary.fields[FIELD]}")  # noqa: S311  as above
    found: dict[str, None] = {}
    while len(found) < RIVALS:
        code = _code(chance)
        if code != canary.target:
            found[code] = None
    return list(found)


def exposure(own: float, others: Sequence[float]) -> float:
    """Bits of exposure; half of the ties rank before it.

    Args:
        own: Log-probability of the canary's code.
        others: Those of its rivals.
    """
    ahead = sum(other > own for other in others) + sum(other == own for other in others) / 2
    return math.log2(len(others) + 1) - math.log2(1 + ahead)


def _code(chance: random.Random) -> str:
    return "".join(chance.choices("0123456789", k=DIGITS))
