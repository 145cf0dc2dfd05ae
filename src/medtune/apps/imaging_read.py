"""Read a whole image with a tuned model: field by field where it learnt from fields, else at once.

A CT slice is cut into overlapping fields of 45 mm, as large as those that were learnt from; a field
with hardly any lung is not read. Every other image is one view.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medtune.apps.imaging import APP, choices, finding_of, prompt
from medtune.apps.imaging_lidc import FIELD, SPACING_MM
from medtune.apps.imaging_operating import SPECIFICITY, finding_score, scored, threshold
from medtune.apps.imaging_sanity import Sanity, randomisation
from medtune.clinical.imaging.agreement import box_iou
from medtune.clinical.imaging.findings import Mark
from medtune.clinical.imaging.places import NAMES, box_of
from medtune.config import EvaluateSection
from medtune.images.picture import LUNG, Picture, Window
from medtune.images.store import image_id
from medtune.images.view import SIDE, Box, fit, square
from medtune.llm.load import LanguageModel
from medtune.llm.predict import predict
from medtune.llm.vision.gallery import GUESTS
from medtune.llm.vision.heat import heat_map, unlearnt
from medtune.records import Example, Prediction

AIR_HU = (-950.0, -500.0)
LEAST_AIR = 0.2
"""Share of a field's pixels with the density of lung."""
SAME_AREA = 0.1
"""Boxes that share so much are one mark: the more probable one."""
IMAGES_TESTED = 24


class View(NamedTuple):
    """A part of a frame, as the model sees it."""

    example: Example
    """Its target is what the model told, once it was asked."""
    box: Box
    """Where it lies in the frame."""
    pixels_RC: NDArray[np.uint8]


class Reading(NamedTuple):
    """What the model said of a frame."""

    marks: list[Mark]
    views: list[View]
    predictions: Sequence[Prediction]


def views_of(picture: Picture, frame: int, task: Mapping[str, str]) -> list[View]:
    """The parts of a frame that the model is to read.

    Raises:
        DataError: There is no such frame.
    """
    values_RC = picture.frame(frame)
    rows, columns = values_RC.shape
    if picture.modality not in ("CT", "") or picture.spacing_mm is None:
        return [_view(values_RC, Box(0, 0, rows, columns), picture.window, task)]
    high, wide = (round(FIELD * SPACING_MM / one) for one in picture.spacing_mm)
    found: list[View] = []
    for top in _steps(rows, high):
        for left in _steps(columns, wide):
            box = Box(top, left, min(rows, top + high), min(columns, left + wide))
            part = values_RC[int(box.top) : int(box.bottom), int(box.left) : int(box.right)]
            if ((part > AIR_HU[0]) & (part < AIR_HU[1])).mean() >= LEAST_AIR:
                found.append(_view(part, box, LUNG, task))
    return found


def read_frame(
    lm: LanguageModel,
    picture: Picture,
    frame: int,
    *,
    task: Mapping[str, str],
    limit: float,
    settings: EvaluateSection,
) -> Reading:
    """What the model marks in a frame: every view whose finding is more probable than `limit`.

    Raises:
        DataError: There is no such frame.
    """
    views = views_of(picture, frame, task)
    if not views:
        return Reading([], [], [])
    answers: list[Prediction] = []
    for at in range(0, len(views), GUESTS):  # no more are held at once
        some = views[at : at + GUESTS]
        _show(lm, some)
        asked = [view.example for view in some]
        answers += predict(lm, APP, asked, settings=settings, what="reading").predictions
    told = [_told(answer, task) for answer in answers]
    views = [
        view._replace(example=replace(view.example, target=one))
        for view, one in zip(views, told, strict=True)
    ]
    scores = [finding_score(answer, task["negative"]) for answer in answers]
    marks = [
        _mark(view, one, score)
        for view, one, score in zip(views, told, scores, strict=True)
        if score is not None and score > limit
    ]
    return Reading(_merged(marks), views, answers)


def deployed_limit(
    lm: LanguageModel, validation: Sequence[Example], settings: EvaluateSection
) -> float:
    """The threshold that is chosen on validation, and judged by `benchmarks/imaging.py mass`.

    Raises:
        DataError: No record is without a finding, or the model states no probabilities.
    """
    answers = predict(lm, APP, validation, settings=settings, what="validation").predictions
    negative = validation[0].fields["negative"]
    return threshold(scored(answers, negative), SPECIFICITY)


def heat_test(lm: LanguageModel, examples: Sequence[Example], *, seed: int) -> Sanity:
    """Do the heat maps of these examples vanish with what the model learnt?

    Raises:
        DataError: There are fewer than two groups.
    """
    some = examples[:IMAGES_TESTED]
    learnt = [heat_of(lm, example) for example in some]
    with unlearnt(lm, seed + 1):
        random = [heat_of(lm, example) for example in some]
    return randomisation(learnt, random, [example.group for example in some], seed=seed)


def heat_of(lm: LanguageModel, example: Example) -> NDArray[np.float32]:
    """Which cells speak for the record's finding, or else for the first, rather than for none."""
    first = choices(example)[1]
    reply = (
        str(example.target) if example.target not in (None, example.fields["negative"]) else first
    )
    return heat_map(lm, prompt(example), reply, example.fields["negative"])


def heat_of_view(lm: LanguageModel, view: View) -> NDArray[np.float32]:
    """The heat map of a part of a frame for what the model told of it."""
    _show(lm, [view])
    return heat_of(lm, view.example)


def _show(lm: LanguageModel, views: Sequence[View]) -> None:
    assert lm.gallery is not None, "an imaging model sees"
    for view in views:
        lm.gallery.admit(view.pixels_RC)


def spread(heat_NN: NDArray[np.float32], box: Box, shape: tuple[int, int]) -> NDArray[np.float32]:
    """A map of cells over the pixels of the frame that its view shows; 0 elsewhere."""
    size = round(box.right) - round(box.left), round(box.bottom) - round(box.top)
    place = fit((size[1], size[0]))
    whole = np.asarray(Image.fromarray(heat_NN).resize((SIDE, SIDE), Image.Resampling.BILINEAR))
    top, left = round(place.top), round(place.left)
    inner = Image.fromarray(whole[top : SIDE - top, left : SIDE - left])
    heat_RC = np.zeros(shape, dtype=np.float32)
    heat_RC[round(box.top) : round(box.bottom), round(box.left) : round(box.right)] = np.asarray(
        inner.resize(size, Image.Resampling.BILINEAR)
    )
    return heat_RC


def _steps(length: int, side: int) -> list[int]:
    """Where fields begin: half a field apart, the last at the end."""
    last = max(0, length - side)
    return sorted({*range(0, last, max(1, side // 2)), last})


def _view(
    values_RC: NDArray[np.float32], box: Box, window: Window | None, task: Mapping[str, str]
) -> View:
    pixels_RC = square(values_RC, window)
    name = image_id(pixels_RC)
    place = f"{box.top:.0f}-{box.left:.0f}"
    return View(Example(place, place, {"image": name, **task}, None), box, pixels_RC)


def _told(answer: Prediction, task: Mapping[str, str]) -> str:
    """The most probable finding with its place, whether or not there is one."""
    shares = answer.probabilities or {}
    found = [one for one in shares if one != task["negative"]]
    return max(found, key=shares.__getitem__, default="")


def _mark(view: View, told: str, score: float) -> Mark:
    """What is told of a view, in the frame's pixels."""
    place = told.partition(", ")[2]
    size = view.box.bottom - view.box.top, view.box.right - view.box.left
    inner = Box(0, 0, *size)
    if place in NAMES:
        inner = fit((round(size[0]), round(size[1]))).back(box_of(place, SIDE, SIDE))
    box = Box(
        view.box.top + max(0.0, inner.top),
        view.box.left + max(0.0, inner.left),
        view.box.top + min(size[0], inner.bottom),
        view.box.left + min(size[1], inner.right),
    )
    return Mark(finding_of(told), box, score)


def _merged(marks: Sequence[Mark]) -> list[Mark]:
    """The marks without those that share much with a more probable one."""
    kept: list[Mark] = []
    for mark in sorted(marks, key=lambda one: -(one.probability or 0.0)):
        if all(box_iou(mark.box, other.box) < SAME_AREA for other in kept):
            kept.append(mark)
    return kept
