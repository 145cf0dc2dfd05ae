"""A rehearsal of the training: the longest batch forward and backward, a save, and the speed."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from medtune.config import Run
from medtune.llm.load import LanguageModel
from medtune.records import Application, Example
from medtune.tune.batch import Batch, micro_batches
from medtune.tune.lesson import render_lessons
from medtune.tune.lora import attached, save_adapter, snapshot
from medtune.tune.loss import check_head, summed_loss
from medtune.tune.outcome import ADAPTER, peak_memory_gb

N_TIMED = 3
"""Batches that are timed, from all over the lengths."""


class Rehearsal(NamedTuple):
    """What one process saw of the training to come."""

    longest_tokens: int
    """Of the longest example, prompt and reply."""
    train_rates: list[float]
    """Tokens per second forward and backward, slowest first."""
    forward_rate: float
    """Tokens per second without gradients."""
    peak_memory_gb: float
    adapter_bytes: int


def rehearse(
    run: Run, app: Application, model: LanguageModel, train: Sequence[Example], folder: Path
) -> Rehearsal:
    """Try what training will do, and leave an adapter in `folder`/adapter.

    Raises:
        DataError: An example cannot be trained on.
        TuneError: The model cannot be trained by this loop.
        MachineError: The disk is full.
    """
    lessons = render_lessons(app, model, train, "train")
    budget, pad_id, device = run.tune.micro_batch_tokens, model.renderer.pad_id, model.device
    batches = micro_batches(lessons.rendered, budget=budget, pad_id=pad_id, device=device)
    check_head(model.model, batches[0])
    timed = [batches[at * (len(batches) - 1) // max(1, N_TIMED - 1)] for at in range(N_TIMED)]
    with attached(model, run.tune, run.seed) as adapter:
        _forward_backward(adapter.model, batches[0])  # the first pass of a process is slower
        rates = sorted(_forward_backward(adapter.model, batch) for batch in timed)
        forward = _forward(adapter.model, timed[-1])
        save_adapter(folder / ADAPTER, adapter, snapshot(adapter), model)
    return Rehearsal(
        longest_tokens=max(len(lesson.ids) for lesson in lessons.rendered),
        train_rates=rates,
        forward_rate=forward,
        peak_memory_gb=peak_memory_gb(),
        adapter_bytes=sum(path.stat().st_size for path in (folder / ADAPTER).iterdir()),
    )


def _forward_backward(model: torch.nn.Module, batch: Batch) -> float:
    started = time.perf_counter()
    (summed_loss(model, batch) / batch.n_supervised).backward()  # type: ignore[arg-type]
    model.zero_grad(set_to_none=True)
    return batch.n_tokens / (time.perf_counter() - started)


def _forward(model: torch.nn.Module, batch: Batch) -> float:
    started = time.perf_counter()
    with torch.no_grad():
        summed_loss(model, batch).item()  # type: ignore[arg-type]
    return batch.n_tokens / (time.perf_counter() - started)
