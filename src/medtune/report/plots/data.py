"""Where the tokens went, and how the labels are spread over the splits."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter, StrMethodFormatter

from medtune.artifacts import TokenCount
from medtune.report import words
from medtune.report.plots.canvas import (
    BLUE,
    FAINT,
    ORANGE,
    PURPLE,
    WIDE,
    beside,
    draw,
    height,
    legend,
    names,
    rows_axes,
)

READ = "#B8C4CE"
SPLIT_MARKS = {"train": ("o", BLUE), "validation": ("D", ORANGE), "test": ("s", PURPLE)}


def tokens(splits: Mapping[str, TokenCount]) -> Markup:
    """Draw the tokens of each split: those that are only read and those that are learned from."""

    def paint(figure: Figure) -> None:
        axes = rows_axes(figure, len(splits))
        for row, found in enumerate(splits.values()):
            read = found.tokens - found.supervised
            axes.barh(row, read, height=0.56, color=READ, label="only read" if row == 0 else None)
            axes.barh(
                row,
                found.supervised,
                left=read,
                height=0.56,
                color=BLUE,
                label="learned from: the answer" if row == 0 else None,
            )
            share = found.supervised / found.tokens if found.tokens else 0.0
            beside(axes, row, f"{found.tokens:,} tokens, {words.percent(share)} answer")
        names(axes, list(splits))
        axes.set_xlim(left=0)
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.locator_params(axis="x", nbins=6)
        axes.set_xlabel("tokens")
        legend(figure, 2)

    label = "Tokens of each split, divided into prompt and answer. " + "; ".join(
        f"{name}: {found.tokens:,} tokens, {found.supervised:,} of them answer"
        for name, found in splits.items()
    )
    return draw("tokens", (WIDE, height(len(splits), extra=1.05)), label, paint)


def labels(shares: Sequence[tuple[str, Mapping[str, float]]]) -> Markup:
    """Draw the share of each label in each split, one row per label."""
    splits = [split for split in SPLIT_MARKS if any(split in share for _, share in shares)]

    def paint(figure: Figure) -> None:
        axes = rows_axes(figure, len(shares))
        for row, (_, share) in enumerate(shares):
            axes.plot(
                [min(share.values()), max(share.values())], [row, row], color=FAINT, linewidth=3
            )
        for split in splits:
            mark, colour = SPLIT_MARKS[split]
            axes.plot(
                [share.get(split, 0.0) for _, share in shares],
                range(len(shares)),
                linestyle="none",
                marker=mark,
                markersize=7,
                color=colour,
                markeredgecolor="white",
                markeredgewidth=1,
                label=split,
            )
        for row, (_, share) in enumerate(shares):
            beside(axes, row, " / ".join(words.percent(share.get(split, 0.0)) for split in splits))
        names(axes, [name for name, _ in shares])
        axes.set_xlim(left=0)
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
        axes.set_xlabel("share of the examples of the split")
        legend(figure, 3)

    label = "Share of each label by split. " + "; ".join(
        f"{name}: " + ", ".join(f"{split} {words.percent(share.get(split, 0))}" for split in splits)
        for name, share in shares
    )
    return draw("labels", (WIDE, height(len(shares), extra=1.05)), label, paint)
