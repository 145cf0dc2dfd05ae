"""What the sealed test shows beyond the score: which label is taken for which, and how sure."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from medtune.report.plots.canvas import BLUE, FAINT, GREY, HALF, INK, WIDE, draw, shorten

SHADES = LinearSegmentedColormap.from_list("shades", ["#F7FAFC", "#9CC8E3", BLUE, "#003F66"])
DARK = 0.45
"""The share from which the text in a cell must be white to be read."""
MOST_FLAT, MOST_HALF = 4, 6
"""Answers up to which their names lie flat, and the picture fits half a page."""


def confusion(
    counts: Mapping[str, Mapping[str, int]],
    targets: Sequence[str],
    answers: Sequence[str],
    label: str,
) -> Markup:
    """Draw counts of target (rows) by answer (columns); the colour is the share of the row."""
    totals = {target: sum(counts[target].values()) for target in targets}
    shares = [
        [counts[target].get(answer, 0) / max(1, totals[target]) for answer in answers]
        for target in targets
    ]

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        # A mesh stays vector graphics, where an image would be pixels.
        axes.pcolormesh(shares, cmap=SHADES, vmin=0, vmax=1, edgecolors="white", linewidth=2)
        axes.invert_yaxis()
        for row, target in enumerate(targets):
            for column, answer in enumerate(answers):
                axes.text(
                    column + 0.5,
                    row + 0.5,
                    str(counts[target].get(answer, 0)),
                    ha="center",
                    va="center",
                    color="white" if shares[row][column] > DARK else INK,
                    fontweight="bold" if target == answer else "normal",
                )
        many = len(answers) > MOST_FLAT
        axes.set_xticks(
            [column + 0.5 for column in range(len(answers))],
            labels=[shorten(answer, 16) for answer in answers],
            rotation=40 if many else 0,
            ha="right" if many else "center",
            rotation_mode="anchor",
        )
        axes.set_yticks(
            [row + 0.5 for row in range(len(targets))],
            labels=[f"{shorten(target, 16)} ({totals[target]})" for target in targets],
        )
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_xlabel("answer of the model")
        axes.set_ylabel("target")

    size = max(3.9, 1.4 + 0.45 * len(targets))
    return draw("confusion", (HALF if len(answers) <= MOST_HALF else WIDE, size), label, paint)


def reliability(bins: Sequence[Mapping[str, float]], label: str) -> Markup:
    """Draw how often the model is right (up) against how sure it is (right)."""
    largest = max(each["n"] for each in bins)

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.set_aspect("equal")
        axes.grid(visible=True)
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=1.2, linestyle=(0, (4, 3)))
        axes.plot(
            [each["confidence"] for each in bins],
            [each["accuracy"] for each in bins],
            color=FAINT,
            linewidth=1.6,
            zorder=2,
        )
        axes.scatter(
            [each["confidence"] for each in bins],
            [each["accuracy"] for each in bins],
            s=[20 + 180 * each["n"] / largest for each in bins],
            color=BLUE,
            edgecolors="white",
            linewidths=1,
            alpha=0.9,
            zorder=3,
        )
        axes.text(0.04, 0.96, "more right than sure", color="#52606D", va="top")
        axes.text(0.96, 0.04, "more sure than right", color="#52606D", ha="right")
        axes.set_xlim(-0.02, 1.04)
        axes.set_ylim(-0.02, 1.04)
        axes.set_xlabel("how sure the model is (mean confidence)")
        axes.set_ylabel("how often it is right")

    return draw("reliability", (HALF, 3.9), label, paint)


def risk_coverage(curve: Sequence[Mapping[str, float]], label: str) -> Markup:
    """Draw the share of wrong answers (up) against the share that is answered (right)."""

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.grid(visible=True)
        axes.plot(
            [point["coverage"] for point in curve],
            [point["risk"] for point in curve],
            color=BLUE,
            linewidth=2,
        )
        axes.axhline(curve[-1]["risk"], color=GREY, linewidth=1.2, linestyle=(0, (4, 3)))
        axes.text(0.02, curve[-1]["risk"], "all answered", color="#52606D", va="bottom")
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, max(0.1, *(point["risk"] for point in curve)) * 1.1)
        axes.set_xlabel("share of examples that are answered")
        axes.set_ylabel("share of wrong answers")

    return draw("risk-coverage", (HALF, 3.9), label, paint)
