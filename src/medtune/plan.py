"""The pre-flight: everything that could go wrong late is tried early, in numbered steps.

Each step prints a tick with what was found, or a cross with what to do; the first cross ends the
flight with its exit code. The data stage is run for real, so that `medtune run` finds it done.
"""

import gc
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from medtune import stats
from medtune.artifacts import DataCard, TokenCount, read_examples
from medtune.errors import DataError, MachineError, MedtuneError, memory_told
from medtune.llm.memory import there_is
from medtune.pipeline import CHAIN, Job, working_in
from medtune.progress import duration
from medtune.records import Example

if TYPE_CHECKING:
    from medtune.tune import Rehearsal

SHOWN_TOKENS = 400
CHECKPOINT_COPIES = 13
"""Sizes of the trained weights on disk at once: two checkpoints and a third that is being written,
each with the weights, the best weights and the optimizer's two moments; and the result."""
ITEM_TOKENS = 45
"""Of an item of the battery with its options, about."""
LATER_COPIES = 8
"""Adapter sizes in memory that a rehearsal does not see yet: two moments and the best weights, and
of all these, while a checkpoint is written, a copy, and the moments once more as bytes."""
SLOWER = 1.5
"""The upper end of the time: other work on the machine, longer batches."""


@dataclass(frozen=True)
class _Flight:
    """What earlier steps found, for later ones."""

    job: Job
    workplace: Path
    """A temporary folder for the rehearsal's adapter."""

    @cached_property
    def card(self) -> DataCard:
        CHAIN["data"](self.job)
        return DataCard.load(self.job.run.out)

    @cached_property
    def train(self) -> list[Example]:
        return read_examples(self.job.run.out / "train.jsonl")

    @cached_property
    def rehearsal(self) -> "Rehearsal":
        stage = import_module("medtune.tune")
        model = self.job.load()
        return stage.rehearse(self.job.run, self.job.app, model, self.train, self.workplace)


@dataclass(frozen=True)
class _Check:
    name: str
    find: Callable[[_Flight], str]
    more: Callable[[_Flight], Sequence[str]] = field(default=lambda _: ())
    """Lines to show beneath."""


def plan(job: Job, show: Callable[[str], None]) -> int:
    """Go through the checks; return 0, or the exit code of the first that failed."""
    with (
        working_in(job.run),
        tempfile.TemporaryDirectory(prefix=".plan-", dir=job.run.out) as folder,
    ):
        flight = _Flight(job, Path(folder))
        for number, check in enumerate(CHECKS, start=1):
            head = f"[{number}/{len(CHECKS)}]"
            try:
                with memory_told():
                    found = check.find(flight)
            except MedtuneError as error:
                show(f"{head} ✗ {check.name}: {error}")
                for later in CHECKS[number:]:
                    show(f"      - {later.name}: not reached")
                return error.exit_code
            show(f"{head} ✓ {check.name}: {found}")
            for line in check.more(flight):
                show(f"      {line}")
    show(f"\nReady. Next: medtune run {job.run.out / 'run.yaml'}")
    return 0


def _config(flight: _Flight) -> str:
    run = flight.job.run
    return f"app {flight.job.app.name}, goal {run.goal}, seed {run.seed}, out {run.out}"


def _model(flight: _Flight) -> str:
    folder = flight.job.folder
    return f"{folder.name}, sha256 {folder.sha256[:12]}, licence {folder.licence}"


def _numerics(flight: _Flight) -> str:
    chosen = flight.job.numerics
    return f"{chosen.dtype}: {chosen.about.removeprefix(f'{chosen.dtype}, ')}"


def _data(flight: _Flight) -> str:
    card = flight.card
    sizes = ", ".join(f"{name} {count.kept:,}" for name, count in card.splits.items())
    return (
        f"{sizes}; {card.exact_duplicates:,} duplicates dropped, {len(card.conflicts):,} "
        f"conflicting labels, {len(card.leaks):,} leaks"
    )


def _kinds(flight: _Flight) -> list[str]:
    """What each source of a custom task was taken for, and the checks that want a look."""
    run = flight.job.run
    lines: list[str] = []
    if run.task is not None:
        kind_of = import_module("medtune.data").kind_of
        for path, source in zip(flight.job.sources, run.data.sources, strict=True):
            kind = kind_of(path, source.format)
            fix = f"; `format: {kind.name}` fixes it" if source.format == "auto" else ""
            lines.append(f"{path.name}: taken for {kind.name}, {kind.about}{fix}")
    wanted = [check for check in flight.card.checks if check.outcome in ("warn", "fail")]
    return lines + [f"{check.outcome}: {check.name}: {check.found}" for check in wanted]


def _power(flight: _Flight) -> str:
    """What each split could show, before anything is run."""
    return "; ".join(_shows(flight.card, split) for split in ("validation", "test"))


def _shows(card: DataCard, split: str) -> str:
    n, n_groups = card.splits[split].kept, card.groups[split]
    if n_groups < stats.MIN_GROUPS:
        return f"{split}: {n_groups} groups can show nothing"
    return f"{split} shows a difference of {stats.planned(n, n_groups).detectable:.2f} or more"


def _assumed(flight: _Flight) -> list[str]:
    card = flight.card
    known = [name for name in ("validation", "test") if card.groups[name] >= stats.MIN_GROUPS]
    if not known:
        return []
    found = stats.planned(card.splits[known[0]].kept, card.groups[known[0]])
    return [f"in the share of right answers, with 80 % power; {found.assumed}"]


def _tokens(flight: _Flight) -> str:
    count = flight.card.splits["train"]
    share = count.supervised / max(1, count.tokens)
    return (
        f"train {count.tokens:,} tokens, {count.supervised:,} supervised ({share:.1%}), longest "
        f"{count.longest:,}; none cut"
    )


def _receipt(flight: _Flight) -> list[str]:
    lines = [_receipt_line(name, count) for name, count in flight.card.receipt.items()]
    return [*lines, *_first_example(flight)]


def _receipt_line(name: str, count: TokenCount) -> str:
    dropped = ", ".join(f"{n:,} {why}" for why, n in count.dropped.items()) or "none"
    return (
        f"{name}: {count.rows:,} rows, {count.kept:,} kept, dropped: {dropped}; "
        f"{count.tokens:,} tokens, {count.supervised:,} supervised"
    )


def _first_example(flight: _Flight) -> list[str]:
    """The first training example, what is learnt in brackets.

    The user's own records are shown on a terminal only, never in a log.
    """
    shown = flight.card.first_example
    if shown:
        pieces = [(str(one["token"]), bool(one["supervised"])) for one in shown]
    elif sys.stdout.isatty():
        renderer = import_module("medtune.llm.render").load_renderer(flight.job.folder)
        first, app = flight.train[0], flight.job.app
        rendered = renderer.training(app.prompt(first), app.reply(first))
        pieces = [
            (renderer.decode([one]), supervised)
            for one, supervised in zip(rendered.ids, rendered.supervised, strict=True)
        ]
    else:
        return ["the first example is shown on a terminal only: it is your data"]
    text = "|".join(f"[[{piece}]]" if on else piece for piece, on in pieces[-SHOWN_TOKENS:])
    return ["first example by token, [[learnt]]:", *text.splitlines()]


def _rehearsal(flight: _Flight) -> str:
    seen = flight.rehearsal
    return (
        f"{seen.longest_tokens:,} tokens in the longest example; forward and backward at "
        f"{seen.train_rates[0]:,.0f} to {seen.train_rates[-1]:,.0f} tokens/s"
    )


def _save_load_answer(flight: _Flight) -> str:
    job, size = flight.job, flight.rehearsal.adapter_bytes / 1e6
    gc.collect()  # the rehearsed model goes first: a GPU may not hold two
    model = job.load(flight.workplace / "adapter")
    predict = import_module("medtune.llm.predict").predict
    result = predict(model, job.app, flight.train[:1], settings=job.run.evaluate, what="rehearsal")
    if any(one.failed for one in result.predictions):
        raise DataError("the saved adapter was loaded but gave no answer; run with another model")
    return f"adapter of {size:.0f} MB saved, loaded on a fresh model, one example answered"


def _memory(flight: _Flight) -> str:
    seen, total = flight.rehearsal, there_is() / 1e9
    later = LATER_COPIES * seen.adapter_bytes / 1e9
    peak = seen.peak_memory_gb + later
    if peak > 0.9 * total:
        raise MachineError(
            f"{peak:.1f} GB of {total:.1f} GB are used by one batch; lower tune.micro_batch_tokens "
            "or model.context_tokens, or set compute.recompute"
        )
    passes = seen.peak_memory_gb - seen.weights_gb
    return (
        f"peak {peak:.2f} GB of {total:.1f} GB expected: weights {seen.weights_gb:.2f}, optimizer "
        f"and copies {later:.2f}, the longest step and the program {passes:.2f}"
    )


def _disk(flight: _Flight) -> str:
    out = flight.job.run.out
    needed = CHECKPOINT_COPIES * flight.rehearsal.adapter_bytes
    free = shutil.disk_usage(out).free
    if free < needed:
        raise MachineError(
            f"{out}: {free / 1e9:.2f} GB free, checkpoints need {needed / 1e9:.2f} GB; free some "
            "space or set `out` to another disk"
        )
    return f"{needed / 1e9:.2f} GB needed at the most, {free / 1e9:.0f} GB free"


def _time(flight: _Flight) -> str:
    run, seen, splits = flight.job.run, flight.rehearsal, flight.card.splits
    tokens = seen.tokens
    few = min(run.decide.tune_examples, splits["train"].kept)
    curve: list[tuple[int, int]] = import_module("medtune.decide.draw").ladder(few)  # imports torch
    work = sum(n * run.tune.epochs_of_small(n) for n, _ in curve) / run.tune.epochs
    small = tokens * work / splits["train"].kept
    n_steps = run.tune.epochs * splits["train"].kept / run.tune.examples_per_step
    looks = n_steps / run.tune.validate_every * splits["validation"].tokens
    # Seven tunes and three prompts on validation, one tune and three prompts on the test.
    prompts = 1 + run.decide.passages / 2
    scored = (9 + prompts) * splits["validation"].tokens + (3 + prompts) * splits["test"].tokens
    scored += looks + _beside(flight)
    tokens += seen.searched_tokens
    fast = (tokens + small) / seen.train_rates[-1] + scored / seen.forward_rate
    slow = SLOWER * ((tokens + small) / seen.train_rates[0] + scored / seen.forward_rate)
    return f"{duration(fast)} to {duration(slow)} for the whole chain on this machine as it is now"


def _beside(flight: _Flight) -> float:
    """Tokens that the evaluation reads beside the test, about."""
    settings, test = flight.job.run.evaluate, flight.card.splits["test"]
    n_changed = settings.robustness_examples * len(settings.perturbations)
    n_asked = settings.validation_examples + n_changed + 2 * settings.membership_examples
    # The three areas of the battery, for two models.
    n_items = 2 * 3 * settings.retention_items
    return n_asked * test.tokens / max(1, test.kept) + n_items * ITEM_TOKENS


CHECKS: tuple[_Check, ...] = (
    _Check("config", _config),
    _Check("model", _model),
    _Check("numerics", _numerics),
    _Check("data", _data, _kinds),
    _Check("power", _power, _assumed),
    _Check("tokens", _tokens, _receipt),
    _Check("longest batch", _rehearsal),
    _Check("save, load, answer", _save_load_answer),
    _Check("memory", _memory),
    _Check("disk", _disk),
    _Check("time", _time),
)
