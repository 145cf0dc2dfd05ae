"""Section 2: what the model learns from, and what is wrong with it."""

from collections.abc import Mapping, Sequence

from medtune.artifacts import DataCard, TokenCount
from medtune.records import SPLITS
from medtune.report import words
from medtune.report.blocks import (
    Block,
    Callout,
    Cell,
    Heading,
    Picture,
    Section,
    Table,
    Text,
    Token,
    Tokens,
)
from medtune.report.plots import data as plots
from medtune.report.sections.checks import check_blocks

MOST_LABELS, MOST_IDS = 15, 12


def data_section(card: DataCard | None) -> Section:
    """The data card as a section."""
    return Section(
        id="data",
        title="The data",
        question="What does the model learn from, and is that fit to learn from?",
        blocks=() if card is None else _blocks(card),
        command="data",
    )


def _blocks(card: DataCard) -> list[Block]:
    ordered = [split for split in SPLITS if split in card.splits]
    splits = {split: card.splits[split] for split in ordered}
    blocks: list[Block] = [Text(words.sentence(card.note))] if card.note else []
    if card.leaks:
        blocks.append(
            Callout(
                "Leak",
                f"{words.count(len(card.leaks), 'record')} of validation or test "
                f"{'was' if len(card.leaks) == 1 else 'were'} also in another split as published, "
                "wholly or nearly. Twins in train were removed; twins in a published validation "
                "and test stay, and validation chooses the way. Other results on these splits may "
                f"be touched. ({_ids(card.leaks)})",
                "unsure",
            )
        )
    blocks += [_splits(splits, card.groups), *_divided(card), _tokens(splits)]
    blocks.append(_receipt(card.receipt))
    if card.labels:
        blocks += [Heading("Labels"), _labels(card.labels)]
    if card.subgroups:
        blocks.append(_subgroups(card.subgroups))
    blocks += check_blocks(card.checks, card.forecast)
    if card.first_example:
        blocks += [Heading("The first training example, token by token"), _first(card)]
    return blocks


def _splits(splits: Mapping[str, TokenCount], groups: Mapping[str, int]) -> Table:
    return Table(
        head=("split", "used for", "examples", "groups", "tokens", "learned from", "longest"),
        align="llrrrrr",
        rows=[
            (
                name,
                {"train": "learning", "validation": "choosing", "test": "one sealed exam"}[name],
                f"{found.kept:,}",
                f"{groups.get(name, 0):,}",
                f"{found.tokens:,}",
                f"{found.supervised:,}",
                f"{found.longest:,}",
            )
            for name, found in splits.items()
        ],
        caption="A group (a patient, an article, a site) is never divided between splits. "
        "A token is a word or a piece of one; “learned from” counts those of the answers.",
    )


def _divided(card: DataCard) -> list[Text]:
    """How the splits were cut by time, and what was changed in train."""
    told = [f"{words.plain(name)} begins on {day}" for name, day in card.cuts.items()]
    by_time = [f"The splits are by time: {words.listed(told)}."] if told else []
    return [Text(words.sentence(text)) for text in [*by_time, *card.remedies]]


def _tokens(splits: Mapping[str, TokenCount]) -> Picture:
    total = sum(found.tokens for found in splits.values())
    train = splits.get("train")
    says = f"{words.count(total, 'token')} in all."
    if train is not None and train.tokens:
        says += (
            f" Of the {words.count(train.tokens, 'training token')}, "
            f"{words.percent(train.supervised / train.tokens)} are answers, so one pass gives the "
            f"model {words.count(train.supervised, 'token')} to learn from."
        )
    return Picture(
        svg=plots.tokens(splits),
        title="Token receipt",
        shows="The text of each split, measured in tokens.",
        read="The grey part is read as the question. Only the blue part, the answer, is learned.",
        says=says,
    )


def _receipt(receipt: Mapping[str, TokenCount]) -> Table:
    return Table(
        head=("source", "rows", "kept", "left out", "tokens kept"),
        align="lrrlr",
        rows=[
            (
                Cell(name, code=True),
                f"{found.rows:,}",
                f"{found.kept:,}",
                "; ".join(f"{words.plain(why)}: {n:,}" for why, n in found.dropped.items() if n)
                or "none",
                f"{found.tokens:,}",
            )
            for name, found in receipt.items()
        ],
        caption="What became of every row of every source.",
    )


def _shares(labels: Mapping[str, Mapping[str, int]]) -> list[tuple[str, dict[str, float]]]:
    """The share of each label by split, the most frequent first, the rest as one row."""
    splits = [split for split in SPLITS if labels.get(split)]
    totals: dict[str, int] = {}
    for split in splits:
        for label, n in labels[split].items():
            totals[label] = totals.get(label, 0) + n
    ordered = sorted(totals, key=lambda label: (-totals[label], label))
    shown, rest = ordered[:MOST_LABELS], ordered[MOST_LABELS:]
    sums = {split: max(1, sum(labels[split].values())) for split in splits}

    def share(names: Sequence[str]) -> dict[str, float]:
        return {
            split: sum(labels[split].get(name, 0) for name in names) / sums[split]
            for split in splits
        }

    rows = [(label, share([label])) for label in shown]
    return [*rows, (f"{len(rest)} other labels", share(rest))] if rest else rows


def _labels(labels: Mapping[str, Mapping[str, int]]) -> Picture:
    shares = _shares(labels)
    reference = "train" if labels.get("train") else next(iter(labels))
    most = max(labels[reference], key=lambda label: labels[reference][label])
    least = min(labels[reference], key=lambda label: labels[reference][label])
    gap, apart = max((max(share.values()) - min(share.values()), label) for label, share in shares)
    return Picture(
        svg=plots.labels(shares),
        title="Labels by split",
        shows="How often each label occurs in each split.",
        read="One row is one label. Marks that lie close together mean that the splits agree.",
        says=f"In {reference}, the most frequent label is “{most}” "
        f"({labels[reference][most]:,}) and the rarest “{least}” "
        f"({labels[reference][least]:,}). The splits differ most for "
        f"“{apart}”, by {100 * gap:.1f} percentage points.",
    )


def _subgroups(subgroups: Mapping[str, Mapping[str, int]]) -> Table:
    return Table(
        head=("attribute", "value", "examples"),
        align="llr",
        rows=[
            (words.plain(attribute), value, f"{n:,}")
            for attribute, counts in subgroups.items()
            for value, n in counts.items()
        ],
        caption="Who is in the data. Results are reported by these attributes.",
        narrow=True,
    )


def _ids(ids: Sequence[str]) -> str:
    more = len(ids) - MOST_IDS
    return ", ".join(ids[:MOST_IDS]) + (f" and {more} more" if more > 0 else "")


def _first(card: DataCard) -> Tokens:
    tokens = [
        Token(
            text=str(each.get("token", "")).replace("\n", "↵"),
            id=str(each.get("id", "")),
            supervised=bool(each.get("supervised")),
            ends_line="\n" in str(each.get("token", "")),
        )
        for each in card.first_example
    ]
    learned = sum(token.supervised for token in tokens)
    return Tokens(
        tokens=tokens,
        text=f"Exactly what the model sees: {words.count(len(tokens), 'token')}. It learns to "
        f"write the {words.count(learned, 'token')} set in blue, the last of which says stop; it "
        "only reads the others. The data is public, so it may be shown.",
    )
