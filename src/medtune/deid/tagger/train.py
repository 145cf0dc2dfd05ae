"""Train a tagger on annotated notes: a conditional random field, by Adagrad, with numpy.

The likelihood of the labels of a line, given its features, is maximised; forward and backward
passes are scaled products (Rabiner 1989, doi:10.1109/5.18626). Features are dropped at random while
training, so that no single one is relied upon (Sutton, Sindelar and McCallum 2006, HLT-NAACL);
steps are those of Adagrad (Duchi, Hazan and Singer 2011, JMLR 12:2121). A feature that occurs in
fewer than two notes is never kept: what names one patient only is not in the file.

Shapes: B lines of T tokens, F features, L labels, R features kept.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from medtune.deid.document import read
from medtune.deid.find import candidates
from medtune.deid.kinds import KINDS, Language
from medtune.deid.notes import Note
from medtune.deid.span import resolve
from medtune.deid.tagger.features import Hashes, features, lines, tokens_of
from medtune.deid.tagger.model import FORBIDDEN, TrainedTagger
from medtune.errors import DataError

EPOCHS = 10
RATE = 0.1
TRANSITION_RATE = 0.05
DROP = 0.2
LEAST_NOTES = 2
TOKENS_PER_BATCH = 2000
TINY = 1e-30
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class _Line(NamedTuple):
    rows: Ints
    """Rows of the weights, of shape (T, F); 0 stands for no feature."""
    labels: Ints


class _Batch(NamedTuple):
    rows: Ints
    """Of shape (B, T, F)."""
    labels: Ints
    """Of shape (B, T)."""
    mask: Floats
    """1 for a token, 0 for what fills up the line; of shape (B, T)."""


def train(
    notes: Sequence[Note], language: Language, *, seed: int, show: Callable[[int, float], None]
) -> TrainedTagger:
    """Train on annotated notes.

    Args:
        notes: The notes, each with its spans.
        language: Of the notes.
        seed: Of the order of the lines and of the dropped features.
        show: Told the epoch, from 1, and the mean loss of a line, in nats.

    Raises:
        DataError: There are fewer than two notes, or no span in any of them.
    """
    labels = _labels(notes)
    kept, notes_lines = _lines(notes, language, labels)
    batches = list(_batches(notes_lines))
    allowed = _allowed(labels)
    weights = np.zeros((len(kept) + 1, len(labels)))
    squares = np.full_like(weights, 1e-8)
    transitions = np.zeros((len(labels), len(labels)))
    transition_squares = np.full_like(transitions, 1e-8)
    chance = np.random.default_rng(seed)
    for epoch in range(1, EPOCHS + 1):
        total = 0.0
        for i in chance.permutation(len(batches)):
            batch = batches[i]
            rows = np.where(chance.random(batch.rows.shape) < DROP, 0, batch.rows)
            used, places = np.unique(rows, return_inverse=True)
            bags = _bags(places.reshape(-1, rows.shape[-1]), len(used))
            scores = (bags @ weights[used] / (1 - DROP)).reshape(*batch.labels.shape, -1)
            loss, score_slope, slope = _likelihood(scores, transitions, allowed, batch)
            total += loss
            step = bags.T @ score_slope.reshape(-1, len(labels)) / (1 - DROP) / len(batch.labels)
            step[used == 0] = 0
            squares[used] += step**2
            weights[used] -= RATE * step / np.sqrt(squares[used])
            slope /= len(batch.labels)
            transition_squares += slope**2
            transitions -= TRANSITION_RATE * slope / np.sqrt(transition_squares)
        show(epoch, total / sum(len(batch.labels) for batch in batches))
    return TrainedTagger(
        language,
        labels,
        kept,
        weights[1:].astype(np.float16),
        np.where(allowed, transitions, FORBIDDEN).astype(np.float32),
        np.where([label.startswith("I-") for label in labels], FORBIDDEN, 0).astype(np.float32),
    )


def _bags(places: Ints, n: int) -> csr_array:
    """Which features each token has, as a sparse matrix of shape (tokens, n)."""
    n_tokens, n_features = places.shape
    ends = np.arange(n_tokens + 1) * n_features
    return csr_array((np.ones(places.size), places.ravel(), ends), shape=(n_tokens, n))


def _likelihood(
    scores: Floats, transitions: Floats, allowed: NDArray[np.bool_], batch: _Batch
) -> tuple[float, Floats, Floats]:
    """Loss of a batch, and its slope by scores (B, T, L) and by transitions (L, L)."""
    n_lines, n_tokens, _ = scores.shape
    top = scores.max(axis=2, keepdims=True)
    local = np.exp(scores - top)
    steps = np.where(allowed, np.exp(transitions), 0.0)
    alpha, beta = np.empty_like(local), np.ones_like(local)
    scale = np.ones((n_lines, n_tokens, 1))
    start = local[:, 0] * _starts(allowed)
    scale[:, 0, 0] = start.sum(axis=1)
    alpha[:, 0] = start / scale[:, 0]
    for t in range(1, n_tokens):
        ahead = (alpha[:, t - 1] @ steps) * local[:, t]
        scale[:, t, 0] = np.maximum(ahead.sum(axis=1), TINY)
        alive = batch.mask[:, t, None] > 0
        scale[:, t] = np.where(alive, scale[:, t], 1.0)
        alpha[:, t] = np.where(alive, ahead / scale[:, t], alpha[:, t - 1])
    pairs = np.zeros_like(steps)
    for t in range(n_tokens - 1, 0, -1):
        alive = batch.mask[:, t, None] > 0
        back = np.where(alive, local[:, t] * beta[:, t] / scale[:, t], 0.0)
        pairs += alpha[:, t - 1].T @ back
        beta[:, t - 1] = np.where(alive, back @ steps.T, 1.0)
    slope = alpha * beta * batch.mask[:, :, None]
    line, token = np.nonzero(batch.mask)
    right = batch.labels[line, token]
    slope[line, token, right] -= 1
    pair_slope = pairs * steps
    inner = token > 0
    before = batch.labels[line[inner], token[inner] - 1]
    np.subtract.at(pair_slope, (before, right[inner]), 1)
    gold = scores[line, token, right].sum() + transitions[before, right[inner]].sum()
    norm = (np.log(scale[..., 0]) * batch.mask).sum() + (top[..., 0] * batch.mask).sum()
    return float(norm - gold), slope, np.where(allowed, pair_slope, 0.0)


def _starts(allowed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Labels that a line may begin with: those that may follow `O`, the first label."""
    return allowed[0]


def _allowed(labels: Sequence[str]) -> NDArray[np.bool_]:
    """Whether a label may follow another: the middle of a kind follows that kind only."""
    return np.array([[not b.startswith("I-") or a[2:] == b[2:] for b in labels] for a in labels])


def _labels(notes: Sequence[Note]) -> tuple[str, ...]:
    used = {span.kind for note in notes for span in note.spans}
    if len(notes) < LEAST_NOTES or not used:
        raise DataError(
            f"{len(notes)} notes with {len(used)} kinds of identifiers; a tagger needs at least "
            f"{LEAST_NOTES} annotated notes, better 200"
        )
    kinds = [kind for kind in KINDS if kind in used]
    return ("O", *(f"B-{kind}" for kind in kinds), *(f"I-{kind}" for kind in kinds))


def _lines(
    notes: Sequence[Note], language: Language, labels: Sequence[str]
) -> tuple[Hashes, list[_Line]]:
    """The features that are kept, in rising order, and the lines of all notes."""
    read_notes = [one for note in notes if (one := _read(note, language, labels))]
    distinct, counts = np.unique(
        np.concatenate([np.unique(found) for found, _, _ in read_notes]), return_counts=True
    )
    kept = distinct[(counts >= LEAST_NOTES) & (distinct != 0)]
    divided: list[_Line] = []
    for found, target, ends in read_notes:
        places = np.searchsorted(kept, found).clip(max=len(kept) - 1)
        rows = np.where(kept[places] == found, places + 1, 0)
        divided += [_Line(rows[first:last], target[first:last]) for first, last in ends]
    return kept, divided


def _read(
    note: Note, language: Language, labels: Sequence[str]
) -> tuple[Hashes, Ints, list[tuple[int, int]]] | None:
    """Features and labels of a note's tokens, and where its lines are; None without tokens."""
    document = read(note.text, language)
    if not document.words:
        return None
    found = features(document, resolve(candidates(document), note.text))
    target = np.zeros(len(document.words), dtype=np.int64)
    for span in note.spans:
        first, last = tokens_of(document, span.start, span.end)
        target[first:last] = labels.index(f"I-{span.kind}")
        target[first : first + 1] = labels.index(f"B-{span.kind}")
    return found, target, lines(document)


def _batches(found: Sequence[_Line]) -> Iterator[_Batch]:
    """Lines of like length together."""
    waiting: list[_Line] = []
    for line in sorted(found, key=lambda one: len(one.labels)):
        waiting.append(line)
        if len(waiting) * len(line.labels) >= TOKENS_PER_BATCH:
            yield _batch(waiting)
            waiting = []
    if waiting:
        yield _batch(waiting)


def _batch(found: Sequence[_Line]) -> _Batch:
    longest = max(len(line.labels) for line in found)
    rows = np.zeros((len(found), longest, found[0].rows.shape[1]), dtype=np.int64)
    labels = np.zeros((len(found), longest), dtype=np.int64)
    mask = np.zeros((len(found), longest))
    for i, line in enumerate(found):
        n = len(line.labels)
        rows[i, :n], labels[i, :n], mask[i, :n] = line.rows, line.labels, 1
    return _Batch(rows, labels, mask)
