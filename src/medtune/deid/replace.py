"""Put a surrogate, or a mark, where each identifier stands."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from medtune.deid.document import flatten
from medtune.deid.find import find
from medtune.deid.kinds import Kind
from medtune.deid.span import Span
from medtune.deid.surrogate.choose import Method, surrogate
from medtune.deid.surrogate.key import Key


class Change(NamedTuple):
    """One identifier that was replaced: where it stood, and where its surrogate stands."""

    start: int
    end: int
    kind: Kind
    rule: str
    new_start: int
    new_end: int


class Clean(NamedTuple):
    """A de-identified text."""

    text: str
    changes: list[Change]


def deidentify(
    text: str, patient: str, method: Method, key: Key, known: Iterable[str] = ()
) -> Clean:
    """Replace the identifiers of a text.

    Args:
        text: The text.
        patient: Whose it is: surrogates agree within a patient and tell nothing across patients.
        method: What to find and what to put there.
        key: The secret.
        known: Names that the text may hold, such as those in other columns of the record.
    """
    spans = find(text, method.language, known, tagger=method.tagger)
    return replace_spans(text, spans, patient, method, key)


def replace_spans(
    text: str, spans: Sequence[Span], patient: str, method: Method, key: Key
) -> Clean:
    """Replace given spans, in order of place and not overlapping, as the method says."""
    own = key.patient(patient)
    flat = flatten(text)
    pieces: list[str] = []
    changes: list[Change] = []
    end = length = 0
    for span in spans:
        old = text[span.start : span.end]
        new = surrogate(old, span.kind, method, own, before=flat[: span.start])
        if new == old:
            continue
        pieces += [text[end : span.start], new]
        length += span.start - end
        changes.append(
            Change(span.start, span.end, span.kind, span.rule, length, length + len(new))
        )
        length += len(new)
        end = span.end
    return Clean("".join([*pieces, text[end:]]), changes)
