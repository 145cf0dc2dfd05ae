"""One record as a page: its image, what the data say, what the model answered, and the draft."""

import base64
import re
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medtune.clinical.imaging.findings import Mark, draft
from medtune.clinical.imaging.overlay import overlay
from medtune.clinical.imaging.places import NAMES, box_of
from medtune.images.picture import Window
from medtune.images.read import read_image
from medtune.images.store import kept_image
from medtune.images.view import SIDE, Box, square
from medtune.records import Example, Json, View

WHOLE = Window(127.5, 255.0)
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Draft reading</title><style>
body {{ font: 15px/1.45 system-ui, sans-serif; margin: 2rem; color: #222; max-width: 60rem }}
svg {{ width: 100%; max-width: 46rem }} pre {{ white-space: pre-wrap; font: inherit }}
</style></head><body><h1>Record {id}: a radiologist must read the image</h1>
<svg viewBox="0 0 770 825" role="img" aria-label="{alt}">
<image width="770" height="825" href="data:image/png;base64,{picture}"/></svg>
<p>{said}</p><pre>{draft}</pre></body></html>
"""


def draw_record(view: View) -> str:
    """The page of a record.

    Raises:
        DataError: Its image is not in the cache, or cannot be read.
    """
    record, answer = view.record, view.answers.get(view.record.id)
    known = [mark.box for mark in marks_of(record.target, record)]
    marks = marks_of(answer, record)
    shown = overlay(_pixels(record).astype(np.float32), WHOLE, marks, known=known)
    sought = record.fields.get("findings", "finding").split("|")
    written = draft(marks, sought, None) if answer is not None else ""
    return PAGE.format(
        id=escape(record.id),
        alt=f"image with {len(marks)} marks",
        picture=base64.b64encode(shown).decode(),
        said=escape(_said(record.target, answer)),
        draft=escape(written),
    )


def marks_of(answer: Json, record: Example) -> list[Mark]:
    """The mark that an answer makes in the square: all of it if no place is named."""
    if not isinstance(answer, str) or answer == record.fields.get("negative"):
        return []
    finding, _, place = answer.partition(", ")
    box = box_of(place, SIDE, SIDE) if place in NAMES else Box(0, 0, SIDE, SIDE)
    return [Mark(finding, box, None)]


def _said(target: Json, answer: Json) -> str:
    data = "The data do not say what is found." if target is None else f"The data say: {target}."
    model = "The model was not asked." if answer is None else f"The model says: {answer}."
    return f"{data} {model}"


def _pixels(record: Example) -> NDArray[np.uint8]:
    """The image of a record: of the store by its hash, or of a file."""
    name = record.fields.get("image", "")
    if re.fullmatch(r"[0-9a-f]{64}", name):
        return kept_image(name)
    picture = read_image(Path(name))
    return square(picture.frame(0), picture.window)
