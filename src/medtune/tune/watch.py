"""Does it learn by heart? What a look at training, validation and planted secrets shows.

All losses are of the same weights, so that they can be compared. A planted code of six random
digits carries 13.8 nats: a model that has not seen it cannot, on average, lose less on it.

Sources: Yeom 2018, CSF, arXiv:1709.01604 (membership by loss); Hanley and McNeil 1982,
doi:10.1148/radiology.143.1.7063747 (standard error of an AUROC); Carlini 2019, arXiv:1802.08232
(canaries).
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from medtune.artifacts import Watched
from medtune.canary import DIGITS
from medtune.tune.ranks import Seen

VALIDATION, TRAIN, CANARIES = "validation", "train", "canaries"
"""What a look goes through: all validation, some of train, the planted secrets."""
MOST_MEMBERSHIP = 0.55
"""As in the guard: an AUROC that lies above this with its whole interval is a sign."""
MOST_BITS = 2.0
"""Of a code's 19.9 bits, given away on average: our own choice, above the luck of a few codes."""
RISE = 1.02
"""A validation loss that is this many times its best, while train falls: our own choice."""
SIGNS = {
    "secrets": "it has learnt planted secrets by heart",
    "membership": "training examples can be told from validation by their loss",
    "rising": "the validation loss rises while the training loss falls",
    "none": "no sign of learning by heart",
}


def watched(
    step: int, seen: Mapping[str, Seen], before: Sequence[Watched], *, codes: bool
) -> Watched | None:
    """What a look shows; None where it looked at validation only.

    Args:
        step: Of the look.
        seen: What it went through.
        before: What earlier looks showed.
        codes: Whether of a canary only the code is learnt, so that its bits can be counted.
    """
    if TRAIN not in seen:
        return None
    train, validation = seen[TRAIN], seen[VALIDATION]
    auroc = _auroc(train.means, validation.means)
    half = 1.96 * _standard_error(auroc, len(train.means), len(validation.means))
    bits = _bits(seen[CANARIES]) if codes and CANARIES in seen else None
    found = Watched(
        step=step,
        train_loss=train.loss,
        validation_loss=validation.loss,
        membership=auroc,
        membership_low=max(0.0, auroc - half),
        membership_high=min(1.0, auroc + half),
        canary_bits=bits,
        sign="none",
        says="",
    )
    sign = _sign(found, before)
    return found.model_copy(update={"sign": sign, "says": _says(found, sign)})


def _sign(now: Watched, before: Sequence[Watched]) -> str:
    if now.canary_bits is not None and now.canary_bits > MOST_BITS:
        return "secrets"
    if now.membership_low > MOST_MEMBERSHIP:
        return "membership"
    best = min(before, key=lambda one: one.validation_loss, default=now)
    rising = now.validation_loss > RISE * best.validation_loss and now.train_loss < best.train_loss
    return "rising" if rising else "none"


def _says(now: Watched, sign: str) -> str:
    bits = "" if now.canary_bits is None else f", {now.canary_bits:.1f} bits of a planted code"
    return (
        f"step {now.step}: {SIGNS[sign]} (loss on train {now.train_loss:.3g}, on validation "
        f"{now.validation_loss:.3g}, membership {now.membership:.2f} from {now.membership_low:.2f} "
        f"to {now.membership_high:.2f}{bits})"
    )


def _auroc(train: Sequence[float], validation: Sequence[float]) -> float:
    """Probability that a training example has the lower loss; half of the ties count."""
    ours, theirs = np.asarray(train)[:, None], np.asarray(validation)[None, :]
    return float(np.mean((ours < theirs) + (ours == theirs) / 2))


def _standard_error(auroc: float, n_train: int, n_validation: int) -> float:
    """As Hanley and McNeil, but of at least a half: an AUROC of 1 from few is not certain."""
    a = min(max(auroc, 1 / (2 * n_train)), 1 - 1 / (2 * n_train))
    both = a * (1 - a)
    ours = (n_train - 1) * (a / (2 - a) - a * a)
    theirs = (n_validation - 1) * (2 * a * a / (1 + a) - a * a)
    return math.sqrt((both + ours + theirs) / (n_train * n_validation))


def _bits(canaries: Seen) -> float:
    """Mean bits of a code that its loss gives away; below 0 where it is worse than guessing."""
    nats = DIGITS * math.log(10) - sum(canaries.sums) / len(canaries.sums)
    return nats / math.log(2)
