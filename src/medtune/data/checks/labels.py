"""Labels: the same input with two targets, rare labels, and labels that are likely wrong.

Likely wrong labels are found by confident learning (Northcutt, Jiang and Chuang 2021,
doi:10.1613/jair.1.12125) with cleanlab, on the probabilities of a classical learner that saw no
record of the same group. It names what a person should read first; it proves nothing, and where the
learner does no better than the most frequent label it is silent.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from medtune.artifacts import Check, Outcome
from medtune.data.checks.learner import out_of_sample
from medtune.data.checks.shares import Look, by_share, drawn_of, not_run
from medtune.data.shingles import input_text
from medtune.data.split import draw
from medtune.records import SPLITS, Example

CONFLICTS_FAIL = 0.05
RARE_RECORDS, RARE_SHARE = 10, 0.01
"""A label with fewer training records can hardly be learned: our own choice."""
MOST = 5_000
"""Records that the learner looks at."""
FEWEST = 100
ERRORS_WARN, ERRORS_FAIL = 0.05, 0.25
"""Shares of likely wrong labels. Northcutt, Athalye and Mueller 2021 (arXiv:2103.14749) found 3.3 %
on average in ten well-known test sets; the learner itself adds some."""
BETTER = 0.05
"""By how much the learner's accuracy must exceed the share of the most frequent label."""
SURE = 0.8
"""Probability of the other label from which a flagged record counts."""


def conflicting(ids: Sequence[str], n: int) -> Check:
    """Records whose input occurs with another target, too."""
    look = Look(
        "conflicting targets",
        "labels",
        "have an input that occurs with another target, too",
        "let a person decide which target is right, and mend or remove the others",
        fail=CONFLICTS_FAIL,
    )
    return by_share(look, ids, n)


def balance(labels: Mapping[str, Mapping[str, int]], offered: Sequence[str]) -> Check:
    """Whether each label is in every split, and often enough in train to be learned."""
    name = "balance of labels"
    if not labels:
        return not_run(name, "labels", "the answer is not one of the same few labels")
    train = labels["train"]
    total, n_known = sum(train.values()), len([n for n in train.values() if n])
    rarest = min(offered, key=lambda label: (train.get(label, 0), label))
    n_rarest = train.get(rarest, 0)
    absent = [split for split in SPLITS if any(not labels[split].get(one) for one in offered)]
    outcome: Outcome = "pass"
    if n_rarest < RARE_RECORDS or n_rarest < RARE_SHARE * total or absent:
        outcome = "warn"
    if n_known <= 1:
        outcome = "fail"
    most = max(train.values())
    told = f"; a label is missing in {', '.join(absent)}" if absent else ""
    return Check(
        name=name,
        topic="labels",
        outcome=outcome,
        found=f"train holds {n_known} of {len(offered)} labels; the rarest, {rarest!r}, has "
        f"{n_rarest:,} of {total:,} records, the commonest {most:,}{told}",
        remedy=""
        if outcome == "pass"
        else "collect records of the rare labels, or join labels; judge by macro-F1, for accuracy "
        "does not see rare labels",
        figures={f"train: {label}": float(n) for label, n in train.items()},
    )


def label_errors(examples: Sequence[Example], offered: Sequence[str], seed: int) -> Check:
    """Records whose label is likely wrong, of at most `MOST` that are drawn."""
    name, n_every = "likely label errors", len(examples)
    examples = draw(examples, MOST, seed)
    given = [offered.index(str(e.target)) for e in examples]
    if len(examples) < FEWEST or len(set(given)) < 2:  # noqa: PLR2004  nothing to tell apart
        return not_run(name, "labels", f"fewer than {FEWEST} records, or one label only")
    texts = [input_text(e.fields) for e in examples]
    found = out_of_sample(texts, given, [e.group for e in examples], len(offered))
    if found is None:
        return not_run(name, "labels", "too few groups to learn from some and look at others")
    right = float(np.mean(found.argmax(axis=1) == np.array(given)))
    commonest = max(Counter(given).values()) / len(given)
    if right < commonest + BETTER:
        return not_run(
            name,
            "labels",
            f"the classical learner is right in {right:.0%}, the most frequent label in "
            f"{commonest:.0%}: it knows too little to accuse",
        )
    bad = [examples[n].id for n in _suspects(np.array(given), found)]
    look = Look(
        name,
        "labels",
        f"likely have a wrong label (a learner that is right in {right:.0%} is sure of another)"
        + drawn_of(len(examples), n_every),
        "have two people read these records without their labels; correct what both find wrong",
        warn=ERRORS_WARN,
        fail=ERRORS_FAIL,
    )
    check = by_share(look, bad, len(examples))
    return check.model_copy(update={"figures": check.figures | {"learner_accuracy": right}})


def _suspects(given: np.ndarray, found: np.ndarray) -> list[int]:
    """Places of likely wrong labels, the surest first."""
    from cleanlab.filter import find_label_issues  # here, for loading it takes seconds

    present = np.unique(given)
    probabilities = np.clip(found[:, present], 1e-9, None)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    places = find_label_issues(
        np.searchsorted(present, given),
        probabilities,
        return_indices_ranked_by="self_confidence",
        filter_by="both",
        n_jobs=1,
    )
    return [n for n in np.asarray(places).tolist() if probabilities[n].max() >= SURE]
