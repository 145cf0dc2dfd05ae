"""The files and keys that a stage depends on beside the splits, as hashes by what they are for."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from medtune.artifacts import DataCard, sha256_file
from medtune.config import Run, SourceSection
from medtune.errors import DataError
from medtune.fetch import resolve_source
from medtune.pipeline.job import Job

KEY = "deidentify key"
"""Names the fingerprint of the key among a stage's inputs."""


def learnt_hashes(run: Run) -> dict[str, str]:
    """SHA-256 of every file that `tune` names, by what it is for."""
    texts = {
        f"text:{number}:{path.name}": sha256_file(existing(path))
        for number, path in enumerate(run.tune.texts, start=1)
    }
    replay = run.tune.replay_file
    return texts | ({} if replay is None else {"replay": sha256_file(existing(replay))})


def existing(path: Path, named: str = "tune.texts or tune.replay_file") -> Path:
    """The path, if there is a file.

    Raises:
        DataError: There is none.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file; correct {named}")
    return path


def cleaner_hashes(run: Run) -> dict[str, str]:
    """What `data.deidentify` cleans by: its tagger's identity, and a fingerprint of its key.

    The fingerprint is drawn from the key by HMAC, as surrogates are, so the key cannot be had from
    it. A key that was taken away is taken for the one that the data stage used.

    Raises:
        ConfigError: The key file is no key, or others may read it.
        DataError: The tagger is missing.
    """
    section = run.data.deidentify
    if section is None:
        return {}
    found = _fingerprint(run, section.key)
    if section.tagger is not None:
        choose = import_module("medtune.deid.tagger.choose")
        if not choose.is_outside(section.tagger):
            existing(Path(section.tagger), "data.deidentify.tagger")
        found["deidentify tagger"] = choose.identity(section.tagger)
    return found


def _fingerprint(run: Run, key: Path) -> dict[str, str]:
    """The fingerprint of a key by its name, as the data card has it where the key is not here."""
    if not key.exists() and (run.out / DataCard.file).exists():
        try:
            inputs = DataCard.load(run.out).inputs
        except DataError:  # of another version: the stage runs again
            inputs = {}
        return {KEY: inputs[KEY]} if KEY in inputs else {}
    key_file = import_module("medtune.deid.surrogate.key").key_file
    return {KEY: key_file(key).draw("fingerprint", "").hex()}


def score_hash(run: Run) -> dict[str, str]:
    """SHA-256 of the score that `data.deidentify` names."""
    measured = None if run.data.deidentify is None else run.data.deidentify.measured
    if measured is None:
        return {}
    return {"deidentify measured": sha256_file(existing(measured, "data.deidentify.measured"))}


def suite_hashes(job: Job) -> dict[str, str]:
    """SHA-256 of every file that `evaluate` names, by what it is for, and what cleans them."""
    settings = job.run.evaluate
    named = {
        "retention": settings.retention,
        "transfer": settings.transfer,
        "dated_facts": settings.dated_facts,
    }
    hashes = {
        f"{name}:{number}": sha256_file(path)
        for name, sources in named.items()
        for number, path in enumerate(files_of(job, sources))
    }
    hashes |= cleaner_hashes(job.run) if settings.transfer else {}
    judge = settings.judge
    files = [] if judge is None else [judge.rubric, *([judge.labels] if judge.labels else [])]
    return hashes | {f"judge:{path.name}": sha256_file(path) for path in files}


def files_of(job: Job, sources: Sequence[SourceSection]) -> list[Path]:
    """The files of sources, fetched if need be."""
    return [resolve_source(one, offline=job.offline) for one in sources]
