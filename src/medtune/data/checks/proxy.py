"""How well the other fields tell to which subgroup a record belongs.

Leaving sex or race out of the input does not keep a model from it if the words give it away. The
figure is the area under the ROC curve of a classical learner that saw no record of the same group:
0.5 is chance, 1 is certainty. For a note that says "he" it is near 1; that is no fault of the data,
but then the results must be reported by that attribute.
"""

from collections import Counter
from collections.abc import Sequence

from sklearn.metrics import roc_auc_score

from medtune.artifacts import Check
from medtune.data.checks.integrity import fields_of
from medtune.data.checks.learner import out_of_sample
from medtune.data.checks.shares import drawn_of, not_run
from medtune.data.shingles import input_text
from medtune.data.split import draw
from medtune.records import Example

NAME = "proxies of subgroups"
TELLS = 0.80
"""Area from which the fields tell the attribute. Our own choice."""
MOST = 3_000
FEWEST = 50
MOST_FIELDS = 30


def proxies(examples: Sequence[Example], seed: int) -> Check:
    """The attributes that the input gives away, and the field that does so best.

    Of each attribute, at most `MOST` records that state it are drawn.
    """
    attributes = sorted({name for e in examples for name in e.subgroups})
    found: dict[str, float] = {}
    told: list[str] = []
    n_most = 0
    for attribute in attributes:
        stating = [e for e in examples if attribute in e.subgroups]
        known, n_most = draw(stating, MOST, seed), max(n_most, len(stating))
        area = _area(known, attribute, None)
        if area is None:
            continue
        found[attribute] = area
        if area >= TELLS:
            told.append(f"{attribute} ({area:.2f}{_best_field(known, attribute)})")
    if not found:
        return not_run(NAME, "people", f"no attribute with two values of {FEWEST} records each")
    return Check(
        name=NAME,
        topic="people",
        outcome="warn" if told else "pass",
        found=f"the input tells {len(told)} of {len(found)} attributes by an area under the ROC "
        f"curve of {TELLS} or more"
        + (f": {', '.join(told)}" if told else "")
        + drawn_of(min(MOST, n_most), n_most),
        remedy="leave out the field if the task does not need it; in any case report results by "
        "this attribute, for hiding it does not make the model blind to it"
        if told
        else "",
        figures={f"area: {name}": area for name, area in found.items()},
    )


def _best_field(examples: Sequence[Example], attribute: str) -> str:
    names = [field.name for field in fields_of(examples)]
    if not 1 < len(names) <= MOST_FIELDS:
        return ""
    areas = {name: _area(examples, attribute, name) or 0.5 for name in names}
    best = max(areas, key=lambda name: (areas[name], name))
    return f", most by the field {best!r} with {areas[best]:.2f}"


def _area(known: Sequence[Example], attribute: str, field: str | None) -> float | None:
    """The area for the most frequent value against all others; None if it cannot be told."""
    counts = Counter(e.subgroups[attribute] for e in known)
    if not counts:
        return None
    usual, n = counts.most_common(1)[0]
    if min(n, len(known) - n) < FEWEST:
        return None
    texts = [_text(e, field) for e in known]
    labels = [int(e.subgroups[attribute] == usual) for e in known]
    found = out_of_sample(texts, labels, [e.group for e in known], 2)
    return None if found is None else float(roc_auc_score(labels, found[:, 1]))


def _text(example: Example, field: str | None) -> str:
    return input_text(example.fields) if field is None else example.fields.get(field, "")
