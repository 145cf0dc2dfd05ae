"""Time and memory of the data stage by the number of records: `data_scale.py [SIZE ...]`.

Writes JSON Lines of made-up notes of about 120 words (three a patient, one in twenty nearly a copy
of an earlier one, one in fifty an exact repeat) and takes each file through the whole stage:
reading, token counts, duplicates, splits, checks, writing, the card. Each size runs in a process of
its own, so that its peak of memory is its own. Tokens are counted by words, for the tokenizer of a
model takes its own time, in proportion to the text. The last line is one JSON object.
"""

import json
import random
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from sizes import Row, rows

from medtune.apps.custom import build
from medtune.config import Run
from medtune.data import prepare
from medtune.records import Message

SIZES = (10_000, 100_000, 1_000_000)
VOCABULARY = 30_000
WORDS = 120
NEAR, REPEATED = 0.05, 0.02


class Rendered(NamedTuple):
    """The length of an example, in words."""

    ids: list[int]
    supervised: list[bool]


class WordCount:
    """Stands for a model's renderer."""

    def training(self, messages: list[Message], reply: str) -> Rendered:
        """One token a word."""
        prompt = sum(len(message.content.split()) for message in messages)
        answer = len(reply.split()) + 1
        return Rendered([0] * (prompt + answer), [False] * prompt + [True] * answer)


def records(n: int) -> Iterator[dict[str, str]]:
    """The notes."""
    rng = random.Random(n)
    words = [f"w{k:x}" for k in range(VOCABULARY)]
    kept: list[list[str]] = []
    for number in range(n):
        draw = rng.random()
        if kept and draw < NEAR + REPEATED:
            note = list(rng.choice(kept))
            if draw < NEAR:
                note[rng.randrange(WORDS)] = rng.choice(words)
        else:
            note = rng.choices(words, k=WORDS)
        if len(kept) < 1000:
            kept.append(note)
        yield {
            "id": f"r{number}",
            "patient": f"p{number // 3}",
            "note": " ".join(note),
            "label": rng.choice(("yes", "no")),
            "sex": rng.choice(("f", "m")),
        }


def one(n: int, folder: Path) -> Row:
    """Seconds and peak memory of one size."""
    source = folder / "notes.jsonl"
    with source.open("w", encoding="utf-8") as file:
        for record in records(n):
            file.write(json.dumps(record) + "\n")
    run = Run.model_validate(
        {
            "app": "custom",
            "goal": "custom_data",
            "out": folder / "run",
            "model": {"source": "path:none", "context_tokens": 512},
            "data": {"sources": [{"source": f"path:{source}", "licence": "made up"}]},
            "task": {
                "instruction": "Is it so?",
                "input": "{note}",
                "answer": "label",
                "labels": ["yes", "no"],
                "id": "id",
                "group": "patient",
                "subgroups": ["sex"],
            },
        }
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, cpu = time.monotonic(), time.process_time()
    card = prepare(run, build(run), [source], WordCount(), key="k", inputs={})  # type: ignore[arg-type]
    return {
        "records": n,
        "megabytes_read": round(source.stat().st_size / 1e6),
        "kept": sum(split.kept for split in card.splits.values()),
        "joined": card.near_duplicate_pairs,
        "seconds": round(time.monotonic() - wall, 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
        "memory_before_mb": round(before / 1e3),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3),
    }


def main() -> None:
    """Print the table of the sizes."""
    found: list[Row] = []
    for row in rows(__file__, one, SIZES):
        if not found:
            print("| records | MB read | seconds | records/s | peak memory, MB |")
            print("|---|---|---|---|---|")
        found.append(row)
        print(
            f"| {row['records']:,} | {row['megabytes_read']:,} | {row['seconds']:,} | "
            f"{row['records'] / row['seconds']:,.0f} | {row['peak_memory_mb']:,} |",
            flush=True,
        )
    print(json.dumps({"sizes": found}))


if __name__ == "__main__":
    main()
