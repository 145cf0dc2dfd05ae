"""Answer scoring beside lm-evaluation-harness: `benchmarks/lm_eval.py --peer-python PYTHON`.

Both get the same token ids of the same questions of MedQA-US and score the same answers on the
same model in float32: once the texts of the options (several tokens), once their letters (one
token, with the options in the prompt). They take their turns round by round, so that other work on
the machine slows both alike; the first round warms up. The harness is run with batches of 16 and
of 1, and how far these two differ is its own numeric noise. With --half both run in bfloat16 too,
where the harness's difference from its own float32 is the noise. Prints medians, ratios, memory and
differences of the scores. The last line is one JSON object. The data is found in MEDTUNE_SHARED or
../shared/data; PYTHON is one that has lm_eval.
"""

import argparse
import json
from pathlib import Path
from statistics import mean
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
from train import embedded_model

from medtune.llm.render import load_renderer
from medtune.llm.source import ModelFolder

OURS, OURS_HALF = "medtune-float32", "medtune-bfloat16"
HARNESS, HARNESS_HALF = ("harness-16", "harness-1"), "harness-16-bfloat16"
GOALS = {"multi": 6.0, "single": 2.0}
"""Times as fast as the harness."""


def question(row: dict[str, Any], kind: str) -> str:
    """As the harness writes it: plain text."""
    listed = "".join(f"{letter}. {text}\n" for letter, text in row["options"].items())
    return f"Question: {row['question']}\n" + (listed if kind == "single" else "") + "Answer:"


def rounds(
    folder: Path, kind: str, n_rounds: int, size: int, shots: int
) -> list[list[dict[str, Any]]]:
    """Questions in rounds of `size`, each after the same worked examples."""
    tokenizer = load_renderer(ModelFolder(folder, "benchmark", "0" * 64, "b")).tokenizer
    items: list[dict[str, Any]] = []
    rows = medqa(shots + n_rounds * size)
    shown = "".join(
        f"{question(row, kind)} {row['answer_idx' if kind == 'single' else 'answer']}\n\n"
        for row in rows[:shots]
    )
    for row in rows[shots:]:
        options: dict[str, str] = row["options"]
        asked = shown + question(row, kind)
        replies = options if kind == "single" else options.values()
        items.append(
            {
                "prompt": tokenizer.encode(asked, add_special_tokens=False),
                "replies": [
                    tokenizer.encode(f" {reply}", add_special_tokens=False) for reply in replies
                ],
            }
        )
    return [items[at : at + size] for at in range(0, len(items), size)]


def main() -> None:
    """Let both take their turns on both kinds of answers, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer-python", required=True, help="a Python with lm_eval")
    parser.add_argument("--model", type=Path, help="a model folder; else the embedded model")
    parser.add_argument("--rounds", type=int, default=6, help="the first warms up")
    parser.add_argument("--items", type=int, default=20, help="questions of a round")
    parser.add_argument("--half", action="store_true", help="run both in bfloat16 too")
    parser.add_argument("--shots", type=int, default=0, help="worked examples in every prompt")
    asked = parser.parse_args()
    model = asked.model or embedded_model()
    print(f"{machine()}; {asked.items} questions a round, {asked.rounds - 1} rounds counted\n")
    print("| answers | | s per round | peak GB | ours is faster by | largest difference |")
    print("|---|---|---|---|---|---|")
    result = {}
    for kind in GOALS:
        group = [
            contestant(OURS, "", "ours.py", "--what", "score"),
            contestant(HARNESS[0], "", "peer.py", "--what", "harness", "--batch", "16"),
            contestant(HARNESS[1], "", "peer.py", "--what", "harness", "--batch", "1"),
        ]
        if asked.half:
            half = ("--dtype", "bfloat16")
            group.append(contestant(OURS_HALF, "", "ours.py", "--what", "score", *half))
            group.append(contestant(HARNESS_HALF, "", "peer.py", "--what", "harness", *half))
        todo = rounds(model, kind, asked.rounds, asked.items, asked.shots)
        turns = play(group, asked.peer_python, model, todo)
        for name, some in turns.items():
            apart = max(differences(turns[OURS], some))
            print(
                f"| {kind} | {name} | {seconds(some):.2f} | {memory(some):.2f} | "
                f"{speedup(turns, OURS, name):.2f} | {apart:.2g} |"
            )
        result[kind] = summary(turns, GOALS[kind])
    print()
    print(json.dumps(result))


def differences(some: list[Turn], others: list[Turn]) -> list[float]:
    """Of every score, in nats."""
    return [
        abs(a - b)
        for one, other in zip(some, others, strict=True)
        for scores, wanted in zip(one.answers, other.answers, strict=True)
        for a, b in zip(scores, wanted, strict=True)
    ]


def same_answers(some: list[Turn], others: list[Turn]) -> float:
    """Share of the questions whose best answer is the same."""

    def best(turns: list[Turn]) -> list[int]:
        every = [scores for one in turns for scores in one.answers]
        return [max(range(len(scores)), key=scores.__getitem__) for scores in every]

    pairs = list(zip(best(some), best(others), strict=True))
    return sum(a == b for a, b in pairs) / len(pairs)


def summary(turns: dict[str, list[Turn]], goal: float) -> dict[str, Any]:
    """The figures of the last line."""
    best = min(HARNESS, key=lambda name: seconds(turns[name]))
    ratio = speedup(turns, OURS, best)
    apart = differences(turns[OURS], turns[best])
    result: dict[str, Any] = {
        "best_harness": best,
        "speed_vs_best_harness": ratio,
        "speed_vs_each": {name: speedup(turns, OURS, name) for name in HARNESS},
        "goal": goal,
        "reached": ratio >= goal,
        "memory_vs_best_harness": memory(turns[OURS]) / memory(turns[best]),
        "mean_difference": mean(apart),
        "largest_difference": max(apart),
        "harness_own_noise": max(differences(turns[HARNESS[0]], turns[HARNESS[1]])),
        "same_answers": same_answers(turns[OURS], turns[best]),
    }
    if OURS_HALF in turns:
        every = (*HARNESS, HARNESS_HALF)
        result["bfloat16"] = {
            "speed_vs_best_harness": min(speedup(turns, OURS_HALF, name) for name in every),
            "mean_difference": mean(differences(turns[OURS_HALF], turns[best])),
            "harness_mean_noise": mean(differences(turns[HARNESS_HALF], turns[best])),
            "same_answers": same_answers(turns[OURS_HALF], turns[best]),
        }
    return result


if __name__ == "__main__":
    main()
