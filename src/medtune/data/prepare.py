"""From sources to sealed splits: load, measure, clean, divide, and write the card last.

Nothing is written before every check has passed. The same sources and settings give the same bytes
in `train.jsonl`, `validation.jsonl` and `test.jsonl`, on every machine.
"""

import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from medtune import __version__
from medtune.artifacts import DataCard, read_examples, sha256_file, sha256_path, write_examples
from medtune.config import Run, SourceSection
from medtune.data.card import count_tokens, receipt, show_tokens
from medtune.data.gather import Entry, Gathered, Preparer, Spread, gather
from medtune.data.keep import Kept, keep
from medtune.data.readers import kind_of, source_names
from medtune.data.split import HELD, find_conflicts
from medtune.data.survey import Survey, placed, survey
from medtune.data.train import write_train
from medtune.deid.example import cleaner_for
from medtune.errors import DataError
from medtune.records import SPLITS, Application, Example, Split

if TYPE_CHECKING:
    from medtune.llm import Renderer

WORK = ".data-"
"""Begins the name of the folder for temporary files, in the run's folder."""


def prepare(  # noqa: PLR0913  what to prepare, for whom, and who shares the work
    run: Run,
    app: Application,
    paths: Sequence[Path],
    renderer: "Renderer",
    *,
    key: str,
    inputs: Mapping[str, str],
    spread: Spread | None = None,
) -> DataCard:
    """Write `train/validation/test.jsonl` and then `data.json` to the run's folder.

    Args:
        run: The run.
        app: Its application.
        paths: The files of `run.data.sources`, in their order, then those of
            `run.evaluation_sets`.
        renderer: Counts the tokens.
        key: The stage's key, for the card.
        inputs: SHA-256 of the stage's inputs by name, for the card.
        spread: Others who clean and measure the records; None does it here.

    Raises:
        ConfigError: A setting does not fit the sources.
        DataError: A source or a record is not what it should be. Nothing was written.
    """
    from medtune.data.quality import Material, look  # here, for it loads scikit-learn

    paths, references = paths[: len(run.data.sources)], paths[len(run.data.sources) :]
    run.out.mkdir(parents=True, exist_ok=True)
    for left in run.out.glob(f"{WORK}*"):  # of a run that was killed: it holds records
        shutil.rmtree(left)
    with TemporaryDirectory(prefix=WORK, dir=run.out) as folder:
        cleaner = cleaner_for(run, app)
        preparer = Preparer(app, renderer, cleaner)
        gathered = gather(run, paths, Path(folder), preparer, spread)
        left_out = app.left_out(paths) if app.left_out else {}
        kept = keep(run, gathered, left_out, references)
        seen = survey(gathered, kept.splits, app, run.seed)
        today = datetime.now(UTC).date()
        quality = look(Material(today, run, app, gathered, kept, seen, left_out))
        train = write_train(run, app, renderer, gathered, kept)
        files = [train.file, *(_write(run.out, split, gathered, kept) for split in HELD)]
    labels = seen.labels and {**seen.labels, "train": train.labels}
    written: dict[Split, Sequence[Entry]] = {**kept.splits, "train": train.entries}
    card = DataCard(
        key=key,
        inputs=dict(inputs),
        outputs={path.name: sha256_file(path) for path in files},
        medtune_version=__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        app=run.app,
        sources=_sources(run, paths, seen),
        note=app.data_note,
        splits={s: count_tokens(written[s], {f"over max_{s}": kept.over[s]}) for s in SPLITS},
        receipt=receipt(gathered.entries, kept.removed, left_out),
        groups={split: len({entry.group for entry in written[split]}) for split in SPLITS},
        labels=labels,
        subgroups=seen.subgroups,
        exact_duplicates=list(kept.removed.values()).count("duplicate"),
        near_duplicate_pairs=kept.division.joined,
        conflicts=find_conflicts(kept.entries),
        leaks=kept.division.leaks,
        first_example=show_tokens(seen.first, app, renderer)
        if _is_public(run, app, paths, seen.first)
        else [],
        cuts=dict(kept.division.cuts),
        remedies=train.remedies,
        checks=[*([cleaner.check()] if cleaner else []), *quality.checks],
        forecast=quality.forecast,
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
        raise DataError(f"{path}: missing; run `medtune data` on the run file")
    return read_examples(path)


def _file(out: Path, split: Split) -> Path:
    return out / f"{split}.jsonl"


def _write(out: Path, split: Split, gathered: Gathered, kept: Kept) -> Path:
    examples = (one.example for one in placed(gathered, {split: kept.splits[split]}))
    return write_examples(_file(out, split), examples)


def _is_public(run: Run, app: Application, paths: Sequence[Path], example: Example) -> bool:
    """Whether a record may be shown: it is of a package or the hub, and no task of one's own."""
    source = dict(zip(source_names(paths), run.data.sources, strict=True)).get(example.source)
    return app.name != "custom" and source is not None and source.is_public


def _sources(run: Run, paths: Sequence[Path], seen: Survey) -> list[dict[str, str]]:
    """Name, origin, hash, format and licences of each source; no folder of a local file."""
    cards: list[dict[str, str]] = []
    for name, path, section in zip(source_names(paths), paths, run.data.sources, strict=True):
        licences = set(seen.licences.get(name, {})) - {""}
        local = section.source.startswith("path:")
        cards.append(
            {
                "name": name,
                "source": f"path:{name}" if local else section.source,
                "sha256": sha256_path(path),
                "format": _format(run, path, section),
                "licence": ", ".join(sorted(licences)) or section.licence or "not stated",
            }
        )
    return cards


def _format(run: Run, path: Path, section: SourceSection) -> str:
    """What the source was taken for; a built-in application reads its own."""
    if run.task is None:
        return "the application's own"
    kind = kind_of(path, section.format)
    return f"{kind.name} (detected)" if section.format == "auto" else kind.name
