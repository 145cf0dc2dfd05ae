"""Keys and values of many replies that are written at once, each in a slot of its own.

transformers' cache grows by copying itself for every token, and repeats each key head for the heads
that share it. Here a token's keys are written in place, heads that share keys are computed as rows
of one product, and what all prompts begin with is kept once for all of them. A slot that is done is
given to the next prompt.

Shapes: n rows, S slots, C places of a slot, P tokens of the common beginning, L new tokens of a
run, H heads, K key heads, G heads that share one, W places in use, D per head.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import DynamicCache, PreTrainedModel
from transformers.cache_utils import DynamicLayer

from medtune.llm.flat import Run, after, attending, fits, sees

SLOTS = "medtune_slots"
"""The name of the attention function, in transformers' table of them."""
_SAMPLE = ([5, 6, 7, 8, 9], [5, 6, 3])
"""Two made-up prompts with a common beginning, to try an architecture on."""


class KeysValues(NamedTuple):
    """Of one layer."""

    keys: Tensor
    values: Tensor


Beginning = list[KeysValues]
"""Of what all prompts begin with, by layer: 1 x K x P x D. Empty where they begin differently."""


@dataclass(frozen=True)
class Slots:
    """Room for `n` rows of `places` tokens each, after the common beginning."""

    n: int
    places: int
    beginning: Beginning = field(repr=False)
    kept: dict[int, KeysValues] = field(default_factory=dict[int, KeysValues], repr=False)
    """By layer: S x K x C x D, made when the layer is first computed."""

    @property
    def n_beginning(self) -> int:
        """P."""
        return self.beginning[0].keys.shape[2] if self.beginning else 0

    def of(self, layer: int, like: Tensor) -> KeysValues:
        """The layer's slots; `like` has the key heads in its second place."""
        if layer not in self.kept:
            _, heads, _, size = like.shape
            shape = (self.n, heads, self.places, size)
            self.kept[layer] = KeysValues(like.new_zeros(shape), like.new_zeros(shape))
        return self.kept[layer]

    def move(self, source: int, target: int) -> None:
        """Copy a row to another slot."""
        for keys, values in self.kept.values():
            keys[target].copy_(keys[source])
            values[target].copy_(values[source])


class Fill(NamedTuple):
    """Prompts end to end in one row, into the slots from `first` on."""

    slots: Slots
    first: int
    runs: tuple[Run, ...]


class Write(NamedTuple):
    """One more token for each of the first n slots."""

    slots: Slots
    places_n: Tensor
    """Where the token goes: how many its slot holds."""
    width: int
    """W: the longest slot, with this token."""
    hidden: Tensor
    """True where a row may not look, because it is after its token; n x (P + W)."""


def beginning_of(model: PreTrainedModel, ids: Sequence[int]) -> Beginning:
    """Compute what all prompts begin with."""
    if not ids:
        return []
    cache = DynamicCache()
    model(
        input_ids=torch.tensor([list(ids)], device=model.device),
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    )
    layers = cast("list[DynamicLayer]", cache.layers)
    return [KeysValues(cast("Tensor", one.keys), cast("Tensor", one.values)) for one in layers]


def slotted(model: PreTrainedModel) -> AbstractContextManager[None]:
    """Let `fill` and `write` work while the block runs."""
    return attending(model, SLOTS, _attention)


def fill(
    model: PreTrainedModel, slots: Slots, first: int, rests: Sequence[Sequence[int]]
) -> Tensor:
    """Read prompts into the slots from `first` on; the logits after each, n x V.

    Args:
        model: Within `slotted`.
        slots: Where.
        first: The first of as many free slots as there are prompts.
        rests: What follows the common beginning; those of equal length should be neighbours.
    """
    runs: list[Run] = []
    for rest in rests:
        if runs and runs[-1].length == len(rest):
            runs[-1] = Run(runs[-1].n + 1, len(rest))
        else:
            runs.append(Run(1, len(rest)))
    begin = slots.n_beginning
    ids = torch.tensor([token for rest in rests for token in rest], device=model.device)
    positions = torch.cat([torch.arange(begin, begin + len(rest)) for rest in rests])
    ends = torch.tensor([len(rest) for rest in rests]).cumsum(0) - 1
    output = model(
        input_ids=ids[None],
        position_ids=positions.to(model.device)[None],
        use_cache=False,
        logits_to_keep=ends.to(model.device),
        step=Fill(slots, first, tuple(runs)),
    )
    return cast("Tensor", output.logits)[0]


def write(
    model: PreTrainedModel, slots: Slots, tokens: Sequence[int], held: Sequence[int]
) -> Tensor:
    """Add a token to each of the first slots; the logits after it, n x V.

    Args:
        model: Within `slotted`.
        slots: Where.
        tokens: One for each row.
        held: How many tokens each slot holds before.
    """
    places_n, width = torch.tensor(held, device=model.device), max(held) + 1
    at = torch.arange(slots.n_beginning + width, device=model.device)
    hidden = at > places_n[:, None] + slots.n_beginning
    output = model(
        input_ids=torch.tensor(tokens, device=model.device)[:, None],
        position_ids=places_n[:, None] + slots.n_beginning,
        use_cache=False,
        logits_to_keep=1,
        step=Write(slots, places_n, width, hidden),
    )
    return cast("Tensor", output.logits)[:, -1]


def is_exact(model: PreTrainedModel) -> bool:
    """Whether this gives the architecture the logits that its own code gives; tried once."""

    def ours() -> Tensor:
        slots = Slots(2, 4, beginning_of(model, _SAMPLE[0][:2]))
        with slotted(model):
            rests = [prompt[2:] for prompt in _SAMPLE]
            return torch.cat([fill(model, slots, 0, rests), write(model, slots, [4, 4], [3, 1])])

    def own() -> Tensor:
        after_each = [[*prompt, 4] for prompt in _SAMPLE]
        return torch.stack([_plain(model, prompt) for prompt in (*_SAMPLE, *after_each)])

    return fits(model, SLOTS, ours, own)


def _plain(model: PreTrainedModel, ids: Sequence[int]) -> Tensor:
    ids_1T = torch.tensor([list(ids)], device=model.device)
    return cast("Tensor", model(input_ids=ids_1T, use_cache=False).logits)[0, -1]


def _attention(  # noqa: PLR0913  transformers' signature
    module: nn.Module,
    query_nHTD: Tensor,
    key_nKTD: Tensor,
    value_nKTD: Tensor,
    attention_mask: Tensor | None,
    *,
    step: Fill | Write,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    softcap: float | None = None,
    **_: object,
) -> tuple[Tensor, None]:
    """Causal attention within each slot; as transformers' interface asks: n x T x H x D."""
    if softcap is not None or attention_mask is not None or dropout:
        raise NotImplementedError("soft-capped, masked or random attention")
    layer = cast("int", module.layer_idx)
    scale = query_nHTD.shape[-1] ** -0.5 if scaling is None else scaling
    attend = _filled if isinstance(step, Fill) else _written
    new = KeysValues(key_nKTD, value_nKTD)
    return attend(step, layer, query_nHTD * scale, new, sliding_window), None  # type: ignore[arg-type]


def _filled(
    step: Fill, layer: int, query_1HTD: Tensor, new: KeysValues, window: int | None
) -> Tensor:
    """Prompts attend to the beginning and to themselves; their keys go into the slots."""
    kept = step.slots.of(layer, new.keys)
    group = query_1HTD.shape[1] // new.keys.shape[1]
    sizes = [run.n * run.length for run in step.runs]
    pieces = zip(
        step.runs,
        query_1HTD[0].split(sizes, dim=1),
        new.keys[0].split(sizes, dim=1),
        new.values[0].split(sizes, dim=1),
        strict=True,
    )
    outputs: list[Tensor] = []
    at, begin = step.first, step.slots.n_beginning
    for run, query_HTD, key_KTD, value_KTD in pieces:
        rows = slice(at, at + run.n)
        kept.keys[rows, :, : run.length] = key_KTD.unflatten(1, run).transpose(0, 1)
        kept.values[rows, :, : run.length] = value_KTD.unflatten(1, run).transpose(0, 1)
        at += run.n
        both = [key_KTD, value_KTD]
        if begin:
            first = step.slots.beginning[layer]
            seen = [after(one[0], rest, run) for one, rest in zip(first, both, strict=True)]
        else:
            seen = [rest.unflatten(1, run).transpose(0, 1) for rest in both]
        is_plain = begin == 0 and (window is None or window >= run.length)
        output_nHLD = F.scaled_dot_product_attention(
            query_HTD.unflatten(1, run).transpose(0, 1),
            seen[0].repeat_interleave(group, dim=1),
            seen[1].repeat_interleave(group, dim=1),
            attn_mask=None if is_plain else sees(run.length, begin, window, query_HTD.device),
            is_causal=is_plain,
            scale=1.0,
        )
        outputs.append(output_nHLD.transpose(1, 2).flatten(0, 1))
    return torch.cat(outputs)[None]


def _written(
    step: Write, layer: int, query_nH1D: Tensor, new: KeysValues, window: int | None
) -> Tensor:
    """A token of each row attends to the beginning, to its slot and to itself."""
    slots, n = step.slots, len(query_nH1D)
    keys, values = slots.of(layer, new.keys)
    rows = torch.arange(n, device=keys.device)
    keys[rows, :, step.places_n] = new.keys[:, :, 0]
    values[rows, :, step.places_n] = new.values[:, :, 0]
    n_keys = keys.shape[1]
    query_nKGD = query_nH1D[:, :, 0].unflatten(1, (n_keys, -1))
    scores = query_nKGD @ keys[:n, :, : step.width].transpose(2, 3)
    begin = slots.n_beginning
    if begin:
        # All rows see the same keys here, so that they are rows of one product.
        query_KND = query_nKGD.transpose(0, 1).flatten(1, 2)
        first_KNP = query_KND @ slots.beginning[layer].keys[0].transpose(1, 2)
        scores = torch.cat([first_KNP.unflatten(1, (n, -1)).transpose(0, 1), scores], dim=-1)
    hidden = step.hidden
    if window is not None:
        at = torch.arange(hidden.shape[1], device=hidden.device)
        hidden = hidden | (at <= step.places_n[:, None] + begin - window)
    scores.masked_fill_(hidden[:, None, None], float("-inf"))
    share = scores.softmax(dim=-1, dtype=torch.promote_types(scores.dtype, torch.float32))
    share = share.to(values.dtype)
    output_nKGD = share[..., begin:] @ values[:n, :, : step.width]
    if begin:
        share_KNP = share[..., :begin].transpose(0, 1).flatten(1, 2)
        first_KND = share_KNP @ slots.beginning[layer].values[0]
        output_nKGD = output_nKGD + first_KND.unflatten(1, (n, -1)).transpose(0, 1)
    return output_nKGD.flatten(1, 2)[:, None]
