"""Time and memory of a whole tuning by the number of examples: `train_scale.py [SIZE ...]`.

Made-up notes of 40 words with a label, in the embedded model's tokens, one epoch without an early
end, all else the product's own: rendering, order, passes, steps, looks and saves. The model is a
decoder of two small layers with random weights, so that what grows with the number of examples is
not hidden behind matrix products. Each size runs in a process of its own. The last line is one JSON
object: the cost of an example at the largest size over that at the smallest is `linear`.
"""

import json
import random
import resource
import shutil
import time
from pathlib import Path

from sizes import Row, rows

SIZES = (1_000, 10_000, 100_000)
VALIDATION = 64
TEXT = (
    "the patient has had pain in his left knee for two days and no fever since then but she was "
    "seen last week with a cough that is now gone after some rest at home"
)
"""Its words, in any order, are the notes."""


def small_model(folder: Path) -> None:
    """The embedded model's tokenizer over a decoder of two layers."""
    import torch
    from train import embedded_model
    from transformers import LlamaConfig, LlamaForCausalLM

    shutil.copytree(embedded_model(), folder, ignore=shutil.ignore_patterns("*.safetensors"))
    whole = LlamaConfig.from_pretrained(folder)
    torch.manual_seed(0)
    small = LlamaConfig(
        vocab_size=whole.vocab_size,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        tie_word_embeddings=True,
    )
    LlamaForCausalLM(small).save_pretrained(folder)


def one(n: int, folder: Path) -> Row:
    """Seconds and peak memory of one size."""
    from medtune.apps.custom import build
    from medtune.config import Run
    from medtune.llm.load import load_model
    from medtune.llm.numerics import Numerics, apply_numerics
    from medtune.llm.source import ModelFolder
    from medtune.records import Example
    from medtune.tune import fit

    small_model(folder / "model")
    run = Run.model_validate(
        {
            "app": "custom",
            "goal": "custom_data",
            "out": folder / "run",
            "model": {"source": "path:none", "context_tokens": 1024},
            "data": {"sources": [{"source": "path:none", "licence": "made up"}]},
            "tune": {"epochs": 1, "patience": 1_000_000},
            "task": {
                "instruction": "Is it so?",
                "input": "{note}",
                "answer": "label",
                "labels": ["yes", "no"],
            },
        }
    )
    numerics = Numerics("float32", None, "the benchmark", None)
    apply_numerics(numerics)
    place = ModelFolder(folder / "model", "small", "0" * 64, "made up")
    lm = load_model(place, numerics, context_tokens=1024)
    rng, words = random.Random(0), TEXT.split()
    made = [
        Example(
            id=f"r{number}",
            group=f"p{number}",
            fields={"note": " ".join(rng.choices(words, k=40))},
            target=rng.choice(("yes", "no")),
        )
        for number in range(n + VALIDATION)
    ]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall = time.monotonic()
    done = fit(
        run,
        build(run),
        lm,
        made[VALIDATION:],
        made[:VALIDATION],
        folder=folder / "run",
        what=f"{n:,} examples",
        identity={},
    )
    seconds = time.monotonic() - wall
    return {
        "examples": n,
        "steps": done.steps,
        "tokens": done.tokens_seen,
        "seconds": round(seconds, 1),
        "seconds_outside_the_loop": round(seconds - done.seconds, 1),
        "memory_before_mb": round(before / 1e3),
        "peak_memory_mb": round(done.peak_memory_gb * 1e3),
    }


def main() -> None:
    """Print the table of the sizes."""
    found: list[Row] = []
    for row in rows(__file__, one, SIZES):
        if not found:
            print(
                "| examples | tokens | seconds | before and after the loop | tokens/s | peak MB |"
            )
            print("|---|---|---|---|---|---|")
        found.append(row)
        print(
            f"| {row['examples']:,} | {row['tokens']:,} | {row['seconds']:,} | "
            f"{row['seconds_outside_the_loop']:,} | {row['tokens'] / row['seconds']:,.0f} | "
            f"{row['peak_memory_mb']:,} |",
            flush=True,
        )
    cost = [row["seconds"] / row["tokens"] for row in found]
    print(json.dumps({"sizes": found, "linear": round(cost[-1] / cost[0], 3)}))


if __name__ == "__main__":
    main()
