"""From sources to sealed splits: load, measure, clean, divide, and write the card last.

Nothing is written before every check has passed. The same sources and settings give the same bytes
in `train.jsonl`, `validation.jsonl` and `test.jsonl`, on every machine.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from medtune import __version__
from medtune.artifacts import (
    DataCard,
    TokenCount,
    read_examples,
    sha256_file,
    sha256_path,
    write_examples,
)
from medtune.config import Run
from medtune.data.card import count_tokens, receipt, show_tokens
from medtune.data.gather import Entry, Gathered, gather
from medtune.data.readers import source_names
from medtune.data.split import Division, divide, draw, find_conflicts
from medtune.data.survey import Survey, placed, survey
from medtune.data.wording import some
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
    run.out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".data-", dir=run.out) as folder:
        gathered = gather(run, app, paths, renderer, Path(folder))
        left_out = app.left_out(paths) if app.left_out else {}
        removed = _unfit(gathered, run)
        fit = [entry for entry in gathered.entries if entry.id not in removed]
        if not fit:
            raise DataError(_nothing_left(left_out, removed))
        division = divide(
            fit, gathered.numbering.index(run.data.near_duplicate), run.data, run.seed
        )
        removed |= division.removed
        splits = _drawn(run, division)
        kept = [entry for split in SPLITS for entry in splits[split]]
        seen = survey(gathered, splits, app, run.seed)
        written = [_written(run.out, split, gathered, splits) for split in SPLITS]
    card = DataCard(
        key=key,
        inputs=dict(inputs),
        outputs={path.name: sha256_file(path) for path in written},
        medtune_version=__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        app=run.app,
        sources=_sources(run, paths, seen),
        note=app.data_note,
        splits=_split_counts(splits, division),
        receipt=receipt(gathered.entries, removed, left_out),
        groups={split: len({e.group for e in splits[split]}) for split in SPLITS},
        labels=seen.labels,
        subgroups=seen.subgroups,
        exact_duplicates=list(removed.values()).count("duplicate"),
        near_duplicate_pairs=division.joined,
        conflicts=find_conflicts(kept),
        leaks=division.leaks,
        first_example=[] if app.name == "custom" else show_tokens(seen.first, app, renderer),
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


def _written(
    out: Path, split: Split, gathered: Gathered, splits: Mapping[Split, Sequence[Entry]]
) -> Path:
    kept = (
        one.example for one in placed(gathered, {**dict.fromkeys(SPLITS, ()), split: splits[split]})
    )
    return write_examples(_file(out, split), kept)


def _unfit(gathered: Gathered, run: Run) -> dict[str, str]:
    """Reason by id for what cannot be learned from: refused, or dropped if the run says so."""
    context, own = run.model.context_tokens, run.data.max_tokens
    limit, key = (context, "model.context_tokens") if own is None else (own, "data.max_tokens")
    total, refused = len(gathered.entries), gathered.refused
    long = {entry.id: entry.tokens for entry in gathered.entries if entry.tokens > limit}
    if long and run.data.too_long == "refuse":
        raise DataError(
            f"{len(long):,} of {total:,} records exceed {key} {limit:,} "
            f"(first: {some(long)}; the longest has {max(long.values()):,}); set data.too_long to "
            f"'drop' or raise {key}"
        )
    if refused and run.data.bad_rows == "refuse":
        first = next(iter(refused.values()))
        raise DataError(
            f"{len(refused):,} of {total:,} records cannot be written for the model: "
            f"{some(refused)}; the first because {first}; or set data.bad_rows to 'drop'"
        )
    return dict.fromkeys(long, "too long") | dict.fromkeys(refused, "cannot be rendered")


def _nothing_left(left_out: Mapping[str, Mapping[str, int]], removed: Mapping[str, str]) -> str:
    reasons = Counter(removed.values())
    for counts in left_out.values():
        reasons.update(counts)
    why = ", ".join(f"{n:,} {reason}" for reason, n in sorted(reasons.items())) or "none was read"
    return f"data.sources: no record is left to learn from ({why}); mend the sources"


def _drawn(run: Run, division: Division) -> dict[Split, list[Entry]]:
    limits: dict[Split, int | None] = {
        "train": run.data.max_train,
        "validation": run.data.max_validation,
        "test": run.data.max_test,
    }
    return {split: draw(division.splits[split], limits[split], run.seed) for split in SPLITS}


def _split_counts(
    splits: Mapping[Split, Sequence[Entry]], division: Division
) -> dict[str, TokenCount]:
    return {
        split: count_tokens(kept, {f"over max_{split}": len(division.splits[split]) - len(kept)})
        for split, kept in splits.items()
    }


def _sources(run: Run, paths: Sequence[Path], seen: Survey) -> list[dict[str, str]]:
    """Name, origin, hash and licences of each source. A local file's folder is not told."""
    cards: list[dict[str, str]] = []
    for name, path, section in zip(source_names(paths), paths, run.data.sources, strict=True):
        licences = set(seen.licences.get(name, {})) - {""}
        local = section.source.startswith("path:")
        cards.append(
            {
                "name": name,
                "source": f"path:{name}" if local else section.source,
                "sha256": sha256_path(path),
                "licence": ", ".join(sorted(licences)) or section.licence or "not stated",
            }
        )
    return cards
