"""What is done with a served image before the model reads it: refused, or what must be said of it.

An image whose header states another modality or part of the body than those learnt from is refused.
Where the file states neither, as PNG and JPEG do not, the answer says so. An image unlike those
learnt from (`clinical.imaging.likeness`) is read, and the answer begins with a warning.

The features that the score is fitted on are kept in the run's folder at the first image, so that a
copy of that folder needs no training images.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from medtune.apps.imaging import finding_of
from medtune.apps.imaging_rows import check_kind
from medtune.artifacts import atomic, read_examples, sha256_file
from medtune.clinical.imaging.likeness import ALIKE, Features, Likeness, fit_likeness
from medtune.config import Run, VisionSection
from medtune.records import Example, Shown

if TYPE_CHECKING:  # torch may be imported only after the numerics are set
    from medtune.llm.vision.encoder import Encoder

FILE = "likeness.npz"
SPLITS = ("train", "validation")
UNLIKE = (
    "WARNING: this image is unlike those that the model learnt from (distance {distance:.1f}; "
    f"{ALIKE:.0%} of comparable images lie below {{limit:.1f}}). Do not rely on the draft."
)
NOT_STATED = (
    "The file does not state {what}, so nothing is known of it. The model learnt from {learnt} "
    "only; of another image the draft says nothing."
)


class Learnt(NamedTuple):
    """What a served image is compared with."""

    examples: Sequence[Example]
    encoder: "Encoder"
    likeness: Likeness


def look(run: Run, shown: Shown) -> str:
    """What must be said of an image; empty if nothing.

    Raises:
        DataError: It is of another kind than those learnt from, or these are not to be found.
    """
    if run.model.vision is None:
        return ""
    # pydantic makes frozen models hashable, which their types do not say
    return said_of(_learnt(run.out, run.model.vision), shown)  # type: ignore[arg-type]


def said_of(learnt: Learnt, shown: Shown) -> str:
    """As `look`, for what is known already."""
    check_kind(shown.modality, shown.body_part, learnt.examples, "the image")
    lines: list[str] = []
    distance = learnt.likeness.distance(pooled(learnt.encoder.encode([shown.pixels_RC]))[0])
    if distance > learnt.likeness.limit:
        lines.append(UNLIKE.format(distance=distance, limit=learnt.likeness.limit))
    stated = {"modality": shown.modality, "body_part": shown.body_part}
    known = {name: _known(learnt.examples, name) for name in stated}
    open_ = [name for name, value in stated.items() if known[name] and not value]
    if open_:
        lines.append(
            NOT_STATED.format(
                what=" or ".join(name.replace("_", " ") for name in open_),
                learnt=" of ".join(", ".join(known[name]) for name in open_),
            )
        )
    return "\n\n".join(lines)


def _known(examples: Sequence[Example], name: str) -> list[str]:
    return sorted({one.subgroups[name] for one in examples if name in one.subgroups})


@cache
def _learnt(out: Path, vision: VisionSection) -> Learnt:
    """What the model of a run learnt from, read or made once."""
    from medtune.llm.vision.encoder import load_encoder

    # The server has loaded this encoder already; it fetches nothing.
    return learnt_of(out, load_encoder(vision, offline=True))


def learnt_of(out: Path, encoder: "Encoder") -> Learnt:
    """The images of a run's folder, and the score that is fitted on them.

    Raises:
        DataError: There are too few images, or one is not in the cache.
    """
    train, validation = (read_examples(out / f"{name}.jsonl") for name in SPLITS)
    key = ":".join([encoder.sha256, *(sha256_file(out / f"{name}.jsonl") for name in SPLITS)])
    features = _kept(out / FILE, key)
    if features is None:
        features = _features(encoder, train), _features(encoder, validation)
        with atomic(out / FILE) as part, part.open("wb") as file:
            np.savez(file, key=np.array(key), train=features[0], validation=features[1])
    likeness = fit_likeness(features[0], [finding_of(one.target) for one in train], features[1])
    return Learnt([*train, *validation], encoder, likeness)


def _features(encoder: "Encoder", examples: Sequence[Example]) -> Features:
    names = [one.fields["image"] for one in examples]
    found = encoder.of_kept(names)
    return pooled(np.stack([found[name] for name in names]))


def pooled(cells_NCW: np.ndarray[tuple[int, ...], np.dtype[np.float16]]) -> Features:
    """The mean over the cells of each image."""
    return cells_NCW.astype(np.float32).mean(axis=1)


def _kept(path: Path, key: str) -> tuple[Features, Features] | None:
    """The features that were kept for these images and this encoder."""
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as found:
        if str(found["key"]) != key:
            return None
        return found["train"], found["validation"]
