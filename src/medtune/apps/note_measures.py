"""What is counted in a drafted part of a note, and the metrics made of the counts.

A reply is assessed once, against its source and against the reference; the metrics then only add,
for they run thousands of times inside a bootstrap. None of them is RadGraph F1, MEDCON or any
published score: they need no weights from elsewhere, and carry names of their own.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import cast

from medtune.clinical.faithful import (
    FAMILY_RULES,
    RULES,
    Fault,
    Reading,
    check,
    provenance,
    read_draft,
    read_text,
)
from medtune.clinical.faithful.claims import GENERIC
from medtune.errors import DataError
from medtune.metrics import rouge_l
from medtune.records import Json, Prediction

SUMMARIES = GENERIC - {"acute_abnormality"}
"""Words without meaning of their own; "no acute abnormality" has one."""


@lru_cache(maxsize=4096)
def source_of(text: str) -> Reading:
    """A source, read once."""
    return read_text(text)


def faults_of(section: str, text: str, source: Reading) -> list[Fault]:
    """The faults of a section; in one on the family, relatives' illnesses are none."""
    return check(text, source, FAMILY_RULES if section == "family history" else RULES)


def assess(section: str, source_text: str, text: str, target: str) -> dict[str, Json]:
    """The text with its counts, against its source and against the reference."""
    source, reading = source_of(source_text), read_draft(text)
    faults = faults_of(section, text, source)
    told = {one.sentence for one in faults if one.severity != "note"}
    judged = provenance(text, source)
    borne = [one for one in judged if one.status != "unsupported" and one.sentence not in told]
    mine, theirs = _claims(reading), _claims(read_draft(target))
    here, wanted = _critical(reading), _critical(read_draft(target))
    return {
        "text": text,
        "claims": len(mine),
        "wanted": len(theirs),
        "shared": len(mine & theirs),
        "sentences": len(judged),
        "supported": len(borne),
        "blocked": sum(1 for one in faults if one.severity == "block"),
        "critical": len(wanted),
        "kept": len(here & wanted),
    }


def _claims(reading: Reading) -> set[tuple[str, str]]:
    """Each content word with what is said of it."""
    return {
        (word.token.stem, word.polarity)
        for statement in reading.statements
        for word in statement.words
        if word.token.stem not in SUMMARIES and word.token.stem != "xxxx"
    }


def _critical(reading: Reading) -> set[tuple[str, str]]:
    """Drugs, figures and sides."""
    drugs = {("drug", name) for one in reading.medicines for name in one.mention.ingredients}
    figures = {("figure", str(r)) for one in reading.numbers for r in one.readings}
    sides = {(one.side, stem) for one in reading.sides for stem in one.stems - GENERIC}
    return drugs | figures | sides


def as_object(value: Json) -> dict[str, Json]:
    """A target or an answer, which are objects here."""
    return cast("dict[str, Json]", value)


def _count(value: Json, key: str) -> int:
    return int(cast(int, as_object(value)[key])) if isinstance(value, dict) else 0


def _given(prediction: Prediction) -> Json:
    return None if prediction.abstained else prediction.answer


def _needs_some(predictions: Sequence[Prediction]) -> int:
    if not predictions:
        raise DataError("a metric needs at least one prediction that did not fail, and there is 0")
    return len(predictions)


def claim_f1(predictions: Sequence[Prediction]) -> float:
    """F1 of what the references affirm and deny, over all replies together.

    Raises:
        DataError: There are no predictions.
    """
    _needs_some(predictions)
    shared = sum(_count(_given(p), "shared") for p in predictions)
    total = sum(_count(_given(p), "claims") + _count(p.target, "wanted") for p in predictions)
    return 2 * shared / total if total else 1.0


def supported(predictions: Sequence[Prediction]) -> float:
    """Mean share of a reply's sentences that the source bears out, without a warning.

    Raises:
        DataError: There are no predictions.
    """
    n = _needs_some(predictions)
    given = [_given(p) for p in predictions]
    shares = [
        _count(one, "supported") / _count(one, "sentences") if _count(one, "sentences") else 1.0
        for one in given
        if one is not None
    ]
    return sum(shares) / n


def safe(predictions: Sequence[Prediction]) -> float:
    """Share of the replies that no fault blocks.

    Raises:
        DataError: There are no predictions.
    """
    n = _needs_some(predictions)
    given = [_given(p) for p in predictions]
    return sum(one is not None and not _count(one, "blocked") for one in given) / n


def kept(predictions: Sequence[Prediction]) -> float:
    """Share of the references' drugs, figures and sides that the replies have, over all together.

    Raises:
        DataError: There are no predictions.
    """
    _needs_some(predictions)
    wanted = sum(_count(p.target, "critical") for p in predictions)
    held = sum(_count(_given(p), "kept") for p in predictions)
    return held / wanted if wanted else 1.0


def rouge(predictions: Sequence[Prediction]) -> float:
    """ROUGE-L of the texts.

    Raises:
        DataError: There are no predictions.
    """
    return rouge_l(
        [
            replace(p, target=as_object(p.target)["text"], answer=_text(_given(p)))
            for p in predictions
        ]
    )


def _text(value: Json) -> Json:
    return as_object(value)["text"] if isinstance(value, dict) else None
