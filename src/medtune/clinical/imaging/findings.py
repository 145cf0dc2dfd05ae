"""A finding in an image, and the draft that is written of it by rule.

The words are fixed; a model only says which finding and where. Nothing is called normal, nothing is
compared with an image that was not given, and every draft says that a radiologist must read.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from medtune.images.view import Box


@dataclass(frozen=True, slots=True)
class Mark:
    """One area of concern."""

    finding: str
    box: Box
    """In pixels of the image as it is seen."""
    probability: float | None
    """Of the finding, as the model states it; calibrated only if the evaluation says so. None where
    it stated none."""
    site: str = ""
    """Where in the body, where a segmentation tells, such as "left upper lobe"."""


def draft(
    marks: Sequence[Mark],
    looked_for: Sequence[str],
    spacing_mm: tuple[float, float] | None,
    *,
    laterality: str = "",
) -> str:
    """The draft report. Sizes are of the box, and only where the spacing is known."""
    sought = " or ".join(looked_for)
    lines = ["FINDINGS (draft by a model)"]
    for number, mark in enumerate(marks, start=1):
        row, column = mark.box.centre
        where = f" in the {mark.site}" if mark.site else ""
        lines.append(
            f"{number}. Area of concern: {mark.finding}{where}, middle at row {row:.0f}, column "
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


def _sure(probability: float | None) -> str:
    return "" if probability is None else f"; model probability {probability:.2f}"


def _size(box: Box, spacing_mm: tuple[float, float] | None) -> str:
    high, wide = box.bottom - box.top, box.right - box.left
    if spacing_mm is None:
        return f" {high:.0f} x {wide:.0f} pixels"
    return f" {high * spacing_mm[0]:.0f} x {wide * spacing_mm[1]:.0f} mm"
