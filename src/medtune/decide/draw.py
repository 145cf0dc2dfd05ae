"""Which training examples go into the few-shot prompt, and which into the small tunes.

Both are drawn by seed and by id, so neither the order of the file nor a restart changes them.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from medtune.records import Application, Example

MOST_LABELS = 50
"""With more different targets than this, an answer is no label to balance the shots by."""
STEPS, SPAN = 5, 81
"""Sizes of the learning curve, and the largest in multiples of the smallest: a factor of 3 each."""
LEAST = 4
"""Fewest examples of a tune."""
MOST_WORK = 1.65
"""Examples of all tunes of the curve together, in multiples of the largest's; for large curves,
five sizes alone come to 1.5. Small tunes make more passes over theirs: see epochs_of_small."""
SHORT_SHARE = 4
"""Shots come from the shortest quarter of their label, to keep the prompt small."""


def choose_shots(app: Application, train: Sequence[Example], n: int, *, seed: int) -> list[Example]:
    """Up to `n` worked examples of different groups, going round the labels from the commonest.

    Fewer if train has fewer groups. They are shown in reverse, the commonest label last, because
    small models tend to repeat the label that they read last.
    """
    queues = [
        _shuffled(_short(app, members), seed=seed) for members in _by_label(app, train).values()
    ]
    chosen: list[Example] = []
    while len(chosen) < n and any(queues):
        for queue in queues:
            used = {shot.group for shot in chosen}
            queue[:] = [example for example in queue if example.group not in used]
            if queue and len(chosen) < n:
                chosen.append(queue.pop(0))
    return chosen[::-1]


def ladder(n: int) -> list[tuple[int, int]]:
    """The tunes of a learning curve up to `n` examples, as (examples, seed), the smallest first.

    Five sizes at equal ratios. Those of one seed are nested, so the sizes differ by what is added.
    A second draw of the third and of the second size shows how much the draw itself matters, where
    it costs little.
    """
    low = min(n, max(LEAST, n / SPAN))
    sizes = sorted({round(size) for size in np.geomspace(low, n, STEPS).tolist()})
    tunes = [(size, 0) for size in sizes]
    for size in sizes[2:0:-1]:
        if sum(one for one, _ in tunes) + size <= MOST_WORK * n:
            tunes.append((size, 1))
    return sorted(tunes)


def draw_few(train: Sequence[Example], n: int, *, seed: int) -> list[Example]:
    """`n` examples drawn at random, those of one group beside each other.

    Whoever cuts the list in two so divides one group at the most.
    """
    drawn = _shuffled(train, seed=seed)[:n]
    place = {group: i for i, group in enumerate(dict.fromkeys(e.group for e in drawn))}
    return sorted(drawn, key=lambda example: place[example.group])


def _by_label(app: Application, train: Sequence[Example]) -> dict[str, list[Example]]:
    """Training examples by target, commonest first; all under one name if they have no labels."""
    counts = Counter(str(example.target) for example in train)
    if app.choices is None or len(counts) > MOST_LABELS:
        return {"": list(train)}
    order = sorted(counts, key=lambda label: (-counts[label], label))
    return {label: [e for e in train if str(e.target) == label] for label in order}


def _short(app: Application, members: Sequence[Example]) -> list[Example]:
    def length(example: Example) -> int:
        asked = sum(len(message.content) for message in app.prompt(example))
        return asked + len(app.reply(example))

    ordered = sorted(members, key=lambda example: (length(example), example.id))
    return ordered[: -(-len(ordered) // SHORT_SHARE)]


def _shuffled(examples: Sequence[Example], *, seed: int) -> list[Example]:
    ordered = sorted(examples, key=lambda example: example.id)
    order: list[int] = np.random.default_rng(seed).permutation(len(ordered)).tolist()
    return [ordered[i] for i in order]
