"""A finding in an image, and the draft that is written of it by rule.

The words are fixed; a model only says which finding and where. Nothing is called normal, nothing is
compared with an image that was not given, and every draft says that a radiologist must read.

Critical findings: those that a radiologist must tell at once (ACR practice parameter for
communication of diagnostic imaging findings, 2020, category 1; our short list of it).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from medtune.images.view import Box

CRITICAL: Final = (
    "pneumothorax",
    "free air",
    "pneumoperitoneum",
    "intracranial haemorrhage",
    "intracranial hemorrhage",
    "aortic dissection",
)


@dataclass(frozen=True, slots=True)
class Mark:
    """One area of concern."""

    finding: str
    box: Box
    """In pixels of the image as it is seen."""
    probability: float | None
    """Of the finding, as the model states it; calibrated only if the evaluation says so. None where
    it stated none."""


TELL_NOW: Final = (
    "CRITICAL FINDING SUSPECTED: a radiologist must read this image now and tell the clinician who "
    "cares for the patient. Do not wait for the report."
)
NOT_READ: Final = (
    "FINDINGS (draft by a model)\n"
    "Nothing of this image was read: no part of it is like what the model looks at. It says "
    "nothing of {sought}.\n\n"
    "IMPRESSION (draft)\n"
    "Not read by the model. A radiologist must read the whole image.\n"
)


def draft(
    marks: Sequence[Mark],
    looked_for: Sequence[str],
    spacing_mm: tuple[float, float] | None,
    *,
    laterality: str = "",
    was_read: bool = True,
) -> str:
    """The draft report. Sizes are of the box, and only where the spacing is known.

    Args:
        marks: What the model marked.
        looked_for: The findings that it knows.
        spacing_mm: Distance of rows and of columns.
        laterality: The side of the body that the image states.
        was_read: Whether the model saw any part of the image.
    """
    sought = " or ".join(looked_for)
    if not was_read:
        return NOT_READ.format(sought=sought)
    lines = [TELL_NOW, ""] if any(is_critical(mark.finding) for mark in marks) else []
    lines.append("FINDINGS (draft by a model)")
    for number, mark in enumerate(marks, start=1):
        row, column = mark.box.centre
        lines.append(
            f"{number}. Area of concern: {mark.finding}, middle at row {row:.0f}, column "
            f"{column:.0f}; box{_size(mark.box, spacing_mm)}{_sure(mark.probability)}."
        )
    if not marks:
        lines.append(f"The model marked no {sought}. This does not rule one out.")
    if laterality:
        lines.append(f"Side of the body, as the image states it: {laterality}.")
    count = f"{len(marks)} area(s) of concern for {sought}" if marks else f"no {sought} marked"
    lines += [
        "No earlier image was given; nothing was compared.",
        "",
        "IMPRESSION (draft)",
        f"{count[0].upper()}{count[1:]}. A radiologist must read the whole image.",
    ]
    return "\n".join(lines) + "\n"


def is_critical(finding: str) -> bool:
    """Whether a finding must be told at once, whenever it is suspected."""
    return any(name in finding.lower() for name in CRITICAL)


def _sure(probability: float | None) -> str:
    return "" if probability is None else f"; model probability {probability:.2f}"


def _size(box: Box, spacing_mm: tuple[float, float] | None) -> str:
    high, wide = box.bottom - box.top, box.right - box.left
    if spacing_mm is None:
        return f" {high:.0f} x {wide:.0f} pixels"
    return f" {high * spacing_mm[0]:.0f} x {wide * spacing_mm[1]:.0f} mm"
