"""How the loss went down."""

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup
from matplotlib.figure import Figure

from medtune.report.plots.canvas import BLUE, GREEN, INK, VERMILION, WIDE, draw, legend


class Point(NamedTuple):
    """The loss at one optimizer step, in nats per supervised token."""

    step: int
    loss: float


def smoothed(points: Sequence[Point]) -> list[Point]:
    """A running mean centred on each step, over about a tenth of the steps.

    Near both ends the window shrinks evenly, so that the curve does not lag behind a falling loss.
    """
    most = max(1, len(points) // 20)
    curve: list[Point] = []
    for place, point in enumerate(points):
        reach = min(most, place, len(points) - 1 - place)
        window = [near.loss for near in points[place - reach : place + reach + 1]]
        curve.append(Point(point.step, sum(window) / len(window)))
    return curve


def loss(train: Sequence[Point], validation: Sequence[Point], best_step: int, label: str) -> Markup:
    """Draw the training loss, raw and smoothed, the looks at validation, and the best step."""

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.grid(visible=True, axis="y")
        if train:
            axes.plot(*zip(*train, strict=True), color=BLUE, alpha=0.22, linewidth=1)
            axes.plot(
                *zip(*smoothed(train), strict=True),
                color=BLUE,
                linewidth=2,
                label="training, smoothed",
            )
        if validation:
            axes.plot(
                *zip(*validation, strict=True),
                color=VERMILION,
                marker="o",
                markersize=6,
                markeredgecolor="white",
                linewidth=1.6,
                label="validation",
            )
        axes.axvline(best_step, color=INK, linewidth=1, linestyle=(0, (4, 3)))
        best = [point for point in validation if point.step == best_step]
        if best:
            axes.plot(
                *zip(*best, strict=True),
                linestyle="none",
                marker="o",
                markersize=12,
                markerfacecolor="none",
                markeredgecolor=GREEN,
                markeredgewidth=2,
                label=f"kept: step {best_step}",
            )
        axes.set_ylim(*_limits(train, validation))
        axes.set_xlim(left=0)
        axes.set_xlabel("optimizer step")
        axes.set_ylabel("loss, nats per token")
        legend(figure, 3)

    return draw("loss", (WIDE, 3.3), label, paint)


def _limits(train: Sequence[Point], validation: Sequence[Point]) -> tuple[float, float]:
    """From zero to the highest loss drawn in full, so that no curve looks steeper than it is."""
    high = max(point.loss for point in [*smoothed(train), *validation])
    return 0.0, 1.08 * high
