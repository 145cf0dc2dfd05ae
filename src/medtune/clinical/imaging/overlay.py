"""The picture that a person looks at: the image with boxes and, if it may be shown, a heat map.

Nothing of the image is hidden: boxes are outlines, and heat is drawn as contours.
"""

from collections.abc import Sequence
from io import BytesIO

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from medtune.clinical.imaging.findings import Mark
from medtune.images.picture import Window, shown
from medtune.images.view import Box

VERMILION, BLUE = "#d55e00", "#56b4e9"
INCHES, DOTS = 7.0, 110
LEVELS = (0.5, 0.75, 0.9)
"""Shares of the highest heat at which a contour is drawn."""
LEGEND = "area of concern - AI draft"


def overlay(
    values_RC: NDArray[np.float32],
    window: Window | None,
    marks: Sequence[Mark],
    heat_RC: NDArray[np.float32] | None = None,
    known: Sequence[Box] = (),
    *,
    was_read: bool = True,
) -> bytes:
    """A PNG of the image with its marks and their legend.

    Args:
        values_RC: One frame.
        window: How it is shown.
        marks: The boxes.
        heat_RC: A heat map of the frame's shape that passed its tests; None draws none.
        known: Where the data say that a finding is.
        was_read: Whether the model saw any part of the image.
    """
    rows, columns = values_RC.shape
    figure = Figure(figsize=(INCHES, INCHES * rows / columns + 0.5), dpi=DOTS)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes(
        (0.0, 0.5 / figure.get_figheight(), 1.0, INCHES * rows / columns / figure.get_figheight())
    )
    axes.imshow(shown(values_RC, window), cmap="gray", vmin=0.0, vmax=1.0)
    axes.set_axis_off()
    if heat_RC is not None and heat_RC.max() > 0:
        axes.contour(heat_RC / heat_RC.max(), levels=LEVELS, colors=BLUE, linewidths=0.8)
    for box in known:
        axes.add_patch(_frame(box, BLUE, "--"))
    for number, mark in enumerate(marks, start=1):
        axes.add_patch(_frame(mark.box, VERMILION, "-"))
        axes.text(mark.box.left, mark.box.top - 2, str(number), color=VERMILION, fontsize=9)
    nothing = "The model marked nothing." if was_read else "The model read nothing of this image."
    told = f"Orange: {LEGEND}." if marks else f"{nothing} A radiologist must read."
    told += " Blue lines: heat map." if heat_RC is not None else ""
    told += " Dashed: where the data say." if known else ""
    figure.text(0.01, 0.015, told, fontsize=9)
    buffer = BytesIO()
    canvas.print_png(buffer)
    return buffer.getvalue()


def _frame(box: Box, colour: str, style: str) -> Rectangle:
    corner = (box.left - 0.5, box.top - 0.5)
    return Rectangle(
        corner,
        box.right - box.left,
        box.bottom - box.top,
        fill=False,
        edgecolor=colour,
        linestyle=style,
        linewidth=1.6,
    )
