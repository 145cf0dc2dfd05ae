"""Many sequences in one row, none of them seeing another, and no padding.

A decoder computes everything but attention token by token, so sequences can lie end to end. What
all of them begin with (an instruction, worked examples) is computed once, ahead of them:

    [beginning][rest of 1][rest of 2][rest of 3 ...]     positions 0 1 2 | 3 4 .. | 3 4 5 .. | ..

Attention is computed within each sequence: a token sees the beginning, and its own sequence up to
itself. A mask over the whole row would cost as much as attention over the whole row; here the
sequences of one length are a batch of their own. transformers hands the lengths through the model
to the attention function as an argument.

Shapes: T tokens of the row, P of them the beginning, n rests of length L in a run, H heads, K key
heads, D per head.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple, cast
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AttentionInterface, DynamicCache, PreTrainedModel
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from medtune.llm.half import HalfLinear
from medtune.llm.nf4 import FourBitLinear

FLAT = "medtune_flat"
"""The name of the attention function, in transformers' table of them."""
PLAIN = "sdpa"
"""transformers' own, with which models are loaded."""
TOLERANCE = {torch.bfloat16: 0.05, torch.float32: 1e-3, torch.float64: 1e-9}
"""Largest difference between ours and a model's own numbers, as a share of the largest value."""
_SAMPLE = ([5, 6, 7, 8, 9], [5, 6, 4, 7, 3], [5, 6, 3])
"""Made-up sequences with a common beginning of two tokens, to try an architecture on."""
_TRIED: WeakKeyDictionary[PreTrainedModel, dict[str, bool]] = WeakKeyDictionary()


class Run(NamedTuple):
    """Neighbouring rests of one length."""

    n: int
    length: int


class Layout(NamedTuple):
    """How the sequences lie in the row."""

    beginning: int
    """P: tokens at the start of the row that belong to every sequence."""
    runs: tuple[Run, ...]

    @property
    def sizes(self) -> list[int]:
        """Tokens of the beginning and of each run."""
        return [self.beginning, *(run.n * run.length for run in self.runs)]


class Row(NamedTuple):
    """Sequences end to end."""

    input_ids_T: Tensor
    position_ids_T: Tensor
    layout: Layout


def row(sequences: Sequence[Sequence[int]], beginning: int, device: torch.device) -> Row:
    """Lay sequences end to end, in the order given; those of equal length should be neighbours.

    Args:
        sequences: Token ids. All begin with the same `beginning` tokens, and go on after them.
        beginning: How many tokens to compute once.
        device: Where to put the row.
    """
    runs: list[Run] = []
    for sequence in sequences:
        length = len(sequence) - beginning
        if runs and runs[-1].length == length:
            runs[-1] = Run(runs[-1].n + 1, length)
        else:
            runs.append(Run(1, length))
    ids = [token for sequence in sequences for token in sequence[beginning:]]
    positions = [torch.arange(beginning, len(sequence)) for sequence in sequences]
    return Row(
        torch.tensor([*sequences[0][:beginning], *ids], device=device),
        torch.cat([torch.arange(beginning), *positions]).to(device),
        Layout(beginning, tuple(runs)),
    )


def hidden_states(model: PreTrainedModel, tokens: Row) -> Tensor:
    """Last hidden states, T x D: of the whole row in one pass within `flat`, else run by run."""
    if implementation(model) == FLAT:
        output = model.get_decoder()(
            input_ids=tokens.input_ids_T[None],
            position_ids=tokens.position_ids_T[None],
            use_cache=False,
            layout=tokens.layout,
        )
        return cast("Tensor", output.last_hidden_state)[0]
    body = model.base_model
    first_P, *rests = tokens.input_ids_T.split(tokens.layout.sizes)
    whole: list[Tensor] = []
    for ids, run in zip(rests, tokens.layout.runs, strict=True):
        ids_nT = torch.cat([first_P.expand(run.n, -1), ids.view(run)], dim=1)
        output = body(input_ids=ids_nT, use_cache=False)
        whole.append(cast("Tensor", output.last_hidden_state))
    n_first = len(first_P)
    return torch.cat([whole[0][0, :n_first], *(part[:, n_first:].flatten(0, 1) for part in whole)])


def flat(model: PreTrainedModel) -> AbstractContextManager[None]:
    """Compute `hidden_states` in one pass while the block runs."""
    return attending(model, FLAT, _attention)


@contextmanager
def attending(
    model: PreTrainedModel, name: str, attention: Callable[..., object]
) -> Generator[None]:
    """Attend by a function of ours, known to transformers as `name`, while the block runs."""
    before = implementation(model)
    AttentionInterface.register(name, attention)
    model.set_attn_implementation(name)
    try:
        yield
    finally:
        model.set_attn_implementation(before)


@contextmanager
def plain(model: PreTrainedModel) -> Generator[None]:
    """Attend as transformers does while the block runs, within `flat` too."""
    before = implementation(model)
    model.set_attn_implementation(PLAIN if before == FLAT else before)
    try:
        yield
    finally:
        model.set_attn_implementation(before)


def is_exact(model: PreTrainedModel) -> bool:
    """Whether `flat` gives this architecture the hidden states that its own code gives."""
    tokens = row(_SAMPLE, 2, model.device)

    def ours() -> Tensor:
        with flat(model):
            return hidden_states(model, tokens)

    return fits(model, FLAT, ours, lambda: hidden_states(model, tokens))


def fits(
    model: PreTrainedModel, way: str, ours: Callable[[], Tensor], own: Callable[[], Tensor]
) -> bool:
    """Whether a way to compute gives this architecture what its own code gives; tried once.

    It does not where layers attend in a way of their own. It is not tried where there is more than
    a decoder, nor where layers mix tokens otherwise: in 16 bits that may show too little.

    Args:
        model: As it computes by its own code.
        way: A name of the way.
        ours: Computes some numbers in this way.
        own: Computes them by the model's own code.
    """
    tried = _TRIED.setdefault(model, {})
    if way not in tried:
        tried[way] = is_decoder(model) and keeps_keys_only(model) and _agree(model, ours, own)
    return tried[way]


@torch.no_grad()
def _agree(model: PreTrainedModel, ours: Callable[[], Tensor], own: Callable[[], Tensor]) -> bool:
    expected = own()
    try:
        found = ours()
    except (TypeError, ValueError, LookupError, NotImplementedError, AttributeError):
        return False
    difference = float((found - expected).abs().max()) / float(expected.abs().max())
    return difference <= tolerance(model)


def keeps_keys_only(model: PreTrainedModel) -> bool:
    """Whether keys and values are all that goes from token to token: no convolution, no recurrence.

    As transformers' cache has it, which must know what to keep of each layer.
    """
    kept = {type(layer) for layer in DynamicCache(config=model.config).layers}
    return kept <= {DynamicLayer, DynamicSlidingWindowLayer}


def is_decoder(model: PreTrainedModel) -> bool:
    """Whether the model is a decoder and an output layer; else it sees, by its own code."""
    return model.base_model is model.get_decoder()


def tolerance(model: PreTrainedModel) -> float:
    """Largest relative difference that the types a model computes in explain."""
    types = {weight.dtype for weight in model.parameters()}
    for module in model.modules():
        if isinstance(module, HalfLinear):
            types.add(torch.bfloat16)
        elif isinstance(module, FourBitLinear):
            types.add(module.dtype)
    return max(TOLERANCE[one] for one in types)


def implementation(model: PreTrainedModel) -> str:
    """The name of the attention function in use; transformers has no public one for it."""
    return cast("str", model.config._attn_implementation)  # pyright: ignore[reportPrivateUsage]


def _attention(  # noqa: PLR0913  transformers' signature
    module: nn.Module,  # noqa: ARG001
    query_1HTD: Tensor,
    key_1KTD: Tensor,
    value_1KTD: Tensor,
    attention_mask: Tensor | None,
    *,
    layout: Layout,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    softcap: float | None = None,
    **_: object,
) -> tuple[Tensor, None]:
    """Causal attention within each sequence; as transformers' interface asks: 1 x T x H x D."""
    if softcap is not None or attention_mask is not None or dropout:
        raise NotImplementedError("soft-capped, masked or random attention")
    group = query_1HTD.shape[1] // key_1KTD.shape[1]
    queries = query_1HTD[0].split(layout.sizes, dim=1)
    keys = key_1KTD[0].repeat_interleave(group, dim=0).split(layout.sizes, dim=1)
    values = value_1KTD[0].repeat_interleave(group, dim=0).split(layout.sizes, dim=1)

    def attend(part: int, run: Run, seen: int) -> Tensor:
        """The outputs of a part of the row, whose sequences see `seen` tokens of the beginning."""
        is_plain = seen == 0 and (sliding_window is None or sliding_window >= run.length)
        output_nHLD = F.scaled_dot_product_attention(
            queries[part].unflatten(1, run).transpose(0, 1),
            after(keys[0][:, :seen], keys[part], run),
            after(values[0][:, :seen], values[part], run),
            attn_mask=None if is_plain else sees(run.length, seen, sliding_window, key_1KTD.device),
            is_causal=is_plain,
            scale=scaling,
        )
        return output_nHLD.transpose(1, 2).flatten(0, 1)

    first = [attend(0, Run(1, layout.beginning), 0)] if layout.beginning else []
    rests = [attend(at, run, layout.beginning) for at, run in enumerate(layout.runs, start=1)]
    return torch.cat([*first, *rests])[None], None


def after(first_HPD: Tensor, rest: Tensor, run: Run) -> Tensor:
    """The beginning before each rest: H x P x D and H x (n L) x D as n x H x (P + L) x D."""
    rest_nHLD = rest.unflatten(1, run).transpose(0, 1)
    return torch.cat([first_HPD.expand(run.n, -1, -1, -1), rest_nHLD], dim=2)


def sees(length: int, before: int, window: int | None, device: torch.device) -> Tensor:
    """True where a token may look: at what precedes it, itself included, within the window."""
    ones = torch.ones((length, before + length), dtype=torch.bool, device=device)
    sees = ones.tril(before)
    return sees if window is None else sees & ones.triu(before - window + 1)
