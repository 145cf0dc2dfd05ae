"""A prompt with its replies side by side in one row, each seeing the prompt and itself.

What all prompts begin with runs once. After it, each item is one row:

    [padding | rest of the prompt | reply 1 | reply 2 | ... | padding]

Prompts end and replies begin in the same column of a batch, so the head is computed for the last
columns only. A reply's last token predicts nothing, so it is not fed.

Shapes: B items, T new tokens of a row, K columns from the prompt's last token on, V vocabulary.
"""

import copy
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, cast

import torch
from torch import Tensor
from transformers import DynamicCache

from medtune.llm.load import LanguageModel
from medtune.llm.render import Candidates

_LOGITS: Final = 1 << 26
"""Most entries of one batch's logits: 256 MiB in float32."""
CACHED: Final = 4
"""A cached token costs about a quarter of the memory of a computed one."""


class Row(NamedTuple):
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


def rows_of(items: Sequence[Candidates]) -> tuple[list[int], list[Row]]:
    """What all prompts begin with, and each item after it.

    Every item keeps a token of its prompt, which predicts the first token of its replies.
    """
    shared = common_beginning([item.prompt[:-1] for item in items])
    return shared, [
        Row(i, item.prompt[len(shared) :], item.replies) for i, item in enumerate(items)
    ]


def common_beginning(prompts: Sequence[Sequence[int]]) -> list[int]:
    """What all prompts begin with."""
    lists = [list(prompt) for prompt in prompts]
    first, last = min(lists), max(lists)  # in this order, all others lie between these two
    pairs = enumerate(zip(first, last, strict=False))
    return first[: next((i for i, (a, b) in pairs if a != b), min(len(first), len(last)))]


def run_once(lm: LanguageModel, shared: Sequence[int]) -> DynamicCache | None:
    """The keys and values of what all prompts begin with."""
    if not shared:
        return None
    ids = torch.tensor([list(shared)], device=lm.device)
    cache = DynamicCache()
    lm.model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
    return cache


def batches_of(
    lm: LanguageModel, rows: Sequence[Row], n_shared: int, batch_tokens: int
) -> Iterator[list[Row]]:
    """Rows of similar length together, as many as the budgets allow."""
    n_vocabulary = cast("int", lm.model.config.vocab_size)
    batch: list[Row] = []
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


def scored(
    lm: LanguageModel, rows: Sequence[Row], cache: DynamicCache | None, n_shared: int
) -> list[list[float]]:
    """The log-probability in nats of each reply of each row, in one pass."""
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


def _sums(logits_KV: Tensor, total_K: Tensor, row: Row) -> list[float]:
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


def _assembled(lm: LanguageModel, rows: Sequence[Row], n_shared: int) -> _Batch:
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
