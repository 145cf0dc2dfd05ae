"""The bundle: what leaves the machine when a release is allowed, with a checksum of every file.

release/adapter/         the weights, where they were tuned
        prompt.json      what is put around a question, where a prompt of the decision is released:
                         its worked examples are training records
        documents/       what is searched, where release.copy_documents asks for it
        run.yaml         every setting
        data.json decision.json tune.json evaluation.json
        model_card.md
        reference.json   what the monitor compares with
        SHA256SUMS       `sha256sum -c SHA256SUMS` checks the rest
"""

import json
import shutil
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from medtune.artifacts import (
    Artifact,
    DataCard,
    Decision,
    Evaluation,
    TuneRecord,
    Way,
    atomic,
    sha256_file,
    sha256_text,
    write_text,
)
from medtune.errors import DataError, MachineError
from medtune.features import BUNDLE, DOCUMENTS
from medtune.records import Json

ADAPTER = "adapter"
SUMS = "SHA256SUMS"
CLOCK = frozenset(
    {
        "created",
        "key",
        "inputs",
        "outputs",
        "seconds",
        "seconds_per_example",
        "peak_memory_gb",
        "energy_kwh",
        "co2_kg",
        "resumed",
        "reasons",
    }
)
"""Keys of the evidence that time and the machine change although nothing was learnt differently:
clocks, memory, what is worded from them, and hashes of files that hold them."""


def evidence_of(way: Way) -> tuple[type[Artifact], ...]:
    """The artifacts that a release of this way rests on."""
    tuned = (TuneRecord,) if way.is_tuned else ()
    return (DataCard, Decision, *tuned, Evaluation)


def adapter_files(out: Path, way: Way) -> list[Path]:
    """The adapter's files in a fixed order; none where nothing was tuned.

    Raises:
        DataError: There are none.
    """
    if not way.is_tuned:
        return []
    files = sorted(path for path in (out / ADAPTER).rglob("*") if path.is_file())
    if not files:
        raise DataError(f"{out / ADAPTER}: no adapter; run the tune stage first")
    return files


def content_id(out: Path, texts: Mapping[str, str], way: Way) -> str:
    """Sixteen hex digits that name what is released and what is known of it.

    A hash over checksums as in `SHA256SUMS`, of the adapter, of `texts` (the reference, and the
    prompt where there is one) and of the evidence without
    the keys in `CLOCK`; `run.yaml` and the card hold paths and times and are left out. The same
    files with the same evidence have the same id on every day.
    """
    files = adapter_files(out, way)
    sums = [(path.relative_to(out).as_posix(), sha256_file(path)) for path in files]
    sums += [(name, sha256_text(text)) for name, text in texts.items()]
    for artifact in evidence_of(way):
        evidence = json.loads((out / artifact.file).read_text(encoding="utf-8"))
        sums.append((artifact.file, sha256_text(json.dumps(_timeless(evidence), sort_keys=True))))
    return sha256_text(sums_text(sums))[:16]


def build_bundle(
    out: Path, texts: Mapping[str, str], way: Way, documents: Sequence[Path] = ()
) -> dict[str, str]:
    """Build `<out>/release` in one step and return the SHA-256 of its files, by path under `out`.

    `texts` are the files that the release writes itself, by name, and `documents` those that are
    searched, if they are to be copied. An older bundle is replaced only
    when the new one is whole.

    Raises:
        MachineError: The disk is full or cannot be written; the older bundle is untouched.
    """
    with whole_folder(out / BUNDLE) as folder:
        for path in adapter_files(out, way):
            _copy(path, folder / path.relative_to(out))
        for path in documents:
            _copy(path, folder / DOCUMENTS / path.name)
        for artifact in evidence_of(way):
            _copy(out / artifact.file, folder / artifact.file)
        for name, text in texts.items():
            write_text(folder / name, text)
        sums = [(name, sha256_file(folder / name)) for name in file_names(folder)]
        write_text(folder / SUMS, sums_text(sums))
    names = file_names(out / BUNDLE)
    return {f"{BUNDLE}/{name}": sha256_file(out / BUNDLE / name) for name in names}


def remove_bundle(out: Path) -> None:
    """Take the bundle away, so that one lies there only while `release.json` says released."""
    if (out / BUNDLE).exists():
        shutil.rmtree(out / BUNDLE)


@contextmanager
def whole_folder(target: Path) -> Generator[Path]:
    """Give a new folder beside `target`; put it in place when the block ends well."""
    work = target.parent / f".{target.name}.part"
    new, old = work / "new", work / "old"
    try:
        shutil.rmtree(work, ignore_errors=True)
        new.mkdir(parents=True)
        yield new
        if target.exists():
            target.rename(old)
        try:
            new.rename(target)
        except OSError:
            old.rename(target)
            raise
    except OSError as error:
        raise MachineError(
            f"{target}: could not be written ({error.strerror}); what was there is unchanged; "
            "free some space or check the folder's permissions, and run the same command again"
        ) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    with atomic(target) as part:
        shutil.copyfile(source, part)


def file_names(folder: Path) -> list[str]:
    """The files under a folder, by path relative to it, sorted."""
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def sums_text(sums: list[tuple[str, str]]) -> str:
    """The lines that `sha256sum -c` reads."""
    return "".join(f"{digest}  {name}\n" for name, digest in sums)


def _timeless(value: Json) -> Json:
    if isinstance(value, dict):
        return {name: _timeless(child) for name, child in value.items() if name not in CLOCK}
    if isinstance(value, list):
        return [_timeless(child) for child in value]
    return value
