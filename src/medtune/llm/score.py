"""How probable is each of a few replies: exact log-probabilities, without generating.

Where it is exact for the architecture, replies lie side by side (`llm/rows.py`); else each is
scored alone by the model's own code.
"""

from collections.abc import Callable, Sequence
from typing import Final, cast

import torch
from torch import Tensor

from medtune.errors import ConfigError, DataError
from medtune.llm.agree import token_log_probabilities
from medtune.llm.flat import fits
from medtune.llm.load import Crew, LanguageModel
from medtune.llm.render import Candidates, Rendered
from medtune.llm.rows import batches_of, rows_of, run_once, scored
from medtune.llm.workers import workers
from medtune.records import Message

_SAMPLE: Final = (
    Candidates([5, 6, 7, 8, 9], [[4, 8], [7, 3, 5]]),
    Candidates([5, 6, 3], [[4, 8], [7, 3, 5]]),
)
"""Made-up items whose prompts begin alike, to try an architecture on."""


def score_replies(
    lm: LanguageModel,
    items: Sequence[tuple[Sequence[Message], Sequence[str]]],
    *,
    batch_tokens: int,
    advance: Callable[[int], None],
) -> list[list[float]]:
    """Log-probability in nats of each whole reply, end-of-turn token included.

    Args:
        lm: The model.
        items: A prompt and its replies each.
        batch_tokens: Most tokens of one forward pass, unless a single item has more.
        advance: Called with the number of items done since the last call.

    Returns:
        For each item, in order, one number per reply, in order.

    Raises:
        DataError: A prompt with its longest reply exceeds the context, or an item has no reply.
    """
    rendered = [lm.renderer.candidates(messages, replies) for messages, replies in items]
    if bad := [i for i, one in enumerate(rendered) if overflows(lm, one)]:
        raise DataError(
            f"{len(bad)} of {len(items)} items (first: number {bad[0]}) exceed the "
            f"{lm.context_tokens} tokens of model.context_tokens; raise it or shorten the prompts"
        )
    return score_candidates(lm, rendered, batch_tokens=batch_tokens, advance=advance)


def overflows(lm: LanguageModel, item: Candidates) -> bool:
    """Whether the prompt with its longest reply exceeds the context."""
    return len(item.prompt) + max(map(len, item.replies), default=0) > lm.context_tokens


def score_candidates(
    lm: LanguageModel,
    items: Sequence[Candidates],
    *,
    batch_tokens: int,
    advance: Callable[[int], None],
) -> list[list[float]]:
    """As `score_replies`, for items that are rendered and known to fit.

    Raises:
        ConfigError: The model attends to a window that an item exceeds.
        DataError: An item has no reply.
    """
    if empty := [i for i, item in enumerate(items) if not item.replies]:
        raise DataError(f"item number {empty[0]} has no replies to score; give at least one")
    if not items:
        return []
    exact = is_exact(lm)
    if exact:
        _refuse_window(lm, items)
    if lm.crew is not None:
        return _by_crew(lm.crew, items, batch_tokens, advance)
    score = _in_batches if exact else _one_by_one
    return score(lm, items, batch_tokens, advance)


def is_exact(lm: LanguageModel) -> bool:
    """Whether replies beside each other get the scores of each alone; tried once for a model."""

    def ours() -> Tensor:
        shared, rows = rows_of(_SAMPLE)
        return torch.tensor(scored(lm, rows, run_once(lm, shared), len(shared)))

    return fits(
        lm.model, "scores", ours, lambda: torch.tensor([_alone(lm, one) for one in _SAMPLE])
    )


def _in_batches(
    lm: LanguageModel,
    items: Sequence[Candidates],
    batch_tokens: int,
    advance: Callable[[int], None],
) -> list[list[float]]:
    shared, rows = rows_of(items)
    scores: list[list[float]] = [[] for _ in items]
    batches = list(batches_of(lm, rows, len(shared), batch_tokens // lm.processes))
    with torch.inference_mode():
        cache = run_once(lm, shared)

    def score(number: int) -> list[list[float]]:
        with torch.inference_mode():
            return scored(lm, batches[number], cache, len(shared))

    with workers(score, min(lm.processes, len(batches))) as ask:
        for number, found in ask(range(len(batches))):
            for row, one in zip(batches[number], found, strict=True):
                scores[row.item] = one
            advance(len(batches[number]))
    return scores


def _by_crew(
    crew: Crew, items: Sequence[Candidates], batch_tokens: int, advance: Callable[[int], None]
) -> list[list[float]]:
    by_number: dict[int, list[float]] = {}
    for part in crew.score(items, batch_tokens):
        by_number |= part
        advance(len(part))
    return [by_number[i] for i in range(len(items))]


def _one_by_one(
    lm: LanguageModel,
    items: Sequence[Candidates],
    batch_tokens: int,  # noqa: ARG001  a pass is one reply
    advance: Callable[[int], None],
) -> list[list[float]]:
    """Each reply after its prompt by the model's own code, from the start: right for all."""
    scores: list[list[float]] = [[] for _ in items]

    def score(number: int) -> list[float]:
        return _alone(lm, items[number])

    with workers(score, min(lm.processes, len(items))) as ask:
        for number, found in ask(range(len(items))):
            scores[number] = found
            advance(1)
    return scores


def _alone(lm: LanguageModel, item: Candidates) -> list[float]:
    before = [False] * len(item.prompt)
    whole = [Rendered(item.prompt + one, before + [True] * len(one)) for one in item.replies]
    return [float(token_log_probabilities(lm, [one]).double().sum()) for one in whole]


def _refuse_window(lm: LanguageModel, items: Sequence[Candidates]) -> None:
    """The masks built here are of full attention."""
    window = cast("int | None", getattr(lm.model.config, "sliding_window", None))
    longest = max(len(item.prompt) + max(map(len, item.replies)) for item in items)
    if window is not None and longest > window:
        raise ConfigError(
            f"model.context_tokens: {lm.folder.name} attends to the last {window} tokens only, and "
            f"an item has {longest}; replies are scored with full attention: set it to {window}"
        )
