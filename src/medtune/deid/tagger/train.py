"""Train a tagger on annotated notes: a conditional random field, by Adagrad.

The likelihood of the labels of a line, given its features, is maximised: the forward algorithm in
torch, sparse gradients. Features are dropped at random while training, so that no single one is
relied upon. A feature that occurs in fewer than two notes is never kept: what names one patient
only is not in the file.

Sources: Lafferty 2001 (see `model.py`); Adagrad: Duchi, Hazan and Singer 2011, JMLR 12:2121;
dropped features: Sutton, Sindelar and McCallum 2006, Reducing weight undertraining in structured
discriminative learning, HLT-NAACL.

Shapes: B lines of T tokens, F features, L labels, R features kept.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from medtune.deid.document import read
from medtune.deid.find import candidates
from medtune.deid.kinds import KINDS, Language
from medtune.deid.notes import Note
from medtune.deid.span import resolve
from medtune.deid.tagger.features import Hashes, features, lines, tokens_of
from medtune.deid.tagger.model import TrainedTagger
from medtune.errors import DataError

EPOCHS = 12
RATE = 0.3
DROP = 0.2
LEAST_NOTES = 2
TOKENS_PER_BATCH = 2000
FORBIDDEN = -1e4
"""Score of a transition that cannot be, such as from outside into the middle of a name."""


class _Line(NamedTuple):
    features: Hashes
    """Of shape (T, F)."""
    labels: NDArray[np.int64]


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
    lines_of = [_lines(note, language, labels) for note in notes]
    kept = _kept(lines_of)
    batches = _batches([line for note in lines_of for line in note], kept)
    torch.manual_seed(seed)
    model = _Field(len(kept), labels)
    optimizer = torch.optim.Adagrad(model.parameters(), lr=RATE)
    order = np.random.default_rng(seed)
    for epoch in range(1, EPOCHS + 1):
        total = 0.0
        for i in order.permutation(len(batches)):
            loss = model(*batches[i])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batches[i][1])
        show(epoch, total / sum(len(batch[1]) for batch in batches))
    return TrainedTagger(
        language,
        labels,
        kept,
        model.weights.weight.detach().numpy()[1:].astype(np.float16),
        (model.transitions + model.allowed).detach().numpy(),
        model.starts.numpy(),
    )


class _Field(nn.Module):
    """The conditional random field; called, it gives the mean negative log-likelihood of lines."""

    def __init__(self, n_features: int, labels: Sequence[str]) -> None:
        super().__init__()
        self.weights = nn.EmbeddingBag(
            n_features + 1, len(labels), mode="sum", sparse=True, padding_idx=0
        )
        nn.init.zeros_(self.weights.weight)
        self.transitions = nn.Parameter(torch.zeros(len(labels), len(labels)))
        inside = [label.startswith("I-") for label in labels]
        follows = [[not b.startswith("I-") or a[2:] == b[2:] for b in labels] for a in labels]
        self.allowed = torch.tensor(follows).logical_not() * FORBIDDEN
        self.starts = torch.tensor(inside) * FORBIDDEN

    def forward(self, features_BTF: Tensor, labels_BT: Tensor, mask_BT: Tensor) -> Tensor:
        n_lines, n_tokens, n_features = features_BTF.shape
        kept = torch.rand(features_BTF.shape) >= DROP
        bags = (features_BTF * kept).view(-1, n_features)
        scores_BTL = self.weights(bags).view(n_lines, n_tokens, -1) / (1 - DROP)
        steps = self.transitions + self.allowed
        alpha = scores_BTL[:, 0] + self.starts
        right = scores_BTL.gather(2, labels_BT[..., None]).squeeze(2) * mask_BT
        total = right.sum() + (steps[labels_BT[:, :-1], labels_BT[:, 1:]] * mask_BT[:, 1:]).sum()
        for t in range(1, n_tokens):
            ahead = torch.logsumexp(alpha[:, :, None] + steps, dim=1) + scores_BTL[:, t]
            alpha = torch.where(mask_BT[:, t, None], ahead, alpha)
        return (torch.logsumexp(alpha, dim=1).sum() - total) / n_lines


def _labels(notes: Sequence[Note]) -> tuple[str, ...]:
    used = {span.kind for note in notes for span in note.spans}
    if len(notes) < LEAST_NOTES or not used:
        raise DataError(
            f"{len(notes)} notes with {len(used)} kinds of identifiers; a tagger needs at least "
            f"{LEAST_NOTES} annotated notes, better 200"
        )
    kinds = [kind for kind in KINDS if kind in used]
    return ("O", *(f"B-{kind}" for kind in kinds), *(f"I-{kind}" for kind in kinds))


def _lines(note: Note, language: Language, labels: Sequence[str]) -> list[_Line]:
    """The lines of a note, with features and labels."""
    document = read(note.text, language)
    if not document.words:
        return []
    found = features(document, resolve(candidates(document), note.text))
    target = np.zeros(len(document.words), dtype=np.int64)
    for span in note.spans:
        first, last = tokens_of(document, span.start, span.end)
        target[first:last] = labels.index(f"I-{span.kind}")
        target[first : first + 1] = labels.index(f"B-{span.kind}")
    return [_Line(found[a:b], target[a:b]) for a, b in lines(document)]


def _kept(notes: Sequence[Sequence[_Line]]) -> Hashes:
    """The features that occur in enough notes, in rising order."""
    distinct = [
        np.unique(np.concatenate([line.features.ravel() for line in note]))
        for note in notes
        if note
    ]
    found, counts = np.unique(np.concatenate(distinct), return_counts=True)
    return found[(counts >= LEAST_NOTES) & (found != 0)]


def _batches(found: Sequence[_Line], kept: Hashes) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Lines of like length together, as features (B, T, F), labels (B, T) and mask (B, T)."""
    batches: list[tuple[Tensor, Tensor, Tensor]] = []
    waiting: list[_Line] = []
    for line in sorted(found, key=lambda one: len(one.labels)):
        waiting.append(line)
        if len(waiting) * len(line.labels) >= TOKENS_PER_BATCH:
            batches.append(_batch(waiting, kept))
            waiting = []
    return [*batches, _batch(waiting, kept)] if waiting else batches


def _batch(found: Sequence[_Line], kept: Hashes) -> tuple[Tensor, Tensor, Tensor]:
    longest = max(len(line.labels) for line in found)
    n_features = found[0].features.shape[1]
    rows = np.zeros((len(found), longest, n_features), dtype=np.int64)
    labels = np.zeros((len(found), longest), dtype=np.int64)
    mask = np.zeros((len(found), longest), dtype=bool)
    for i, line in enumerate(found):
        n = len(line.labels)
        place = np.searchsorted(kept, line.features).clip(max=len(kept) - 1)
        rows[i, :n] = np.where(kept[place] == line.features, place + 1, 0)
        labels[i, :n] = line.labels
        mask[i, :n] = True
    return torch.from_numpy(rows), torch.from_numpy(labels), torch.from_numpy(mask)
