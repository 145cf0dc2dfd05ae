"""Memory and time of a tuning on GPUs, from the shape of the model alone: nothing is fetched.

The memory is counted (see `llm.architectures`); what a GPU's libraries take is an assumption, and
so is the share of a GPU's speed that is reached. None of it was measured on a GPU: the same count
is tested on the CPU against what the embedded model takes.
"""

from typing import NamedTuple

from medtune.config import ExpectSection, GpuName, Run
from medtune.errors import ConfigError
from medtune.llm.architectures import FLOAT, HALF, Architecture, architecture
from medtune.progress import duration

CHUNK = 512
"""Rows of the output layer that are scored at a time, as in `tune/loss.py`."""
CACHED = 4
"""Tokens that may be cached for each of a pass, as in `llm/rows.py`."""
LIBRARIES = 1.5e9
"""Bytes that CUDA, NCCL and the allocator take on each GPU: assumed."""
REACHED = (0.2, 0.4)
"""Share of the peak rate that a tuning reaches: assumed."""
FULL = 0.9
"""Share of a GPU's memory above which a run is not started."""
MACHINE = 8
"""GPUs in one machine, joined by NVLink."""
NETWORK = 50e9
"""Bytes per second from GPU to GPU between machines: 400 Gb/s InfiniBand each, assumed."""


class Gpu(NamedTuple):
    """What the maker states of a GPU in its SXM form."""

    memory: float
    """Bytes."""
    rate: float
    """Dense bfloat16 operations per second."""
    link: float
    """Bytes per second to another GPU of the machine, one way."""


GPUS: dict[GpuName, Gpu] = {
    "H100-80GB": Gpu(80e9, 989e12, 450e9),
    "H200-141GB": Gpu(141e9, 989e12, 450e9),
}
"""SXM forms, without sparsity; https://glennklockwood.com/garden/processors/h100, 2026-11-23."""


class Memory(NamedTuple):
    """Bytes that one process holds while it trains."""

    weights: float
    adapter: float
    """With gradients, two moments, the start, and the running mean where one is kept."""
    activations: float
    libraries: float

    @property
    def total(self) -> float:
        """All of it."""
        return sum(self)


def foresee(run: Run) -> list[str]:
    """What the tuning of a run file will take, and whether the verbs on one GPU fit it, in lines.

    Raises:
        ConfigError: The run file says too little, or the run does not fit the GPUs.
    """
    expect = run.compute.expect
    if expect is None:
        raise ConfigError(
            "compute.expect: this key is required to plan without weights: architecture, gpu, "
            "gpus, examples and tokens_per_example"
        )
    uncounted = {
        "model.quantize": run.model.quantize is not None,
        "tune.adapter: full": run.tune.adapter == "full",
        "tune.adapter: dora": run.tune.adapter == "dora",
    }
    if named := [name for name, is_asked in uncounted.items() if is_asked]:
        raise ConfigError(
            f"{', '.join(named)}: what this takes is not counted here; use medtune plan, which "
            "tries a step, or leave it out"
        )
    shape, gpu = architecture(expect.architecture), GPUS[expect.gpu]
    found = memory(run, shape, expect.gpus)
    seconds = [_seconds(run, shape, expect, gpu, share) for share in REACHED[::-1]]
    machine = min(expect.gpus, MACHINE)
    loading = machine * shape.n_parameters * (HALF if run.compute.shard else FLOAT)
    alone = on_one(run, shape, expect)
    lines = [
        f"model: {expect.architecture}, {shape.n_parameters / 1e9:.1f} billion parameters, licence "
        f"{shape.licence}{'' if shape.verified else ' (its shape is not verified)'}",
        f"trained: {shape.n_adapter(run.tune.rank) / 1e6:,.0f} million parameters",
        f"tune: memory of each of {expect.gpus} {expect.gpu}: {found.total / 1e9:.0f} of "
        f"{gpu.memory / 1e9:.0f} GB (weights {found.weights / 1e9:.1f}, adapter and optimizer "
        f"{found.adapter / 1e9:.1f}, {run.tune.micro_batch_tokens:,} tokens "
        f"{found.activations / 1e9:.1f}, libraries {found.libraries / 1e9:.1f})",
        *_told(alone, expect, gpu),
        f"main memory of a machine while it loads: {loading / 1e9:,.0f} GB",
        f"time: {duration(seconds[0])} to {duration(seconds[1])} for {run.tune.epochs} epochs of "
        f"{expect.examples:,} examples of {expect.tokens_per_example:,} tokens",
        "counted and assumed, not measured on a GPU; nothing was fetched",
    ]
    if found.total > FULL * gpu.memory:
        raise ConfigError(
            f"{lines[2]}: more than {FULL:.0%}; lower tune.micro_batch_tokens, or set "
            "compute.recompute or compute.shard"
        )
    if _holds(run, shape) <= FULL * gpu.memory < max(alone.values()):
        raise ConfigError(
            f"{'; '.join(lines[3:5])}; lower evaluate.batch_tokens or tune.micro_batch_tokens, or "
            "set compute.recompute"
        )
    return lines


def on_one(run: Run, shape: Architecture, expect: ExpectSection) -> dict[str, float]:
    """Bytes on the one GPU of each verb that is not divided, at the most.

    A tuned model shares the frozen weights of its base model where `llm/beside.py` lets it.
    """
    held = _holds(run, shape)
    n_cached = CACHED * run.evaluate.batch_tokens
    # In scoring, one layer's keys and values are repeated for all heads that share them.
    repeated = 2 * shape.heads * shape.head_size * FLOAT
    logits = n_cached // expect.tokens_per_example * shape.vocabulary * FLOAT
    cached = n_cached * (shape.cached_per_token + repeated) + logits
    answering = held + cached + run.evaluate.batch_tokens * shape.read_per_token
    both = max(memory(run, shape, 1).total, answering)  # a small tune, and its answers
    return {"decide": both, "evaluate": both if run.evaluate.leave_out else answering}


def _holds(run: Run, shape: Architecture) -> float:
    """Bytes of the base model and a tuned one, before anything is computed."""
    found = memory(run, shape, 1)
    shared = run.model.vision is None and run.tune.adapter != "full"
    weights = found.weights * (1 if shared else 2)
    return weights + FLOAT * shape.n_adapter(run.tune.rank) + found.libraries


def _told(alone: dict[str, float], expect: ExpectSection, gpu: Gpu) -> list[str]:
    """A line for each verb on one GPU, and what it means where one does not fit."""
    fits = {verb: held <= FULL * gpu.memory for verb, held in alone.items()}
    lines = [
        f"{verb}: on one {expect.gpu}, {held / 1e9:.0f} of {gpu.memory / 1e9:.0f} GB: "
        f"{'fits' if fits[verb] else 'does not fit'}"
        for verb, held in alone.items()
    ]
    if all(fits.values()):
        return lines
    return [
        *lines,
        f"not supported yet on {expect.gpu}: tune needs the decision of this very model, and "
        "decide and evaluate do not divide a model among GPUs",
    ]


def memory(run: Run, shape: Architecture, n: int, *, libraries: float = LIBRARIES) -> Memory:
    """What one of `n` processes holds at the most."""
    tune, compute = run.tune, run.compute
    product = FLOAT if run.model.numerics == "float32" else HALF
    layers = shape.n_linear * product + shape.n_small * FLOAT
    parts = n if compute.shard else 1
    gathered = 2 * layers / shape.layers if parts > 1 else 0  # one at work, one on its way
    kept = shape.kept_per_token(tune.rank, product)
    inputs = shape.layers * shape.hidden * FLOAT
    per_token = inputs + kept if compute.recompute else shape.layers * kept
    scored = 3 * CHUNK * shape.vocabulary * FLOAT
    return Memory(
        weights=layers / parts + gathered + shape.n_whole * FLOAT,
        adapter=(6 if tune.average else 5) * FLOAT * shape.n_adapter(tune.rank) / parts,
        activations=tune.micro_batch_tokens * per_token + scored,
        libraries=libraries,
    )


def _seconds(run: Run, shape: Architecture, expect: ExpectSection, gpu: Gpu, share: float) -> float:
    """Of the whole tuning: computing, or gathering divided weights where that takes longer."""
    tune, n = run.tune, expect.gpus
    steps = tune.epochs * -(-expect.examples // tune.examples_per_step)
    tokens = tune.examples_per_step * expect.tokens_per_example
    work = tokens * shape.operations_per_token(recompute=run.compute.recompute)
    computing = work / (n * gpu.rate * share)
    gathering = 0.0
    if run.compute.shard and n > 1:
        rounds = -(-tokens // (tune.micro_batch_tokens * n))
        product = FLOAT if run.model.numerics == "float32" else HALF
        speed = gpu.link if n <= MACHINE else NETWORK
        gathering = rounds * 2 * shape.n_linear * product * (n - 1) / n / speed
    return steps * max(computing, gathering)
