"""The two judgements that a reader came for, in words: should we tune, and may it be used?"""

from collections.abc import Sequence
from dataclasses import dataclass

from medtune.artifacts import Arm, Comparison, Evaluation, Release
from medtune.records import Estimate, Verdict
from medtune.report import words
from medtune.report.blocks import Tone
from medtune.report.found import Found

ADVICE = {
    "tune": "tune the model",
    "tune_retrieve": "tune the model on prompts with retrieved passages",
    "prompt": "use the model with a prompt and do not tune it",
    "retrieve": "use the model with retrieved passages in the prompt and do not tune it",
    "classical": "use the classical baseline and do not tune",
    "collect_more_data": "collect more training data, then tune",
    "nothing_works": "use no model: look at the task and at its labels",
    "not_enough_data": "collect more data before deciding",
}


WORTH: dict[Verdict, str] = {
    "yes": "tuning is worth it",
    "no": "tuning is not worth it",
    "not_enough_data": "not enough data to tell whether tuning is worth it",
}
TONES: dict[Verdict, Tone] = {"yes": "good", "no": "plain", "not_enough_data": "unsure"}
"""Of "should we tune?": not to tune is as good an answer as to tune."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """One question with its answer."""

    question: str
    answer: str
    why: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class Tile:
    """One key number."""

    value: str
    what: str


def should_tune(found: Found) -> Judgement:
    """The verdict of the decision experiment."""
    question = "Should we tune?"
    decision = found.decision
    if decision is None:
        return Judgement(
            question, "Not decided yet", "The decision experiment has not run.", "plain"
        )
    advice = ADVICE.get(decision.recommendation, words.plain(decision.recommendation))
    return Judgement(
        question,
        words.VERDICTS[decision.verdict].capitalize(),
        f"Recommendation from the validation examples: {advice}.",
        TONES[decision.verdict],
    )


def may_be_used(found: Found) -> Judgement:
    """The verdict of the release."""
    question = "May it be used?"
    release = found.release
    if release is None:
        return Judgement(question, "Not judged yet", "The release has not run.", "plain")
    if not release.released:
        why = words.sentence(words.readable(release.reasons[0])) if release.reasons else ""
        more = len(release.reasons) - 1
        also = f" {words.count(more, 'more reason')} under “The release”." if more > 0 else ""
        return Judgement(question, "No: refused", why + also, "bad")
    limit = (
        "Not for the care of patients: some guards could not judge."
        if release.scope == "research"
        else f"Not for: {words.sentence(release.not_for)}"
    )
    return Judgement(question, f"Yes, for {_scope(release)} only", limit, "good")


def _scope(release: Release) -> str:
    return "its intended use" if release.scope == "intended use" else release.scope


def headline(found: Found) -> str:
    """The whole report in one sentence."""
    parts: list[str] = []
    if found.release is not None:
        parts.append(
            f"released for {_scope(found.release)} only"
            if found.release.released
            else "release refused"
        )
    if found.evaluation is not None:
        parts.append(_tested(found.evaluation))
    elif found.decision is not None:
        advice = ADVICE.get(
            found.decision.recommendation, words.plain(found.decision.recommendation)
        )
        parts.append(f"{WORTH[found.decision.verdict]}: {advice}")
    elif found.data is not None:
        parts.append("the data is prepared; whether to tune has not been measured yet")
    else:
        parts.append("nothing has run yet")
    drifted = found.monitor is not None and found.monitor.drifted == "yes"
    return words.sentence(
        ": ".join(parts) + (", and its use has drifted since the release" if drifted else "")
    )


def tuned_arm(evaluation: Evaluation) -> Arm | None:
    """The arm that the sealed test is about."""
    return next((arm for arm in evaluation.arms if arm.name == evaluation.way.name), None)


def primary_comparisons(comparisons: Sequence[Comparison], primary: str) -> list[Comparison]:
    """The comparisons on the metric that decides."""
    return [each for each in comparisons if each.metric == primary]


def lower_wins(arms: Sequence[Arm], comparisons: Sequence[Comparison], metric: str) -> bool:
    """Whether a smaller value of the metric is better, read from the signs of the differences.

    A comparison is positive when its arm is better. Where that goes against the plain difference
    of the two values, small values win.
    """
    values = {arm.name: arm.estimates[metric].value for arm in arms if metric in arm.estimates}
    agreement = sum(
        each.difference.value * (values[each.arm] - values[each.against])
        for each in comparisons
        if each.metric == metric and each.arm in values and each.against in values
    )
    return agreement < 0


def ranked(arms: Sequence[Arm], comparisons: Sequence[Comparison], metric: str) -> list[Arm]:
    """The arms that have the metric, the best first."""
    having = [arm for arm in arms if metric in arm.estimates]
    lower = lower_wins(arms, comparisons, metric)
    return sorted(having, key=lambda arm: arm.estimates[metric].value, reverse=not lower)


def classical_note(evaluation: Evaluation) -> str:
    """What must be said when it is not shown to beat the classical baseline, or ""."""
    name = words.arm_name(evaluation.way.name)
    against = [
        each
        for each in primary_comparisons(evaluation.comparisons, evaluation.primary)
        if each.against.startswith("classical") and each.verdict != "yes"
    ]
    if not against:
        return ""
    difference = against[0].difference
    gap = words.estimate(difference, signed=True)
    metric = words.metric_name(evaluation.primary)
    if difference.high < 0:
        return (
            f"The classical baseline wins: the {name} differs from it by {gap} in {metric}. "
            "It is also far cheaper and easier to explain. Use the classical baseline."
        )
    if round(difference.value, 2) < 0:
        return (
            f"The classical baseline scores higher: the {name} differs from it by {gap} in "
            f"{metric}. The interval contains zero, so chance may explain it, but nothing here "
            "speaks for the costlier model."
        )
    return (
        f"The {name} is not shown to beat the classical baseline: they differ by {gap} in "
        f"{metric}. The classical baseline is far cheaper and easier to explain."
    )


def tiles(found: Found) -> list[Tile]:
    """The key numbers, from the latest stage that has them."""
    shown: list[Tile] = []
    if found.evaluation is not None:
        shown += _test_tiles(found.evaluation)
    elif found.decision is not None:
        primary = found.decision.objective or found.decision.primary
        metric = words.metric_name(primary)
        best = ranked(found.decision.arms, found.decision.comparisons, primary)
        shown += [
            Tile(words.estimate(arm.estimates[primary]), f"{metric}, {words.arm_name(arm.name)}")
            for arm in best[:2]
        ]
        shown.append(
            Tile(
                words.number(found.decision.minimum_detectable),
                f"smallest difference in {metric} that validation could show",
            )
        )
    elif found.data is not None:
        shown += [
            Tile(f"{split.kept:,}", f"{name} examples") for name, split in found.data.splits.items()
        ]
    if found.release is not None:
        met = sum(gate.get("met") is True for gate in found.release.gates)
        blocking = sum(finding.severity == "block" for finding in found.release.findings)
        shown.append(Tile(f"{met} of {len(found.release.gates)}", "release gates met"))
        shown.append(Tile(str(blocking), "blocking findings"))
    return shown


def _test_tiles(evaluation: Evaluation) -> list[Tile]:
    primary, tuned = evaluation.primary, tuned_arm(evaluation)
    metric = words.metric_name(primary)
    shown: list[Tile] = []
    if tuned is not None and primary in tuned.estimates:
        shown.append(
            Tile(
                words.estimate(tuned.estimates[primary]), f"{metric}, {words.arm_name(tuned.name)}"
            )
        )
    rival = _best_rival(evaluation)
    if rival is not None:
        shown.append(
            Tile(
                words.estimate(rival.estimates[primary]),
                f"{metric}, best other arm: {words.arm_name(rival.name)}",
            )
        )
    return shown


def _best_rival(evaluation: Evaluation) -> Arm | None:
    tuned = tuned_arm(evaluation)
    rivals = [
        arm
        for arm in ranked(evaluation.arms, evaluation.comparisons, evaluation.primary)
        if tuned is None or arm.name != tuned.name
    ]
    return rivals[0] if rivals else None


def _tested(evaluation: Evaluation) -> str:
    tuned, primary = tuned_arm(evaluation), evaluation.primary
    if tuned is None or primary not in tuned.estimates:
        return "the sealed test has run"
    score = _score(tuned.estimates[primary], primary)
    rivals = {each.against: each for each in primary_comparisons(evaluation.comparisons, primary)}
    rival = _best_rival(evaluation)
    name = words.arm_name(tuned.name)
    if rival is None or rival.name not in rivals:
        return f"the {name} reaches {score} on the sealed test"
    against = rivals[rival.name]
    than = words.arm_name(rival.name)
    outcome = {
        "yes": f"better than the best other arm, the {than}",
        "not_enough_data": f"and there is not enough data to tell it from the {than}",
        "no": f"worse than the {than}"
        if against.difference.high < 0
        else f"not better than the {than}",
    }[against.verdict]
    joint = " " if against.verdict == "not_enough_data" else ", "
    return f"the {name} reaches {score} on the sealed test{joint}{outcome}"


def _score(found: Estimate, metric: str) -> str:
    return f"{words.estimate(found)} in {words.metric_name(metric)}"
