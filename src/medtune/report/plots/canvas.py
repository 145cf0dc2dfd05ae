"""How every picture looks: one palette, one font, and SVG that a page can hold inline.

The colours are those of Okabe and Ito (2008, jfly.uni-koeln.de/color), which people with any
common colour blindness can tell apart. Text stays text, so that it can be read out, searched and
printed sharply. The same values give the same bytes.
"""

import io
import re
import warnings
from collections.abc import Callable, Sequence

from markupsafe import Markup
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

BLUE, SKY, GREEN, ORANGE = "#0072B2", "#56B4E9", "#009E73", "#E69F00"
VERMILION, PURPLE, GREY, INK = "#D55E00", "#CC79A7", "#8A8F98", "#1F2933"
FAINT, PALE = "#D9DEE4", "#E9EDF1"

KNOWN = {
    "tuned": BLUE,
    "tuned_retrieval": BLUE,
    "tune": BLUE,
    "small_tune": SKY,
    "classical": VERMILION,
    "few_shot": GREEN,
    "zero_shot": ORANGE,
    "majority": GREY,
    "retrieval": PURPLE,
    "endpoint": "#4A5568",
    "tune_retrieval": "#44AA99",
}
SPARE = ("#7B5EA7", "#A6761D", "#44AA99", "#882255", "#DDCC77", "#4A5568")

WIDE, HALF = 8.4, 4.03
"""Widths in inches of a picture over the whole page and over half of it."""

LOOK: dict[str, object] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    # Comes with matplotlib, so the layout is the same on every machine; the page sets the text in
    # the reader's own font, which is narrower, so nothing is cut.
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9.0,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#9AA5B1",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "text.color": INK,
    "xtick.color": "#52606D",
    "ytick.color": "#52606D",
    "xtick.labelcolor": "#3E4C59",
    "ytick.labelcolor": INK,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "grid.color": PALE,
    "grid.linewidth": 0.9,
    "legend.frameon": False,
    "legend.fontsize": 9.0,
}


def colours(names: Sequence[str]) -> dict[str, str]:
    """A colour for every arm; the same arm has the same colour in every picture."""
    strangers = [name for name in dict.fromkeys(names) if name not in KNOWN]
    spare = {name: SPARE[place % len(SPARE)] for place, name in enumerate(strangers)}
    return {name: KNOWN.get(name) or spare[name] for name in names}


def draw(
    name: str, size: tuple[float, float], label: str, paint: Callable[[Figure], None]
) -> Markup:
    """Paint a figure of `size` inches and return it as inline SVG.

    Args:
        name: Names the picture, and keeps its inner ids apart from those of the others.
        size: Width and height in inches.
        label: What a screen reader says.
        paint: Puts the content on an empty figure.
    """
    with style.context(["default", {**LOOK, "svg.hashsalt": name}]), warnings.catch_warnings():
        # The page's font draws the text; matplotlib's own only measures it.
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing")
        figure = Figure(figsize=size, layout="constrained")
        paint(figure)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return _inline(buffer.getvalue(), label)


def _inline(svg: str, label: str) -> Markup:
    """Cut an SVG file down to what HTML needs: no prolog, no links, no ids but the used ones."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg))
    svg = re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in used else "", svg)
    head, body = svg.split(">", maxsplit=1)
    box = re.search(r'viewBox="[^"]*"', head)
    assert box is not None, "matplotlib writes a viewBox"
    start = Markup('<svg role="img" aria-label="{}" {}>').format(
        label,
        Markup(box[0]),  # noqa: S704 - four numbers
    )
    # matplotlib has escaped all text in the drawing.
    return start + Markup(re.sub(r"\n\s*", "\n", body.strip()))  # noqa: S704


def rows_axes(figure: Figure, n: int) -> Axes:
    """Axes with `n` named rows, the first on top, and faint vertical lines."""
    axes = figure.subplots()
    axes.set_ylim(n - 0.4, -0.6)
    axes.spines["left"].set_visible(False)
    axes.grid(visible=True, axis="x")
    return axes


def beside(axes: Axes, row: float, text: str, *, bold: bool = False, offset: float = 0) -> None:
    """Write a text to the right of a row, `offset` points further right than usual."""
    axes.annotate(
        text,
        xy=(1.015, row),
        xycoords=axes.get_yaxis_transform(),
        xytext=(offset, 0),
        textcoords="offset points",
        va="center",
        ha="left",
        fontweight="bold" if bold else "normal",
        annotation_clip=False,
    )


def names(axes: Axes, labels: Sequence[str], bold: frozenset[int] = frozenset()) -> None:
    """Name the rows of `axes`."""
    axes.set_yticks(range(len(labels)), labels=[shorten(label) for label in labels])
    for row, tick in enumerate(axes.get_yticklabels()):
        tick.set_fontweight("bold" if row in bold else "normal")


def shorten(text: str, most: int = 34) -> str:
    """The text, with an ellipsis when it is too long for a picture."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def height(rows: int, *, extra: float = 0.75) -> float:
    """Inches for so many rows and the axis below them."""
    return extra + 0.34 * rows


def legend(figure: Figure, columns: int) -> None:
    """Put the legend above the axes, from the left."""
    figure.legend(
        loc="outside upper left", ncols=columns, borderpad=0.2, borderaxespad=0, handlelength=1.4
    )


def spread(low: float, high: float, least: float = 0.1) -> tuple[float, float]:
    """Axis limits around a range, at least `least` wide, with some air on both sides."""
    missing = max(0.0, least - (high - low)) / 2
    air = 0.06 * max(high - low, least)
    return low - missing - air, high + missing + air
