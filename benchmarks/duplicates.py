"""Near duplicates in many notes: time, memory, recall: `duplicates.py [NOTES] [--alone]`.

Notes of 6 to 14 sentences are put together from the sentences of MedQuAD, found in MEDTUNE_SHARED
or ../shared; without it, from sentences made of invented words. One note in ten is a copy of
an earlier one with up to one word in twenty exchanged, so that the similarity of the copies lies on
both sides of the threshold. The truth is the exact Jaccard similarity of word 5-grams,
counted with a sparse matrix product for 1,000 notes, half of them copies, against all others. For
comparison, the same notes go through MinHash with banding (datasketch, 128 permutations, the
candidates not verified); `--alone` leaves that out.
The last line is one JSON object.
"""

import json
import os
import random
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from datasketch import MinHash, MinHashLSH
from scipy.sparse import csr_matrix

from medtune.data.duplicates import Inputs, Numbering, near_pairs
from medtune.data.shingles import input_text, words_of

NOTES = 100_000
CHECKED = 1_000
THRESHOLD = 0.8
SEED = 5
COPIED = 0.1
EDIT_EVERY = 20
SENTENCE_WORDS = range(6, 41)
MEDQUAD = "medquad/medquad_answered.jsonl"


def sentences() -> tuple[list[str], str]:
    """Sentences to make notes of, and where they are from."""
    root = Path(__file__).parents[1]
    file = Path(os.environ.get("MEDTUNE_SHARED", root / "../shared")) / "data" / MEDQUAD
    if not file.is_file():
        rng = random.Random(SEED)
        words = [f"word{n}" for n in range(20_000)]
        return [" ".join(rng.choices(words, k=16)) for _ in range(50_000)], "invented words"
    found: dict[str, None] = {}
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            for sentence in json.loads(line)["answer"].split(". "):
                if len(sentence.split()) in SENTENCE_WORDS:
                    found[" ".join(sentence.split())] = None
    return list(found), "MedQuAD"


def notes(pool: list[str], n: int) -> Iterator[tuple[str, bool]]:
    """Yield notes, and whether each is a changed copy."""
    rng = random.Random(SEED)
    made: list[list[str]] = []
    for _ in range(n):
        copied = bool(made) and rng.random() < COPIED
        if copied:
            words = " . ".join(rng.choice(made)).split()
            for _ in range(rng.randint(1, len(words) // EDIT_EVERY)):
                words[rng.randrange(len(words))] = rng.choice(words)
            note = " ".join(words).split(" . ")
        else:
            note = rng.choices(pool, k=rng.randint(6, 14))
            made.append(note)
        yield ". ".join(note) + ".", copied


def truth(texts: list[str], checked: list[int]) -> set[tuple[int, int]]:
    """Pairs of a checked note and another one whose exact similarity reaches the threshold."""
    grams: dict[tuple[str, ...], int] = {}
    columns: list[int] = []
    starts = [0]
    for text in texts:
        words = words_of(text)
        own = {tuple(words[k : k + 5]) for k in range(max(1, len(words) - 4))}
        columns += [grams.setdefault(gram, len(grams)) for gram in own]
        starts.append(len(columns))
    holds = csr_matrix((np.ones(len(columns), np.int32), columns, starts), (len(texts), len(grams)))
    sizes = np.diff(starts)
    pairs: set[tuple[int, int]] = set()
    shared = (holds[checked] @ holds.T).tocoo()
    for row, other, n in zip(shared.row, shared.col, shared.data, strict=True):
        one = checked[row]
        if one != other and n >= THRESHOLD * (sizes[one] + sizes[other] - n) - 1e-9:
            pairs.add((min(one, int(other)), max(one, int(other))))
    return pairs


def minhash(texts: list[str], checked: list[int]) -> tuple[set[tuple[int, int]], float]:
    """The pairs of the checked notes that MinHash with banding proposes, and the seconds."""
    started = time.process_time()
    index = MinHashLSH(threshold=THRESHOLD, num_perm=128)
    sets = []
    for text in texts:
        words = words_of(text)
        grams = {" ".join(words[k : k + 5]) for k in range(max(1, len(words) - 4))}
        sets.append([gram.encode() for gram in grams])
    sketches = MinHash.bulk(sets, num_perm=128, seed=1)
    for number, sketch in enumerate(sketches):
        index.insert(number, sketch)
    pairs = {
        (min(one, other), max(one, other))
        for one in checked
        for other in index.query(sketches[one])
        if other != one
    }
    return pairs, time.process_time() - started


def all_pairs(inputs: Inputs, numbers: list[int]) -> set[tuple[int, int]]:
    """All near pairs of notes, equal ones included."""
    first = {number: note for note, number in reversed(list(enumerate(numbers)))}
    pairs = {(first[a], first[b]) for a, b in near_pairs(inputs, np.arange(len(inputs)))}
    return {(min(pair), max(pair)) for pair in pairs}


def main() -> None:
    """Print the figures."""
    alone = "--alone" in sys.argv
    sizes = [int(text) for text in sys.argv[1:] if text != "--alone"]
    n = sizes[0] if sizes else NOTES
    pool, source = sentences()
    made = list(notes(pool, n))
    texts = list(dict.fromkeys(input_text({"note": text}) for text, _ in made))
    rng = random.Random(SEED)
    copies = [k for k, (_, copied) in enumerate(made[: len(texts)]) if copied]
    checked = sorted(
        {*rng.sample(copies, CHECKED // 2), *rng.sample(range(len(texts)), CHECKED // 2)}
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    numbering = Numbering()
    numbers = [numbering.number(text) for text in texts]
    pairs = all_pairs(numbering.index(THRESHOLD), numbers)
    seconds = time.process_time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wanted = truth(texts, checked)
    members = set(checked)
    found = {pair for pair in pairs if members & set(pair)}
    compared: dict[str, float] = {}
    if not alone:
        guessed, minhash_seconds = minhash(texts, checked)
        compared["minhash_seconds"] = round(minhash_seconds, 1)
        compared["minhash_recall"] = round(len(guessed & wanted) / len(wanted), 4)
    print(f"{len(texts):,} distinct notes of {source}, {sum(map(len, texts)) / 1e6:.0f} MB of text")
    print(f"exact search: {seconds:.0f} s, {(peak - before) / 1e3:.0f} MB above the texts")
    print(f"MinHash:      {compared.get('minhash_seconds', 'not measured')} s")
    print(f"true pairs of {len(checked)} checked notes: {len(wanted)}")
    print(
        json.dumps(
            {
                "notes": len(texts),
                "source": source,
                "seconds": round(seconds, 1),
                "memory_mb": round((peak - before) / 1e3),
                "pairs": len(pairs),
                "checked": len(checked),
                "true_pairs": len(wanted),
                "recall": round(len(found & wanted) / len(wanted), 4),
                "precision": round(len(found & wanted) / len(found), 4),
                **compared,
            }
        )
    )


if __name__ == "__main__":
    main()
