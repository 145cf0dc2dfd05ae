"""Write replies: greedy, so that the same prompt gives the same reply."""

from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Final, NamedTuple, cast

import torch
from torch import Tensor
from transformers import DynamicCache, GenerationConfig

from medtune.errors import DataError
from medtune.llm.continuous import Prompt, write_replies
from medtune.llm.flat import is_decoder, keeps_keys_only
from medtune.llm.load import LanguageModel
from medtune.llm.render import Reply
from medtune.llm.rows import CACHED, common_beginning
from medtune.llm.slots import beginning_of, is_exact
from medtune.llm.workers import workers
from medtune.records import Message

_BROKEN: Final = "\N{REPLACEMENT CHARACTER}"
"""What a decoder writes for the first bytes of a character whose rest is still to come."""


def generate(
    lm: LanguageModel,
    prompts: Sequence[Sequence[Message]],
    *,
    max_new_tokens: int,
    batch_tokens: int,
    advance: Callable[[int], None],
) -> list[Reply]:
    """One reply to each prompt, in order.

    A reply is cut off after `max_new_tokens`, or where the context is full.

    Args:
        lm: The model.
        prompts: The conversations.
        max_new_tokens: Longest reply.
        batch_tokens: Most tokens of a batch, prompts and replies, unless one prompt has more.
        advance: Called with the number of prompts done since the last call.

    Raises:
        DataError: A prompt leaves no room for a reply.
    """
    ids = [lm.renderer.prompt(messages) for messages in prompts]
    if bad := [i for i, prompt in enumerate(ids) if room(lm, prompt) < 1]:
        raise DataError(
            f"{len(bad)} of {len(ids)} prompts (first: number {bad[0]}) fill the "
            f"{lm.context_tokens} tokens of model.context_tokens; raise it or shorten the prompts"
        )
    return generate_ids(
        lm, ids, max_new_tokens=max_new_tokens, batch_tokens=batch_tokens, advance=advance
    )


def room(lm: LanguageModel, prompt: Sequence[int]) -> int:
    """Tokens that the context leaves for a reply."""
    return lm.context_tokens - len(prompt)


def generate_ids(
    lm: LanguageModel,
    prompts: Sequence[Sequence[int]],
    *,
    max_new_tokens: int,
    batch_tokens: int,
    advance: Callable[[int], None],
) -> list[Reply]:
    """As `generate`, for prompts that are rendered and known to leave room."""
    if not prompts:
        return []
    if lm.crew is not None:
        replies: dict[int, Reply] = {}
        for part in lm.crew.write(prompts, max_new_tokens, batch_tokens):
            replies |= part
            advance(len(part))
        return [replies[i] for i in range(len(prompts))]
    limits = [min(max_new_tokens, room(lm, prompt)) for prompt in prompts]
    budget = batch_tokens // lm.processes
    if not is_decoder(lm.model):
        plan = _one_by_one
    else:
        plan = _continuous if is_exact(lm.model) else _batched
    work = plan(lm, prompts, limits, budget)
    written: dict[int, list[int]] = {}
    with workers(work.do, min(lm.processes, work.n)) as ask:
        for _, found in ask(range(work.n)):
            written |= found
            advance(len(found))
    return [_reply(lm, prompt, written[i]) for i, prompt in enumerate(prompts)]


class _Work(NamedTuple):
    """The prompts in shares: `do` writes the replies of one, by the prompt's number."""

    n: int
    do: Callable[[int], dict[int, list[int]]]


def _continuous(
    lm: LanguageModel, prompts: Sequence[Sequence[int]], limits: Sequence[int], budget: int
) -> _Work:
    """Full batches all the time; what the prompts begin with is computed once, here."""
    shared = common_beginning([prompt[:-1] for prompt in prompts])
    with torch.inference_mode():
        beginning = beginning_of(lm.model, shared)
    todo = [
        Prompt(i, list(prompts[i][len(shared) :]), limits[i])
        for i in sorted(range(len(prompts)), key=lambda i: -len(prompts[i]))
    ]
    n_slots = max(1, CACHED * budget // max(len(one.rest) + one.limit for one in todo))
    shares = list(_shares(todo, n_slots, lm.processes))

    def do(number: int) -> dict[int, list[int]]:
        return write_replies(lm, beginning, shares[number], n_slots=n_slots, batch_tokens=budget)

    return _Work(len(shares), do)


def _shares(todo: list[Prompt], n_slots: int, processes: int) -> Iterator[list[Prompt]]:
    """Large shares first, so that batches run dry seldom; small ones last, to end together."""
    while todo:
        fair = -(-len(todo) // processes)
        n = min(fair, max(n_slots, -(-fair // 2)))
        yield todo[:n]
        todo = todo[n:]


def _batched(
    lm: LanguageModel, prompts: Sequence[Sequence[int]], limits: Sequence[int], budget: int
) -> _Work:
    """Batches of similar length, by transformers' own code: right for every architecture."""
    lengths = [len(prompt) for prompt in prompts]
    batches = list(_batches(lengths, max(limits), budget))

    def do(number: int) -> dict[int, list[int]]:
        batch = batches[number]
        rows = _write(lm, [prompts[i] for i in batch], max(limits))
        return {i: row[: limits[i]] for i, row in zip(batch, rows, strict=True)}

    return _Work(len(batches), do)


def _one_by_one(
    lm: LanguageModel,
    prompts: Sequence[Sequence[int]],
    limits: Sequence[int],
    budget: int,  # noqa: ARG001  a pass is one prompt
) -> _Work:
    """Prompt by prompt, for models that are more than a decoder."""

    def do(number: int) -> dict[int, list[int]]:
        return {number: list(_tokens(lm, prompts[number], limits[number]))}

    return _Work(len(prompts), do)


def stream(
    lm: LanguageModel, prompt: Sequence[Message], *, max_new_tokens: int
) -> Generator[str, None, Reply]:
    """The pieces of the reply that `generate` gives, each as soon as it is written.

    A piece never ends within a character. The generator returns the whole reply.

    Raises:
        DataError: The prompt leaves no room for a reply.
    """
    ids = lm.renderer.prompt(prompt)
    if room(lm, ids) < 1:
        raise DataError(
            f"the prompt has {len(ids)} tokens and fills the {lm.context_tokens} tokens of "
            "model.context_tokens; shorten it"
        )
    return _pieces(lm, ids, min(max_new_tokens, room(lm, ids)))


def _tokens(lm: LanguageModel, prompt: Sequence[int], max_new_tokens: int) -> Generator[int]:
    """The most probable tokens one after the other, up to and with the one that ends the turn.

    Where convolution or recurrence keeps something else than keys, how a text goes on is the
    architecture's own matter, and all tokens come at once.
    """
    if is_decoder(lm.model) and not keeps_keys_only(lm.model):
        yield from _write(lm, [prompt], max_new_tokens)[0]
        return
    cache = DynamicCache(config=lm.model.config)
    ids = list(prompt)
    for _ in range(max_new_tokens):
        with torch.inference_mode():
            output = lm.model(
                input_ids=torch.tensor([ids], device=lm.device),
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            )
        token = int(cast("Tensor", output.logits)[0, -1].argmax())
        yield token
        if token in lm.renderer.stop_ids:
            return
        ids = [token]


def _pieces(
    lm: LanguageModel, prompt: list[int], max_new_tokens: int
) -> Generator[str, None, Reply]:
    told, stopped = "", False
    written: list[int] = []
    for token in _tokens(lm, prompt, max_new_tokens):
        stopped = token in lm.renderer.stop_ids
        if stopped:
            break
        written.append(token)
        text = lm.renderer.decode(written)
        if text != told and not text.endswith(_BROKEN):
            yield text[len(told) :]
            told = text
    whole = lm.renderer.decode(written)
    if rest := whole[len(told) :]:
        yield rest
    return Reply(whole, n_prompt=len(prompt), n_new=len(written) + stopped, stopped=stopped)


def _batches(lengths: Sequence[int], max_new_tokens: int, batch_tokens: int) -> Iterator[list[int]]:
    """Indices of prompts of similar length together, the longest first."""
    batch: list[int] = []
    for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        width = lengths[batch[0] if batch else i] + max_new_tokens
        if batch and (len(batch) + 1) * width > batch_tokens:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def _write(
    lm: LanguageModel, prompts: Sequence[Sequence[int]], max_new_tokens: int
) -> list[list[int]]:
    """The new ids of each prompt, up to and with the one that ends the turn."""
    width = max(map(len, prompts))
    ids = torch.full((len(prompts), width), lm.renderer.pad_id)
    mask = torch.zeros_like(ids)
    for i, prompt in enumerate(prompts):
        ids[i, width - len(prompt) :] = torch.tensor(list(prompt))
        mask[i, width - len(prompt) :] = 1
    settings = GenerationConfig(
        do_sample=False,
        max_new_tokens=max_new_tokens,
        eos_token_id=list(lm.renderer.stop_ids),
        pad_token_id=lm.renderer.pad_id,
    )
    with torch.inference_mode():
        output = lm.model.generate(  # type: ignore[operator]
            ids.to(lm.device), attention_mask=mask.to(lm.device), generation_config=settings
        )
    stops = set(lm.renderer.stop_ids)
    rows = cast("list[list[int]]", cast("Tensor", output)[:, width:].tolist())
    ends = [next((n for n, i in enumerate(row, start=1) if i in stops), len(row)) for row in rows]
    return [row[:end] for row, end in zip(rows, ends, strict=True)]


def _reply(lm: LanguageModel, prompt: Sequence[int], ids: list[int]) -> Reply:
    stopped = bool(ids) and ids[-1] in lm.renderer.stop_ids
    text = lm.renderer.decode(ids[:-1] if stopped else ids)
    return Reply(text, n_prompt=len(prompt), n_new=len(ids), stopped=stopped)
