"""Written replies and scored answers beside transformers': `benchmarks/generate.py`.

The same model, the same token ids, greedy: medtune's batched generation against transformers'
`generate` (in the order given, and sorted by length) and its continuous batching; medtune's
answer scoring against padded batches of prompt and reply. The fastest way of transformers runs in
bfloat16, too, so that each type of ours has a peer in the same. All take their turns round by
round, so that other work on the machine slows all alike; the first round warms up. Prints medians
over the rounds, ratios and memory, and how many replies of the float32 peers are the same text as
ours. Two programs that sum in another order may part where two tokens are as good as equally
probable: the largest gap, in nats, between the two best tokens where replies part is printed too.
The last line is one JSON object.

Prompts are questions of MedQA-US, as a chat, found in MEDTUNE_SHARED or ../shared/data.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from answering.referee import (
    Turn,
    contestant,
    machine,
    medqa,
    memory,
    play,
    seconds,
    speedup,
)
from train import Contestant, embedded_model

from medtune.llm.render import Renderer, load_renderer
from medtune.llm.source import ModelFolder
from medtune.records import Message

INSTRUCTION = "Answer the question of a medical examination in a few sentences, with the reason."
HALF = "-bfloat16"
"""The end of the name of a contestant in that type; all others are in float32."""
OURS, OURS_HALF = "medtune-float32", f"medtune{HALF}"


def rounds(renderer: Renderer, n_rounds: int, size: int) -> list[list[dict[str, Any]]]:
    """Questions with their options, in rounds of `size`."""
    items: list[dict[str, Any]] = []
    for row in medqa(n_rounds * size):
        messages = [Message("system", INSTRUCTION), Message("user", row["question"])]
        found = renderer.candidates(messages, list(row["options"].values()))
        items.append({"prompt": found.prompt, "replies": found.replies})
    return [items[at : at + size] for at in range(0, len(items), size)]


def main() -> None:
    """Let all take their turns, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="a model folder; else the embedded model")
    parser.add_argument("--rounds", type=int, default=6, help="the first warms up")
    parser.add_argument("--items", type=int, default=32, help="prompts of a round")
    parser.add_argument("--new", type=int, default=96, help="most new tokens of a reply")
    parser.add_argument("--python", default=sys.executable, help="of the peers; else this one")
    parser.add_argument("--only", nargs="*", help=f"names of the contestants, {OURS} among them")
    asked = parser.parse_args()
    model = asked.model or embedded_model()
    renderer = load_renderer(ModelFolder(model, "benchmark", "0" * 64, "benchmark"))
    todo = rounds(renderer, asked.rounds, asked.items)
    print(f"{machine()}; {asked.items} prompts a round, {asked.rounds - 1} rounds counted\n")
    writers, scorers = contestants(asked)
    written = play(writers, asked.python, model, todo)
    same, gap = agreement(renderer, model, todo[1:], written)
    print("Replies written\n")
    table(written, renderer)
    if same is not None:
        print(f"\nsame text as {OURS}: {same:.3f}; largest gap where they part: {gap:.4f} nats")
    scored = play(scorers, asked.python, model, todo)
    print("\nAnswers scored\n")
    table(scored, None)
    print()
    print(json.dumps(summary(written, scored, same, gap)))


def contestants(asked: argparse.Namespace) -> tuple[list[Contestant], list[Contestant]]:
    """Those who write, and those who score: ours in both types, and the peers asked for."""
    new, write, score = ("--new", str(asked.new)), ("--what", "generate"), ("--what", "score")
    half = ("--dtype", "bfloat16")
    by_length = ("--batch", "32", "--by-length")
    writers = [
        contestant(OURS, "", "ours.py", *write, *new),
        contestant(OURS_HALF, "", "ours.py", *write, *half, *new),
        contestant("generate-8", "", "peer.py", *write, "--batch", "8", *new),
        contestant("generate-32-by-length", "", "peer.py", *write, *by_length, *new),
        contestant(f"generate-32-by-length{HALF}", "", "peer.py", *write, *half, *by_length, *new),
        contestant("continuous-batching", "", "peer.py", "--what", "continuous", *new),
    ]
    scorers = [
        contestant(OURS, "", "ours.py", *score),
        contestant(OURS_HALF, "", "ours.py", *score, *half),
        contestant("forward-16", "", "peer.py", *score, "--by-length"),
        contestant(f"forward-16{HALF}", "", "peer.py", *score, *half, "--by-length"),
        contestant("forward-1", "", "peer.py", *score, "--batch", "1"),
    ]
    both = [
        [one for one in some if asked.only is None or one.name in asked.only]
        for some in (writers, scorers)
    ]
    return both[0], both[1]


def table(turns: dict[str, list[Turn]], renderer: Renderer | None) -> None:
    """Seconds, memory and ratios."""
    tokens = "tokens/s | " if renderer else ""
    print(f"| | s per round | {tokens}peak GB | ours in that type is faster by |")
    print("|---|---|---|---|" + ("---|" if renderer else ""))
    for name, some in turns.items():
        rate, half = "", name.endswith(HALF) and OURS_HALF in turns
        if renderer:
            n = sum(len(renderer.tokenizer.encode(text)) for one in some for text in one.answers)
            rate = f"{n / sum(one.seconds for one in some):.0f} | "
        print(
            f"| {name} | {seconds(some):.2f} | {rate}{memory(some):.2f} | "
            f"{speedup(turns, OURS_HALF if half else OURS, name):.2f} |"
        )


def agreement(
    renderer: Renderer,
    model: Path,
    todo: list[list[dict[str, Any]]],
    turns: dict[str, list[Turn]],
) -> tuple[float | None, float]:
    """Share of the float32 peers' replies that are ours to the letter; the gap where they part.

    The share is None where no such peer was asked for.
    """
    import torch
    from transformers import AutoModelForCausalLM

    plain = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
    same, gaps = [], [0.0]
    for name in peers(turns, half=False):
        for items, ours, theirs in zip(todo, turns[OURS], turns[name], strict=True):
            for item, a, b in zip(items, ours.answers, theirs.answers, strict=True):
                same.append(a == b)
                if a != b:
                    gaps.append(gap(plain, renderer, item["prompt"], a, b))
    return sum(same) / len(same) if same else None, max(gaps)


def gap(plain, renderer: Renderer, prompt: list[int], one: str, other: str) -> float:
    """Between the two best tokens after what two replies have in common, in nats."""
    import torch

    first, second = (renderer.tokenizer.encode(text) for text in (one, other))
    pairs = enumerate(zip(first, second, strict=False))
    common = next((i for i, (a, b) in pairs if a != b), min(len(first), len(second)))
    with torch.inference_mode():
        logits = plain(torch.tensor([[*prompt, *first[:common]]])).logits[0, -1]
    best, next_best = logits.topk(2).values.tolist()
    return best - next_best


def summary(
    written: dict[str, list[Turn]], scored: dict[str, list[Turn]], same: float | None, gap: float
) -> dict[str, Any]:
    """The figures of the last line."""
    result: dict[str, Any] = {"same_replies": same, "largest_gap_where_they_part": gap}
    for what, turns in (("generate", written), ("score", scored)):
        result[what] = {
            "speed_vs_each": {
                name: speedup(turns, OURS, name) for name in peers(turns, half=False)
            },
            "float32": beside_best(turns, OURS, peers(turns, half=False)),
            "bfloat16": beside_best(turns, OURS_HALF, peers(turns, half=True)),
        }
    return result


def peers(turns: dict[str, list[Turn]], *, half: bool) -> list[str]:
    """Names of the peers in bfloat16, or in float32."""
    return [
        name for name in turns if not name.startswith("medtune") and name.endswith(HALF) == half
    ]


def beside_best(turns: dict[str, list[Turn]], ours: str, names: list[str]) -> dict[str, Any]:
    """Ours beside the fastest of these peers, in the same type; empty where either did not run."""
    if ours not in turns or not names:
        return {}
    best = min(names, key=lambda name: seconds(turns[name]))
    return {
        "best_peer": best,
        "speed_vs_best_peer": speedup(turns, ours, best),
        "memory_vs_best_peer": memory(turns[ours]) / memory(turns[best]),
    }


if __name__ == "__main__":
    main()
