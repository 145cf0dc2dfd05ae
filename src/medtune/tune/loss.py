"""Next-token cross-entropy in nats, computed only where there is something to learn.

Shapes: T tokens, S supervised tokens, C rows in one chunk, D hidden size, V vocabulary.

The output layer is the widest of a small model, and most tokens are prompt. So the decoder runs on
all tokens, and the output layer only on the rows that predict a supervised token, a chunk at a
time; the gradient is formed along with the loss, and no S x V table is kept.
"""

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

from medtune.errors import TuneError
from medtune.llm.flat import hidden_states
from medtune.tune.batch import Batch

CHUNK = 512
"""Rows scored at a time: with 50,000 vocabulary entries, 100 MB in float32."""


class _HeadLoss(torch.autograd.Function):
    """Cross-entropy of each row behind a frozen output layer; the gradient goes to the rows."""

    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]  torch declares *args
        ctx: Any,  # noqa: ANN401  torch's context has no public type
        hidden_SD: Tensor,
        weight_VD: Tensor,
        bias_V: Tensor | None,
        targets_S: Tensor,
    ) -> Tensor:
        loss_S = hidden_SD.new_empty(len(targets_S), dtype=_wide(hidden_SD))
        gradient_SD = torch.empty_like(hidden_SD) if ctx.needs_input_grad[0] else None
        for at in range(0, len(targets_S), CHUNK):
            targets_C1 = targets_S[at : at + CHUNK, None]
            logits_CV = F.linear(hidden_SD[at : at + CHUNK], weight_VD, bias_V).to(loss_S.dtype)
            total_C1 = logits_CV.logsumexp(dim=-1, keepdim=True)
            loss_S[at : at + CHUNK] = (total_C1 - logits_CV.gather(1, targets_C1)).squeeze(1)
            if gradient_SD is not None:
                # d loss / d logits is softmax minus one-hot; both steps reuse the logits' memory.
                slope_CV = logits_CV.sub_(total_C1).exp_()
                slope_CV.scatter_add_(1, targets_C1, slope_CV.new_full(targets_C1.shape, -1.0))
                gradient_SD[at : at + CHUNK] = slope_CV.to(weight_VD.dtype) @ weight_VD
        if gradient_SD is not None:
            ctx.save_for_backward(gradient_SD)
        return loss_S

    @staticmethod
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]  torch declares *args
        ctx: Any,  # noqa: ANN401  torch's context has no public type
        slope_S: Tensor,
    ) -> tuple[Tensor | None, ...]:
        (gradient_SD,) = ctx.saved_tensors
        return (gradient_SD * slope_S[:, None]).to(gradient_SD.dtype), None, None, None


def token_losses(model: PreTrainedModel, batch: Batch) -> Tensor:
    """Cross-entropy in nats of each of the batch's supervised tokens: S numbers.

    The output layer's output must be the logits: see `check_head`.
    """
    head = _head(model)
    hidden_SD = hidden_states(model, batch.tokens).index_select(0, batch.rows_S)
    hidden_SD = hidden_SD.to(head.weight.dtype)
    if head.weight.requires_grad and torch.is_grad_enabled():
        return _trained_head_losses(head, hidden_SD, batch.targets_S)
    loss_S = _HeadLoss.apply(hidden_SD, head.weight, head.bias, batch.targets_S)
    assert isinstance(loss_S, Tensor)
    return loss_S


def _trained_head_losses(head: nn.Linear, hidden_SD: Tensor, targets_S: Tensor) -> Tensor:
    """The same where the output layer learns too: a chunk's logits are formed again backward."""

    def losses(hidden_CD: Tensor, targets_C: Tensor) -> Tensor:
        logits_CV = head(hidden_CD).to(_wide(hidden_CD))
        return F.cross_entropy(logits_CV, targets_C, reduction="none")

    chunks = zip(hidden_SD.split(CHUNK), targets_S.split(CHUNK), strict=True)
    return torch.cat(
        [cast("Tensor", checkpoint(losses, *chunk, use_reentrant=False)) for chunk in chunks]
    )


@torch.no_grad()
def check_head(model: PreTrainedModel, batch: Batch) -> None:
    """Make sure that the model's logits are its output layer applied to the last hidden state.

    Raises:
        TuneError: The architecture changes the logits afterwards (scaling, soft-capping), so that
            scoring supervised rows alone would train on another loss than the model's own.
    """
    ids_T = batch.tokens.input_ids_T
    ids_1T = ids_T[ids_T < len(_head(model).weight)][None, :8]  # words only
    hidden = model.get_decoder()(input_ids=ids_1T, use_cache=False).last_hidden_state
    ours = _head(model)(hidden.to(_head(model).weight.dtype)).float()
    theirs = model(input_ids=ids_1T, use_cache=False).logits.float()
    tolerance = 0.02 if model.dtype == torch.bfloat16 else 1e-4
    if float((ours - theirs).abs().max()) > tolerance * float(theirs.abs().max()):
        raise TuneError(
            f"{type(model).__name__}: this architecture changes its logits after the output layer "
            "(scaling or soft-capping), which medtune does not train; choose another model"
        )


def _head(model: PreTrainedModel) -> nn.Linear:
    head = model.get_output_embeddings()
    if not isinstance(head, nn.Linear):
        raise TuneError(
            f"{type(model).__name__}: no linear output layer over a vocabulary, so not a causal "
            "language model; choose another model"
        )
    return head


def _wide(tensor: Tensor) -> torch.dtype:
    return torch.float64 if tensor.dtype == torch.float64 else torch.float32
