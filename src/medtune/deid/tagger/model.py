"""A trained tagger: a linear-chain conditional random field, decoded with numpy.

Source of the model: Lafferty, McCallum and Pereira 2001, Conditional random fields, ICML 18:282;
decoding: Viterbi 1967, doi:10.1109/TIT.1967.1054010.

The file is in safetensors form: numbers, and a head of strings. Nothing in it is run when it is
read. Its features are hashes, but a hash can be guessed: a tagger made from notes of patients is
itself to be kept like them.

Shapes: R features kept, L labels, N tokens, F features of a token.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from medtune.artifacts import atomic
from medtune.deid.document import Document
from medtune.deid.kinds import Kind, Language
from medtune.deid.span import Span
from medtune.deid.tagger.features import Hashes, features, lines
from medtune.errors import DataError

FORMAT = "medtune deid tagger 1"
FORBIDDEN = -1e4
"""Score of a transition that cannot be, such as from outside into the middle of a name."""
TAGGED = 88
"""Weight of what a tagger finds: above every rule that goes by words, for it has seen what they
say, and below those that go by a form of its own or by a label and a number."""
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class TrainedTagger:
    """Finds the kinds it was trained on, in one language."""

    language: Language
    labels: tuple[str, ...]
    """`O`, then `B-` and `I-` with each kind."""
    hashes: Hashes = field(repr=False)
    """Features in rising order, of shape (R,)."""
    weights: NDArray[np.float16] = field(repr=False)
    """Of shape (R, L)."""
    transitions: Floats = field(repr=False)
    """From label to label, of shape (L, L); the last row of `starts` is the first token's."""
    starts: Floats = field(repr=False)
    """Of a sequence's first token, of shape (L,)."""

    def tag(self, document: Document, proposed: Sequence[Span]) -> list[Span]:
        """Spans in order of place, none overlapping."""
        scores = self.scores(features(document, proposed))
        path: list[int] = []
        for first, last in lines(document):
            path += viterbi(scores[first:last], self.transitions, self.starts)
        return [
            Span(document.starts[first], document.ends[last - 1], kind, "tagger", TAGGED)
            for first, last, kind in spans_of([self.labels[label] for label in path])
        ]

    def scores(self, found: Hashes) -> Floats:
        """The score of each label for each token, of shape (N, L), from features (N, F)."""
        rows = np.searchsorted(self.hashes, found).clip(max=len(self.hashes) - 1)
        known = self.hashes[rows] == found
        weights = self.weights[rows].astype(np.float32)
        return np.einsum("nfl,nf->nl", weights, known.astype(np.float32))

    def save(self, path: Path, about: dict[str, str]) -> None:
        """Write the tagger, with the hash of its numbers and what is said about it."""
        tensors = {
            "hashes": self.hashes.view(np.int64),
            "weights": self.weights,
            "transitions": self.transitions,
            "starts": self.starts,
        }
        head = about | {
            "format": FORMAT,
            "language": self.language,
            "labels": json.dumps(self.labels),
            "sha256": _digest(tensors),
        }
        with atomic(path) as part:
            part.write_bytes(save(tensors, metadata=head))


def load_tagger(path: Path) -> TrainedTagger:
    """Read a tagger.

    Raises:
        DataError: The file is missing, is no tagger of this form, or was changed.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            head = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (FileNotFoundError, SafetensorError):
        raise DataError(f"{path}: no tagger; train one with medtune deid-train") from None
    if head.get("format") != FORMAT or head.get("sha256") != _digest(tensors):
        raise DataError(f"{path}: not a tagger of this version, or changed; train it again")
    assert head["language"] in get_args(Language)
    return TrainedTagger(
        head["language"],  # type: ignore[arg-type]
        tuple(json.loads(head["labels"])),
        tensors["hashes"].view(np.uint64),
        tensors["weights"],
        tensors["transitions"],
        tensors["starts"],
    )


def _digest(tensors: dict[str, np.ndarray]) -> str:
    found = hashlib.sha256()
    for name in sorted(tensors):
        found.update(name.encode() + np.ascontiguousarray(tensors[name]).tobytes())
    return found.hexdigest()


def viterbi(scores: Floats, transitions: Floats, starts: Floats) -> list[int]:
    """The best path through the labels of one sequence, for scores of shape (N, L)."""
    best = scores[0] + starts
    back = np.zeros(scores.shape, dtype=np.int32)
    columns = np.arange(scores.shape[1])
    for i in range(1, len(scores)):
        through = best[:, None] + transitions
        back[i] = through.argmax(axis=0)
        best = through[back[i], columns] + scores[i]
    path = [int(best.argmax())]
    for i in range(len(scores) - 1, 0, -1):
        path.append(int(back[i, path[-1]]))
    return path[::-1]


def spans_of(labels: Sequence[str]) -> list[tuple[int, int, Kind]]:
    """First token, past the last and kind of each stretch of labels."""
    found: list[tuple[int, int, Kind]] = []
    first = 0
    for i, label in enumerate([*labels, "O"]):
        if i and labels[i - 1] != "O" and not label.startswith("I-"):
            found.append((first, i, labels[i - 1][2:]))  # type: ignore[arg-type]
        if label.startswith("B-"):
            first = i
    return found
