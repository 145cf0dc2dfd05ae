"""Which label is taken for which."""

from collections.abc import Mapping
from typing import NamedTuple

from medtune.report import words
from medtune.report.blocks import Picture, Table
from medtune.report.plots.sealed import MOST_HALF, confusion

MOST_TARGETS, MOST_PAIRS = 14, 15


class Mistake(NamedTuple):
    """A target that was answered otherwise."""

    n: int
    target: str
    answer: str


def confusion_block(counts: Mapping[str, Mapping[str, int]]) -> Picture | Table | None:
    """The confusion matrix as a heat map, or with many labels the commonest mistakes as a table."""
    targets = [target for target, answers in counts.items() if sum(answers.values()) > 0]
    if not targets:
        return None
    given = {answer for answers in counts.values() for answer, n in answers.items() if n}
    answers = [*counts, *sorted(given - set(counts))]
    mistakes = sorted(
        (
            Mistake(n, target, answer)
            for target in targets
            for answer, n in counts[target].items()
            if answer != target and n > 0
        ),
        key=lambda mistake: (-mistake.n, mistake.target, mistake.answer),
    )
    if max(len(targets), len(answers)) > MOST_TARGETS:
        return _table(counts, mistakes)
    return Picture(
        svg=confusion(counts, targets, answers, _spoken(counts, targets)),
        title="Which label is taken for which",
        shows="Test examples by their target (row) and the model's answer (column).",
        read="Each number counts examples; the darker, the larger the share of its row. All right "
        "answers lie on the diagonal, set in bold.",
        says=_says(counts, targets, mistakes),
        half=len(answers) <= MOST_HALF,
    )


def _says(
    counts: Mapping[str, Mapping[str, int]], targets: list[str], mistakes: list[Mistake]
) -> str:
    if not mistakes:
        return "There is no mistake."
    n, target, answer = mistakes[0]
    total = sum(counts[target].values())
    found = {label: counts[label].get(label, 0) / sum(counts[label].values()) for label in targets}
    worst = min(found, key=lambda label: found[label])
    return (
        f"The commonest mistake is “{target}” answered as “{answer}”: {n} of {total}. Hardest to "
        f"find is “{worst}”: {words.percent(found[worst])} of its examples are found."
    )


def _spoken(counts: Mapping[str, Mapping[str, int]], targets: list[str]) -> str:
    return "Confusion matrix of the model. " + "; ".join(
        f"target {target}: "
        + ", ".join(f"{n} answered {answer}" for answer, n in counts[target].items() if n)
        for target in targets
    )


def _table(counts: Mapping[str, Mapping[str, int]], mistakes: list[Mistake]) -> Table:
    return Table(
        head=("target", "answered as", "times", "of all with this target"),
        align="llrr",
        rows=[
            (target, answer, f"{n:,}", words.percent(n / sum(counts[target].values())))
            for n, target, answer in mistakes[:MOST_PAIRS]
        ],
        caption=f"The {min(MOST_PAIRS, len(mistakes))} commonest of "
        f"{words.count(len(mistakes), 'kind')} of mistake; with {len(counts)} labels a matrix "
        "cannot be read.",
    )
