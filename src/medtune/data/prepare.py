"""From sources to sealed splits: load, measure, clean, divide, and write the card last.

Nothing is written before every check has passed. The same sources and settings give the same bytes
in `train.jsonl`, `validation.jsonl` and `test.jsonl`, on every machine.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from medtune import __version__
from medtune.artifacts import DataCard, TokenCount, read_examples, sha256_file, write_examples
from medtune.config import Run
from medtune.data.card import (
    SHOWN_TOKENS,
    Sizes,
    count_labels,
    count_subgroups,
    count_tokens,
    measure,
    receipt,
    show_tokens,
)
from medtune.data.duplicates import index_inputs
from medtune.data.readers import source_names
from medtune.data.split import Division, divide, draw, find_conflicts, some
from medtune.errors import DataError
from medtune.records import SPLITS, Application, Example, Split

if TYPE_CHECKING:
    from medtune.llm import Renderer


def prepare(
    run: Run,
    app: Application,
    paths: Sequence[Path],
    renderer: "Renderer",
    *,
    key: str,
    inputs: Mapping[str, str],
) -> DataCard:
    """Write `train/validation/test.jsonl` and then `data.json` to the run's folder.

    Args:
        run: The run.
        app: Its application.
        paths: The files of `run.data.sources`, in their order.
        renderer: Counts the tokens.
        key: The stage's key, for the card.
        inputs: SHA-256 of the stage's inputs by name, for the card.

    Raises:
        ConfigError: A setting does not fit the sources.
        DataError: A source or a record is not what it should be. Nothing was written.
    """
    left_out = app.left_out(paths) if app.left_out else {}
    loaded = _load(run, app, paths)
    sizes = measure(loaded, app, renderer)
    removed = _unfit(loaded, sizes, run)
    fit = [example for example in loaded if example.id not in removed]
    if not fit:
        raise DataError(_nothing_left(left_out, removed))
    index = index_inputs(fit, run.data.near_duplicate)
    division = divide(fit, index, run.data, run.seed)
    removed |= division.removed
    splits = _drawn(run, division)
    kept = [example for split in SPLITS for example in splits[split]]
    written = [write_examples(_file(run.out, split), splits[split]) for split in SPLITS]
    card = DataCard(
        key=key,
        inputs=dict(inputs),
        outputs={path.name: sha256_file(path) for path in written},
        medtune_version=__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        app=run.app,
        sources=_sources(run, paths, kept),
        note=app.data_note,
        splits=_split_counts(splits, division, sizes),
        receipt=receipt(loaded, sizes.of, removed, left_out),
        groups={split: len({e.group for e in splits[split]}) for split in SPLITS},
        labels=count_labels(splits, app),
        subgroups=count_subgroups(kept),
        exact_duplicates=list(removed.values()).count("duplicate"),
        near_duplicate_pairs=division.joined,
        conflicts=find_conflicts(kept, index),
        leaks=division.leaks,
        first_example=_first(splits["train"], app, renderer, sizes),
    )
    card.save(run.out)
    return card


def load_split(out: Path, split: Split) -> list[Example]:
    """Read a split from the run's folder.

    Raises:
        DataError: It is missing or was not written by `prepare`.
    """
    path = _file(out, split)
    if not path.is_file():
        raise DataError(f"{path}: missing; run the stage that writes it (data)")
    return read_examples(path)


def _file(out: Path, split: Split) -> Path:
    return out / f"{split}.jsonl"


def _load(run: Run, app: Application, paths: Sequence[Path]) -> list[Example]:
    """All examples, with what the run file says of their source."""
    sections = dict(zip(source_names(paths), run.data.sources, strict=True))
    only = next(iter(sections)) if len(sections) == 1 else ""
    examples: list[Example] = []
    for example in app.load(paths):
        source = example.source if example.source in sections else only or example.source
        section = sections.get(source)
        examples.append(
            replace(
                example,
                source=source,
                split=example.split or (section.split if section else None),
                licence=example.licence or (section.licence if section else ""),
            )
        )
    _refuse_repeated_ids(examples)
    present = {example.source for example in examples}
    for source, section in sections.items():
        if section.split and source not in present and examples:
            raise DataError(
                f"data.sources: `split: {section.split}` cannot be kept, for no record came from "
                f"{source}; mend that source, or leave out its `split`"
            )
    return examples


def _refuse_repeated_ids(examples: Sequence[Example]) -> None:
    counts = Counter(example.id for example in examples)
    repeated = [name for name, n in counts.items() if n > 1]
    if repeated:
        sources = sorted({e.source for e in examples if counts[e.id] > 1})
        raise DataError(
            f"{', '.join(sources)}: {len(repeated)} ids name more than one record: "
            f"{some(repeated)}; give every record an id of its own"
        )


def _unfit(examples: Sequence[Example], sizes: Sizes, run: Run) -> dict[str, str]:
    """Reason by id for what cannot be learned from: refused, or dropped if the run says so."""
    context, own = run.model.context_tokens, run.data.max_tokens
    limit, key = (context, "model.context_tokens") if own is None else (own, "data.max_tokens")
    long = [n for n, size in sizes.of.items() if size.tokens > limit]
    if long and run.data.too_long == "refuse":
        longest = max(sizes.of[n].tokens for n in long)
        raise DataError(
            f"{len(long):,} of {len(examples):,} records exceed {key} {limit:,} "
            f"(first: {some(long)}; the longest has {longest:,}); set data.too_long to 'drop' or "
            f"raise {key}"
        )
    if sizes.refused and run.data.bad_rows == "refuse":
        first = next(iter(sizes.refused.values()))
        raise DataError(
            f"{len(sizes.refused):,} of {len(examples):,} records cannot be written for the model: "
            f"{some(sizes.refused)}; the first because {first}; or set data.bad_rows to 'drop'"
        )
    return dict.fromkeys(long, "too long") | dict.fromkeys(sizes.refused, "cannot be rendered")


def _nothing_left(left_out: Mapping[str, Mapping[str, int]], removed: Mapping[str, str]) -> str:
    reasons = Counter(removed.values())
    for counts in left_out.values():
        reasons.update(counts)
    why = ", ".join(f"{n:,} {reason}" for reason, n in sorted(reasons.items())) or "none was read"
    return f"data.sources: no record is left to learn from ({why}); mend the sources"


def _drawn(run: Run, division: Division) -> dict[Split, list[Example]]:
    limits: dict[Split, int | None] = {
        "train": run.data.max_train,
        "validation": run.data.max_validation,
        "test": run.data.max_test,
    }
    return {split: draw(division.splits[split], limits[split], run.seed) for split in SPLITS}


def _split_counts(
    splits: Mapping[Split, Sequence[Example]], division: Division, sizes: Sizes
) -> dict[str, TokenCount]:
    return {
        split: count_tokens(
            kept, sizes.of, {f"over max_{split}": len(division.splits[split]) - len(kept)}
        )
        for split, kept in splits.items()
    }


def _sources(run: Run, paths: Sequence[Path], examples: Sequence[Example]) -> list[dict[str, str]]:
    """Name, origin, hash and licences of each source. A local file's folder is not told."""
    cards: list[dict[str, str]] = []
    for name, path, section in zip(source_names(paths), paths, run.data.sources, strict=True):
        licences = {e.licence for e in examples if e.source == name} - {""}
        local = section.source.startswith("path:")
        cards.append(
            {
                "name": name,
                "source": f"path:{name}" if local else section.source,
                "sha256": sha256_file(path),
                "licence": ", ".join(sorted(licences)) or section.licence or "not stated",
            }
        )
    return cards


def _first(
    train: Sequence[Example], app: Application, renderer: "Renderer", sizes: Sizes
) -> list[dict[str, str | int | bool]]:
    """The first training example that is short enough to show; none of the user's own data."""
    if app.name == "custom":
        return []
    short = (e for e in train if sizes.of[e.id].tokens <= SHOWN_TOKENS)
    return show_tokens(next(short, train[0]), app, renderer)
