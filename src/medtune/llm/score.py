"""How probable is each of a few replies: exact log-probabilities, without generating.

What all prompts begin with (the instruction, the worked examples) runs once. After it, each item is
one row: the rest of its prompt, and its replies side by side, each seeing the prompt and itself.

    [padding | rest of the prompt | reply 1 | reply 2 | ... | padding]

Prompts end and replies begin in the same column of a batch, so the head is computed for the last
columns only. A reply's last token predicts nothing, so it is not fed.

Shapes: B items, T new tokens of a row, K columns from the prompt's last token on, V vocabulary.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple, cast

import torch
from torch import Tensor
from transformers import DynamicCache

from medtune.errors import ConfigError, DataError
from medtune.llm.agree import token_log_probabilities
from medtune.llm.flat import is_decoder
from medtune.llm.load import Crew, LanguageModel
from medtune.llm.render import Candidates, Rendered
from medtune.llm.workers import workers
from medtune.records import Message

_LOGITS: Final = 1 << 26
"""Most entries of one batch's logits: 256 MiB in float32."""
CACHED: Final = 4
"""A cached token costs about a quarter of the memory of a computed one."""


class _Row(NamedTuple):
    """One item after the shared beginning."""

    item: int
    rest: list[int]
    replies: list[list[int]]

    @property
    def n_fed(self) -> int:
        """Reply tokens that are fed: all but the last of each reply."""
        return sum(len(reply) - 1 for reply in self.replies)


class _Batch(NamedTuple):
    """Rows as tensors. Columns of the mask: the shared beginning, then the row."""

    input_ids: Tensor
    position_ids: Tensor
    mask: Tensor
    """Additive, B x 1 x T x (shared + T)."""
    n_kept: int
    """K: the last columns, whose logits are needed."""


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
    if not is_decoder(lm.model):
        return _one_by_one(lm, items, advance)
    _refuse_window(lm, items)
    if lm.crew is not None:
        return _by_crew(lm.crew, items, batch_tokens, advance)
    # Every item keeps a token of its prompt, which predicts the first token of its replies.
    shared = common_beginning([item.prompt[:-1] for item in items])
    rows = [_Row(i, item.prompt[len(shared) :], item.replies) for i, item in enumerate(items)]
    scores: list[list[float]] = [[] for _ in items]
    batches = list(_batches(rows, len(shared), batch_tokens // lm.processes, _vocabulary(lm)))
    with torch.inference_mode():
        cache = _run_once(lm, shared)

    def score(number: int) -> list[list[float]]:
        with torch.inference_mode():
            return _score(lm, batches[number], cache, len(shared))

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
    lm: LanguageModel, items: Sequence[Candidates], advance: Callable[[int], None]
) -> list[list[float]]:
    """Each reply after its prompt by the model's own code, from the start: right for all."""
    scores: list[list[float]] = [[] for _ in items]

    def score(number: int) -> list[float]:
        prompt, replies = items[number]
        before = [False] * len(prompt)
        whole = [Rendered(prompt + reply, before + [True] * len(reply)) for reply in replies]
        return [float(token_log_probabilities(lm, [one]).double().sum()) for one in whole]

    with workers(score, min(lm.processes, len(items))) as ask:
        for number, found in ask(range(len(items))):
            scores[number] = found
            advance(1)
    return scores


def common_beginning(prompts: Sequence[Sequence[int]]) -> list[int]:
    """What all prompts begin with."""
    lists = [list(prompt) for prompt in prompts]
    first, last = min(lists), max(lists)  # in this order, all others lie between these two
    pairs = enumerate(zip(first, last, strict=False))
    return first[: next((i for i, (a, b) in pairs if a != b), min(len(first), len(last)))]


def _refuse_window(lm: LanguageModel, items: Sequence[Candidates]) -> None:
    """The masks built here are of full attention."""
    window = cast("int | None", getattr(lm.model.config, "sliding_window", None))
    longest = max(len(item.prompt) + max(map(len, item.replies)) for item in items)
    if window is not None and longest > window:
        raise ConfigError(
            f"model.context_tokens: {lm.folder.name} attends to the last {window} tokens only, and "
            f"an item has {longest}; replies are scored with full attention: set it to {window}"
        )


def _vocabulary(lm: LanguageModel) -> int:
    return cast("int", lm.model.config.vocab_size)


def _run_once(lm: LanguageModel, shared: Sequence[int]) -> DynamicCache | None:
    """The keys and values of what all prompts begin with."""
    if not shared:
        return None
    ids = torch.tensor([list(shared)], device=lm.device)
    cache = DynamicCache()
    lm.model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
    return cache


def _batches(
    rows: Sequence[_Row], n_shared: int, batch_tokens: int, n_vocabulary: int
) -> Iterator[list[_Row]]:
    """Rows of similar length together, as many as the budgets allow."""
    batch: list[_Row] = []
    for row in sorted(rows, key=lambda row: (len(row.rest), row.n_fed)):
        grown = [*batch, row]
        n_kept = 1 + max(row.n_fed for row in grown)
        width = max(len(row.rest) for row in grown) + n_kept - 1
        fits = (
            len(grown) * width <= batch_tokens
            and len(grown) * (n_shared + width) <= CACHED * batch_tokens
            and len(grown) * n_kept * n_vocabulary <= _LOGITS
        )
        if batch and not fits:
            yield batch
            batch = [row]
        else:
            batch = grown
    if batch:
        yield batch


def _score(
    lm: LanguageModel, rows: Sequence[_Row], cache: DynamicCache | None, n_shared: int
) -> list[list[float]]:
    batch = _assembled(lm, rows, n_shared)
    past = copy.deepcopy(cache)
    if past is not None and len(rows) > 1:
        past.batch_repeat_interleave(len(rows))
    output = lm.model(
        input_ids=batch.input_ids,
        position_ids=batch.position_ids,
        attention_mask=batch.mask,
        past_key_values=past,
        use_cache=past is not None,
        logits_to_keep=batch.n_kept,
    )
    logits_BKV = cast("Tensor", output.logits).float()
    total_BK = logits_BKV.logsumexp(dim=-1)
    return [_sums(logits_BKV[i], total_BK[i], row) for i, row in enumerate(rows)]


def _sums(logits_KV: Tensor, total_K: Tensor, row: _Row) -> list[float]:
    """The log-probability of each reply of one row."""
    columns: list[int] = []
    start = 1
    for reply in row.replies:
        columns += [0, *range(start, start + len(reply) - 1)]
        start += len(reply) - 1
    targets = torch.tensor([i for reply in row.replies for i in reply], device=logits_KV.device)
    where = torch.tensor(columns, device=logits_KV.device)
    log_p = (logits_KV[where, targets] - total_K[where]).double()
    return [float(part.sum()) for part in log_p.split([len(reply) for reply in row.replies])]


def _assembled(lm: LanguageModel, rows: Sequence[_Row], n_shared: int) -> _Batch:
    before = max(len(row.rest) for row in rows)
    n_kept = 1 + max(row.n_fed for row in rows)
    width = before + n_kept - 1
    ids = torch.full((len(rows), width), lm.renderer.pad_id)
    positions = torch.zeros((len(rows), width), dtype=torch.long)
    sees = torch.zeros((len(rows), width, n_shared + width), dtype=torch.bool)
    for i, row in enumerate(rows):
        first = before - len(row.rest)
        end_of_prompt = n_shared + len(row.rest)
        ids[i, first:before] = torch.tensor(row.rest)
        positions[i, first:before] = torch.arange(n_shared, end_of_prompt)
        sees[i, first:, :n_shared] = True
        sees[i, first:before, n_shared + first : n_shared + before] = _causal(len(row.rest))
        start = before
        for reply in row.replies:
            fed = len(reply) - 1
            part, keys = slice(start, start + fed), slice(n_shared + start, n_shared + start + fed)
            ids[i, part] = torch.tensor(reply[:-1], dtype=torch.long)
            positions[i, part] = torch.arange(end_of_prompt, end_of_prompt + fed)
            sees[i, part, n_shared + first : n_shared + before] = True
            sees[i, part, keys] = _causal(fed)
            start += fed
    dtype = lm.model.dtype
    # Not minus infinity: a padding row sees nothing, and would become nan.
    mask = torch.zeros(sees.shape, dtype=dtype).masked_fill_(~sees, torch.finfo(dtype).min)
    device = lm.device
    return _Batch(ids.to(device), positions.to(device), mask[:, None].to(device), n_kept)


def _causal(n: int) -> Tensor:
    return torch.ones((n, n), dtype=torch.bool).tril()
