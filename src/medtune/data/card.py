"""Count what became of the records, in rows and tokens: the figures of the data card."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, cast

from medtune.artifacts import TokenCount
from medtune.data.gather import Entry
from medtune.records import Application, Example

if TYPE_CHECKING:
    from medtune.llm import Renderer

SHOWN_TOKENS = 400
"""Longest example that the report shows token by token."""


def count_tokens(kept: Iterable[Entry], dropped: Mapping[str, int]) -> TokenCount:
    """The receipt of one source or split; reasons that dropped nothing are left out."""
    n = tokens = supervised = longest = 0
    for entry in kept:
        n += 1
        tokens += entry.tokens
        supervised += entry.supervised
        longest = max(longest, entry.tokens)
    reasons = {reason: number for reason, number in sorted(dropped.items()) if number}
    return TokenCount(
        rows=n + sum(reasons.values()),
        kept=n,
        dropped=reasons,
        tokens=tokens,
        supervised=supervised,
        longest=longest,
    )


def receipt(
    entries: Iterable[Entry],
    removed: Mapping[str, str],
    left_out: Mapping[str, Mapping[str, int]],
) -> dict[str, TokenCount]:
    """For each source: the rows read, those kept, and those dropped, by reason.

    Args:
        entries: All that were loaded, dropped ones included.
        removed: Reason by id.
        left_out: Rows that never became examples: their number by reason, by source.
    """
    kept: defaultdict[str, list[Entry]] = defaultdict(list)
    dropped: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for source, reasons in left_out.items():
        dropped[source].update(reasons)
    for entry in entries:
        if entry.id in removed:
            dropped[entry.source][removed[entry.id]] += 1
        else:
            kept[entry.source].append(entry)
    names = dict.fromkeys([*kept, *dropped])
    return {name: count_tokens(kept[name], dropped[name]) for name in names}


def show_tokens(
    example: Example, app: Application, renderer: "Renderer"
) -> list[dict[str, str | int | bool]]:
    """One example token by token, or its last 400 tokens if it is longer."""
    rendered = renderer.training(app.prompt(example), app.reply(example))
    shown = zip(renderer.of_model(rendered.ids), rendered.supervised, strict=True)
    return [
        {"token": cast("str", renderer.tokenizer.decode([n])), "id": n, "supervised": learned}
        for n, learned in list(shown)[-SHOWN_TOKENS:]
    ]
