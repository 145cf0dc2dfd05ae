"""Count what became of the records, in rows and tokens: the figures of the data card."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, cast

from medtune.artifacts import TokenCount
from medtune.errors import DataError
from medtune.progress import progress
from medtune.records import Application, Example, Split

if TYPE_CHECKING:
    from medtune.llm import Renderer

SHOWN_TOKENS = 400
"""Longest example that the report shows token by token."""


class Size(NamedTuple):
    """The length of one example, in tokens."""

    tokens: int
    """Prompt and reply."""
    supervised: int
    """The reply and the end-of-turn token."""


class Sizes(NamedTuple):
    """What the renderer made of the examples."""

    of: Mapping[str, Size]
    """By example id."""
    refused: Mapping[str, str]
    """By example id, why it cannot be rendered. Never holds text of the record."""


def measure(examples: Sequence[Example], app: Application, renderer: "Renderer") -> Sizes:
    """Render every example as training will, and count its tokens."""
    sizes: dict[str, Size] = {}
    refused: dict[str, str] = {}
    with progress("counting tokens", len(examples), "records") as advance:
        for example in examples:
            messages, reply = app.prompt(example), app.reply(example)
            try:
                rendered = renderer.training(messages, reply)
            except DataError as error:
                refused[example.id] = str(error)
            else:
                sizes[example.id] = Size(len(rendered.ids), sum(rendered.supervised))
            advance(1)
    return Sizes(sizes, refused)


def count_tokens(
    kept: Iterable[Example], sizes: Mapping[str, Size], dropped: Mapping[str, int]
) -> TokenCount:
    """The receipt of one source or split; reasons that dropped nothing are left out."""
    counted = [sizes[example.id] for example in kept]
    reasons = {reason: n for reason, n in sorted(dropped.items()) if n}
    return TokenCount(
        rows=len(counted) + sum(reasons.values()),
        kept=len(counted),
        dropped=reasons,
        tokens=sum(size.tokens for size in counted),
        supervised=sum(size.supervised for size in counted),
        longest=max((size.tokens for size in counted), default=0),
    )


def receipt(
    examples: Iterable[Example],
    sizes: Mapping[str, Size],
    removed: Mapping[str, str],
    left_out: Mapping[str, Mapping[str, int]],
) -> dict[str, TokenCount]:
    """For each source: the rows read, those kept, and those dropped, by reason.

    Args:
        examples: All that were loaded, dropped ones included.
        sizes: Of the kept ones at least.
        removed: Reason by id.
        left_out: Rows that never became examples: their number by reason, by source.
    """
    kept: defaultdict[str, list[Example]] = defaultdict(list)
    dropped: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for source, reasons in left_out.items():
        dropped[source].update(reasons)
    for example in examples:
        if example.id in removed:
            dropped[example.source][removed[example.id]] += 1
        else:
            kept[example.source].append(example)
    names = dict.fromkeys([*kept, *dropped])
    return {name: count_tokens(kept[name], sizes, dropped[name]) for name in names}


def count_labels(
    splits: Mapping[Split, Sequence[Example]], app: Application
) -> dict[str, dict[str, int]]:
    """Examples per target, by split; empty unless every example has the same few choices."""
    if app.choices is None:
        return {}
    offered = {tuple(app.choices(e)) for examples in splits.values() for e in examples}
    if len(offered) != 1:
        return {}
    return {
        split: dict(sorted(Counter(str(e.target) for e in examples).items()))
        for split, examples in splits.items()
    }


def count_subgroups(examples: Iterable[Example]) -> dict[str, dict[str, int]]:
    """Examples per value of each subgroup attribute."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for example in examples:
        for name, value in example.subgroups.items():
            counts[name][value] += 1
    return {name: dict(sorted(values.items())) for name, values in sorted(counts.items())}


def show_tokens(
    example: Example, app: Application, renderer: "Renderer"
) -> list[dict[str, str | int | bool]]:
    """One example token by token, or its last 400 tokens if it is longer."""
    rendered = renderer.training(app.prompt(example), app.reply(example))
    shown = zip(rendered.ids, rendered.supervised, strict=True)
    return [
        {"token": cast("str", renderer.tokenizer.decode([n])), "id": n, "supervised": learned}
        for n, learned in list(shown)[-SHOWN_TOKENS:]
    ]
