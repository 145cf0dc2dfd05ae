"""The verbs of de-identification: replace, measure, train."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np

from medtune import __version__
from medtune.artifacts import sha256_file, sha256_text
from medtune.deid import Key, Kind, Language, Method, Policy, find, key_file, new_key
from medtune.deid.files import Work, deidentify_path
from medtune.deid.notes import read_notes
from medtune.deid.report import DeidReport, DeidScore
from medtune.deid.score import Count, count
from medtune.deid.surrogate.choose import Style
from medtune.deid.tagger.choose import identity, open_tagger
from medtune.deid.tagger.train import EPOCHS, train
from medtune.errors import DataError
from medtune.progress import progress
from medtune.records import Estimate
from medtune.stats import wilson

RESAMPLES = 2000


class Ask(NamedTuple):
    """What the user asks of `medtune deid`."""

    language: Language
    policy: Policy
    style: Style
    shift_dates: bool
    key: Path | None
    tagger: str | None
    """A file that `deid-train` made, `spacy:PIPELINE` or `presidio:PIPELINE`."""
    patient: str | None
    originals: Path | None


def deidentify_files(source: Path, target: Path, ask: Ask) -> DeidReport:
    """Write `target` without identifiers; beside it, `.spans.jsonl` and `.deid.json`.

    Raises:
        ConfigError: The key may be read by others, or a format is not known.
        DataError: The source or the tagger is missing or broken.
    """
    method = Method(
        ask.language,
        ask.policy,
        ask.style,
        ask.shift_dates,
        date.today(),
        open_tagger(ask.tagger, ask.language),
    )
    key: Key = key_file(ask.key) if ask.key else new_key()
    base = target.parent / target.name
    tally = deidentify_path(
        source,
        target,
        Work(method, key, ask.patient),
        base.with_name(f"{target.name}.spans.jsonl"),
        ask.originals,
    )
    report = DeidReport(
        medtune_version=__version__,
        created=_now(),
        source_sha256={name: sha256_file(file) for name, file in tally.sources.items()},
        language=ask.language,
        policy=ask.policy,
        style=ask.style,
        dates=_dates(ask),
        key="kept in a key file" if ask.key else "not kept",
        tagger=identity(ask.tagger),
        documents=tally.documents,
        changed=tally.changed,
        kinds=dict(tally.kinds.most_common()),
        rules=dict(tally.rules.most_common()),
    )
    report.save(base.with_name(f"{target.name}.deid.json"))
    return report


def _dates(ask: Ask) -> str:
    if ask.style == "tag":
        return "replaced by a mark; years alone are kept"
    if ask.shift_dates:
        return "moved by 1 to 52 weeks, the same for all dates of a patient; still full dates"
    return "cut to the year"


def score_files(path: Path, language: Language, policy: Policy, tagger: str | None) -> DeidScore:
    """Measure on annotated notes.

    Raises:
        DataError: The notes or the tagger cannot be read, or the notes hold no identifier.
    """
    notes = read_notes(path)
    trained = open_tagger(tagger, language)
    with progress("finding identifiers", len(notes), "notes") as advance:
        counts: list[Count] = []
        for note in notes:
            spans = find(note.text, language, tagger=trained)
            counts.append(count(note, spans, policy))
            advance(1)
    if not any(one.annotated for one in counts):
        raise DataError(f"{path}: no identifier is annotated that policy {policy!r} removes")
    return DeidScore(
        medtune_version=__version__,
        created=_now(),
        notes_sha256=sha256_text("".join(note.id + note.text for note in notes)),
        n_notes=len(notes),
        language=language,
        policy=policy,
        tagger=identity(tagger),
        recall=recall(counts),
        precision=precision(counts),
        exact_f1=exact_f1(counts),
        leak_rate=wilson(sum(one.leaks for one in counts), len(counts)),
    )


def recall(counts: Sequence[Count]) -> dict[str, Estimate]:
    """The share covered, for `all` and by kind, from the commonest kind on."""
    total: Counter[Kind] = sum((one.annotated for one in counts), Counter())
    by_kind = {
        kind: pooled([(one.covered[kind], one.annotated[kind]) for one in counts])
        for kind, _ in total.most_common()
    }
    whole = pooled([(one.covered.total(), one.annotated.total()) for one in counts])
    return {"all": whole, **by_kind}


def precision(counts: Sequence[Count]) -> Estimate | None:
    """The share of found stretches that touch an annotated identifier; None if none was found."""
    pairs = [(one.right.total(), one.found.total()) for one in counts]
    return pooled(pairs) if any(found for _, found in pairs) else None


def exact_f1(counts: Sequence[Count]) -> float:
    """F1 of place and kind together."""
    exact = sum(one.exact for one in counts)
    return 2 * exact / sum(one.found.total() + one.annotated.total() for one in counts)


def pooled(pairs: Sequence[tuple[int, int]]) -> Estimate:
    """A share over documents, whose interval draws whole documents with replacement.

    Where all that counts was right, or all wrong, drawing says nothing of the chance that is left;
    Wilson's interval of the documents stands in.
    """
    held = np.array([pair for pair in pairs if pair[1]], dtype=float)
    events, n = held.sum(axis=0)
    if events in (0, n):
        whole = wilson(len(held) if events else 0, len(held))
        return replace(whole, n=int(n))
    weights = np.random.default_rng(0).multinomial(
        len(held), [1 / len(held)] * len(held), size=RESAMPLES
    )
    drawn = weights @ held
    low, high = np.percentile(drawn[:, 0] / drawn[:, 1], [2.5, 97.5]).tolist()
    share = float(events / n)
    method = f"bootstrap of {len(held)} documents, {RESAMPLES} resamples"
    return Estimate(share, min(low, share), max(high, share), int(n), len(held), method)


def table(score: DeidScore) -> str:
    """The score as text, for the screen."""
    rows = [("kind", "recall (95 % interval)", "n")]
    rows += [(kind, shown(one), str(one.n)) for kind, one in score.recall.items()]
    lines = [f"{kind:<14}{value:<26}{n:>7}" for kind, value, n in rows]
    held = "not measured" if score.precision is None else shown(score.precision)
    leaks = score.leak_rate
    lines += [
        f"precision     {held}",
        f"notes with a leak: {shown(leaks)} of {leaks.n}",
        "This is what was measured on these notes. It says nothing of other notes.",
    ]
    return "\n".join(lines)


def shown(one: Estimate) -> str:
    """Value and interval."""
    return f"{one.value:.3f} ({one.low:.3f} to {one.high:.3f})"


def train_files(path: Path, target: Path, language: Language, seed: int = 0) -> int:
    """Train a tagger on annotated notes and write it; return how many notes it learnt from.

    Raises:
        DataError: The notes cannot be read, or are too few.
    """
    notes = read_notes(path)
    with progress("training the tagger", EPOCHS, "epochs") as advance:
        tagger = train(notes, language, seed=seed, show=lambda _epoch, _loss: advance(1))
    about = {
        "medtune_version": __version__,
        "created": _now(),
        "notes": str(len(notes)),
        "notes_sha256": sha256_text("".join(note.id + note.text for note in notes)),
        "seed": str(seed),
    }
    tagger.save(target, about)
    return len(notes)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
