"""medtune as a contestant: the functions that evaluation runs, on the workload's token ids."""

import argparse
import json
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "training"))
from gate import Gate

from medtune.llm.generate import generate_ids
from medtune.llm.load import LanguageModel, load_model
from medtune.llm.numerics import Numerics, apply_numerics
from medtune.llm.render import Candidates
from medtune.llm.score import score_candidates
from medtune.llm.source import ModelFolder


def main() -> None:
    """Answer, a round at each turn."""
    parser = argparse.ArgumentParser()
    parser.add_argument("work", type=Path)
    parser.add_argument("name")
    parser.add_argument("model", type=Path)
    parser.add_argument("--what", choices=["generate", "score"], required=True)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--new", type=int, default=0)
    parser.add_argument("--budget", type=int, default=2048)
    asked = parser.parse_args()
    gate = Gate(asked.work, asked.name, 0)
    rounds = json.loads((asked.work / "rounds.json").read_text(encoding="utf-8"))
    numerics = Numerics(asked.dtype, None, "the benchmark", None)
    apply_numerics(numerics)
    lm = load_model(
        ModelFolder(asked.model, "benchmark", "0" * 64, "benchmark"),
        numerics,
        context_tokens=2048,
        processes=None,
    )
    for number, items in enumerate(rounds):
        gate.wait()
        answer = written if asked.what == "generate" else scored
        found = answer(lm, items, asked)
        (asked.work / f"{asked.name}.{number}.json").write_text(json.dumps(found), "utf-8")
        gate.done(0.0, 0)
    gate.wait()


def written(lm: LanguageModel, items: list, asked: argparse.Namespace) -> list[str]:
    """The replies."""
    found = generate_ids(
        lm,
        [item["prompt"] for item in items],
        max_new_tokens=asked.new,
        batch_tokens=asked.budget,
        advance=lambda _: None,
    )
    return [reply.text for reply in found]


def scored(lm: LanguageModel, items: list, asked: argparse.Namespace) -> list[list[float]]:
    """The log-probability of each reply of each item."""
    return score_candidates(
        lm,
        [Candidates(item["prompt"], item["replies"]) for item in items],
        batch_tokens=asked.budget,
        advance=lambda _: None,
    )


if __name__ == "__main__":
    main()
