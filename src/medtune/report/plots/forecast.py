"""The learning curve of the classical learner, and where it leads with twice the data."""

from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from medtune.artifacts import Forecast
from medtune.report import words
from medtune.report.plots.canvas import BLUE, GREY, VERMILION, WIDE, draw, legend


def forecast(found: Forecast) -> Markup:
    """Draw the metric by training size, the fitted present and the extrapolated future."""
    twice = 2 * found.sizes[-1]

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.grid(visible=True, axis="y")
        axes.errorbar(
            found.sizes,
            found.values,
            yerr=found.spreads,
            color=BLUE,
            marker="o",
            linewidth=1.6,
            capsize=3,
            label="measured, with its spread over draws",
        )
        axes.plot(
            [found.sizes[-1], twice],
            [found.now, found.twice.value],
            color=GREY,
            linewidth=1.6,
            linestyle=(0, (4, 3)),
        )
        low, high = found.twice.value - found.twice.low, found.twice.high - found.twice.value
        axes.errorbar(
            [twice],
            [found.twice.value],
            yerr=[[low], [high]],
            color=VERMILION,
            marker="D",
            capsize=4,
            label="forecast for twice the data, 95 % interval",
        )
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(FixedLocator([*found.sizes, twice]))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xticklabels([f"{n:,}" for n in [*found.sizes, twice]])
        axes.set_xlabel("training examples")
        axes.set_ylabel(words.metric_name(found.metric))
        legend(figure, 2)

    label = (
        f"Learning curve of a classical learner: {words.metric_name(found.metric)} "
        + ", ".join(f"{v:.2f} at {n:,}" for n, v in zip(found.sizes, found.values, strict=True))
        + f"; forecast at {twice:,}: {words.estimate(found.twice)}"
    )
    return draw("forecast", (WIDE, 3.0), label, paint)
