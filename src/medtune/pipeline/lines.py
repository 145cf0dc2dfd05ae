"""One line on what a stage found, for the screen."""

from collections import Counter

from medtune.artifacts import Artifact, DataCard, Decision, Evaluation, Release, TuneRecord
from medtune.progress import duration
from medtune.records import Estimate


def outcome(artifact: Artifact) -> str:
    """What the stage found, in one line. Numbers and names only, never record text."""
    match artifact:
        case DataCard():
            line = _data(artifact)
        case Decision():
            line = f"tune: {artifact.verdict.replace('_', ' ')}. {_deciding(artifact)}"
        case TuneRecord():
            line = (
                f"best at step {artifact.best_step} of {artifact.steps} ({artifact.stopped}); "
                f"validation loss {artifact.validation_loss:.3f}; "
                f"{duration(artifact.seconds)} of training, {artifact.peak_memory_gb:.1f} GB"
            )
        case Evaluation():
            line = _evaluation(artifact)
        case Release():
            line = (
                f"released as {artifact.id} for {artifact.scope}"
                if artifact.released
                else (f"refused ({len(artifact.reasons)} reasons)")
            )
        case _:
            raise AssertionError(f"no line for {type(artifact).__name__}")
    return line


def _deciding(decision: Decision) -> str:
    """What follows: the last sentence."""
    return decision.reasons[-1]


def _data(card: DataCard) -> str:
    sizes = ", ".join(f"{name} {count.kept:,}" for name, count in card.splits.items())
    supervised = sum(count.supervised for count in card.splits.values())
    dropped = sum(sum(count.dropped.values()) for count in card.receipt.values())
    return (
        f"{sizes} examples in {sum(card.groups.values()):,} groups; {supervised:,} supervised "
        f"tokens; {dropped:,} rows dropped, none cut{_checks(card)}"
    )


def _checks(card: DataCard) -> str:
    counts = Counter(check.outcome for check in card.checks)
    if not card.checks:
        return ""
    return f"; checks: {counts['pass']} pass, {counts['warn']} to look at, {counts['fail']} fail"


def _evaluation(found: Evaluation) -> str:
    by_name = {arm.name: arm.estimates[found.primary] for arm in found.arms}
    name = found.way.name
    own = by_name.pop(name)
    best = max(by_name, key=lambda name: by_name[name].value)
    return f"{found.primary}: {name} {_short(own)}, best other {best} {_short(by_name[best])}"


def _short(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"
