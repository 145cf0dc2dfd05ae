"""One record of imaging as a page: the prepared image with what the model, or a reader, marked.

A record has one of nine places and no outline, so the whole place is framed. `imaging_picture`
reads a DICOM or NIfTI file with the tuned model, and draws its boxes, heat map and DICOM objects.
"""

import base64
from html import escape

import numpy as np

from medtune.apps.imaging import DRAFT
from medtune.clinical.imaging.findings import Mark
from medtune.clinical.imaging.overlay import overlay
from medtune.clinical.imaging.places import NAMES, box_of
from medtune.errors import DataError
from medtune.images.store import kept_image
from medtune.images.view import Box
from medtune.records import Json, View

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>An image with its finding</title><style>
body {{ font: 15px/1.45 system-ui, sans-serif; margin: 2rem; color: #222; max-width: 60rem }}
img {{ max-width: 100% }} .note {{ color: #52606d }}
</style></head><body><h1>An image with its finding</h1>
<img src="data:image/png;base64,{picture}" alt="{alt}">
<p><b>Marked by {by}:</b> {marked}</p>{reference}<p class="note">{draft}</p></body></html>
"""


def draw_record(view: View) -> str:
    """The page of a record: the tuned model's answer framed, or the reference if it was not asked.

    Raises:
        DataError: The record has no image, or it is not in the cache.
    """
    one = view.record
    if "image" not in one.fields:
        raise DataError(f"record {one.id!r} has no prepared image; use one of the run's records")
    pixels_RC = kept_image(one.fields["image"])
    asked = one.id in view.answers
    told = view.answers[one.id] if asked else one.target
    height, width = pixels_RC.shape[:2]
    marks = _marks(told, height, width, negative=one.fields.get("negative", ""))
    shown = overlay(pixels_RC.astype(np.float32) / np.float32(255), None, marks)
    return PAGE.format(
        picture=base64.b64encode(shown).decode(),
        alt=f"image with {len(marks)} marks",
        by="the tuned model" if asked else "the reference of the data",
        marked=escape(str(told) if told is not None else "nothing that could be read"),
        reference=f"<p><b>Reference:</b> {escape(str(one.target))}</p>" if asked else "",
        draft=escape(DRAFT),
    )


def _marks(told: Json, height: int, width: int, *, negative: str) -> list[Mark]:
    """The place of an answer; the whole image where it names none; none where it finds nothing."""
    if not isinstance(told, str) or told == negative:
        return []
    finding, _, place = told.partition(", ")
    box = box_of(place, height, width) if place in NAMES else Box(0, 0, height, width)
    return [Mark(finding, box, 1.0)]
