"""The model card, in Markdown, made of the artifacts; what nobody stated or did is printed so.

The headings are the nine groups of the source attributes of 45 CFR 170.315(b)(11)(iv) (HTI-1, in
force when this was written), with what CHAI's model card v0.2 asks for beside them. An attribute
that no artifact holds reads "information not available", never blank.
"""

from typing import TYPE_CHECKING

from medtune.artifacts import Arm, Comparison, Parity, Release
from medtune.goals import GOALS
from medtune.guards import GUARDS, Evidence
from medtune.records import Application
from medtune.release.markdown import UNKNOWN, interval, plain, table
from medtune.release.people import people
from medtune.release.what import method, same_prompts

if TYPE_CHECKING:
    from medtune.llm.source import ModelFolder

CLASSICAL = "classical"
"""Name of the arm with the classical baseline."""


def model_card(
    found: Release, evidence: Evidence, app: Application, base: "ModelFolder | None"
) -> str:
    """The whole card. It holds no record text: counts, hashes, names and intervals only."""
    sections = [
        _head(found, evidence),
        _purpose(found, app),
        _development(evidence, app, base),
        people(evidence),
        _performance(evidence),
        f"### Trained = evaluated = served\n\n{_same(found)}",
        _upkeep(),
        _not_done(found, evidence),
    ]
    return "\n\n".join(sections) + "\n"


def _head(found: Release, evidence: Evidence) -> str:
    status = "released" if found.released else "NOT released"
    return "\n".join(
        [
            f"# Model card: {plain(evidence.run.app)}, release {found.id}",
            "",
            f"Status: {status}; scope: {found.scope}; made {found.created} by medtune "
            f"{found.medtune_version} from the artifacts beside this file.",
            "",
            "## 1. Details and output",
            "",
            f"- Developer and contact: {UNKNOWN}",
            f"- Funding source: {UNKNOWN}",
            f"- Output: a text that answers the task {plain(evidence.run.app)}",
            f"- Regulatory approval: {UNKNOWN}",
        ]
    )


def _purpose(found: Release, app: Application) -> str:
    return "\n".join(
        [
            "## 2. Purpose",
            "",
            f"- Intended use: {plain(found.intended_use) or UNKNOWN}",
            f"- Patients it is for: {UNKNOWN}",
            "- Role in a decision: informs a person, who decides",
            "",
            "## 3. Out of scope, and cautions",
            "",
            f"- Not for: {plain(found.not_for) or UNKNOWN}",
            f"- About the data: {plain(app.data_note) or UNKNOWN}",
            *[
                f"- {finding.severity}, {finding.guard}: {plain(finding.what)} "
                f"({plain(finding.evidence)}). {plain(finding.remedy).capitalize()}."
                for finding in found.findings
            ],
        ]
    )


def _development(evidence: Evidence, app: Application, base: "ModelFolder | None") -> str:
    data = evidence.data
    weights = (
        f"{plain(evidence.run.model.source)}; licence and hash: {UNKNOWN}"
        if base is None
        else f"{plain(base.name)}, SHA-256 {base.sha256}, licence {plain(base.licence) or UNKNOWN}"
    )
    sources = [
        [source.get("name", ""), source.get("sha256", ""), source.get("licence", "")]
        for source in data.sources
    ]
    splits = [
        [name, count.kept, data.groups.get(name, 0), count.tokens, count.supervised]
        for name, count in data.splits.items()
    ]
    people = ", ".join(data.subgroups) or f"none recorded, so representativeness: {UNKNOWN}"
    return "\n".join(
        [
            "## 4. Development and inputs",
            "",
            f"- Base model: {weights}",
            *method(evidence),
            f"- Attributes of people in the data: {plain(people)}",
            f"- Exact duplicates dropped: {data.exact_duplicates}; near-duplicate pairs kept in "
            f"one split: {data.near_duplicate_pairs}; conflicting records: {len(data.conflicts)}; "
            f"leaks: {len(data.leaks)}",
            "",
            table(["source", "SHA-256", "licence"], sources),
            "",
            table(["split", "records", "groups", "tokens", "supervised tokens"], splits),
            "",
            f"The answer is read by the application {plain(app.name)}, the same way in every arm.",
        ]
    )


def _performance(evidence: Evidence) -> str:
    evaluation = evidence.evaluation
    names = sorted({name for arm in evaluation.arms for name in arm.estimates})
    arms = [
        [arm.name, *(_cell(arm, name) for name in names), f"{arm.seconds_per_example:.3f}"]
        for arm in evaluation.arms
    ]
    comparisons = [
        [c.against, c.metric, interval(c.difference), f"{c.p_adjusted:.4f}", _words(c)]
        for c in evaluation.comparisons
    ]
    calibration = [[name, interval(e)] for name, e in evaluation.calibration.items()]
    return "\n".join(
        [
            "## 7. Performance on the sealed test",
            "",
            f"{_classical(evidence)} The primary metric is {evaluation.primary}; every interval "
            f"has 95 %. The test was opened for {evaluation.openings} adapter(s) or prompt(s); "
            f"{evaluation.failed} predictions failed.",
            "",
            table(["arm", *names, "seconds per example"], arms),
            "",
            f"{_name(evidence).capitalize()} against each other arm, on the same records; p after "
            "Holm:",
            "",
            table(["against", "metric", "difference", "p", "it is"], comparisons),
            "",
            "Expected calibration error (how far confidence is from being right):",
            "",
            table(["arm", "error"], calibration),
        ]
    )


def _classical(evidence: Evidence) -> str:
    """The comparison with the classical baseline, in plain words."""
    comparison = next(
        (
            c
            for c in evidence.evaluation.comparisons
            if (c.against, c.metric) == (CLASSICAL, evidence.evaluation.primary)
        ),
        None,
    )
    if comparison is None:
        return "No classical baseline was measured, so whether one would do is not known."
    return (
        f"Against the classical baseline, which needs no language model, {_name(evidence)} is "
        f"{_words(comparison)}: difference {interval(comparison.difference)}."
    )


def _name(evidence: Evidence) -> str:
    """What was under test."""
    way = evidence.evaluation.way
    return "the tuned model" if way.is_tuned else f"the {way.name.replace('_', '-')} prompt"


def _same(found: Release) -> str:
    """Whether what is served is what was trained and evaluated."""
    if found.way.is_tuned:
        return same_model(found.parity) + same_prompts(found.agreement)
    return "Nothing was trained: the weights are the base model's." + same_prompts(found.agreement)


def _words(comparison: Comparison) -> str:
    if comparison.verdict == "yes":
        return "better"
    if comparison.difference.high < 0:
        return "worse"
    return "not better" if comparison.verdict == "no" else "not shown to differ (too little data)"


def same_model(found: Parity | None) -> str:
    """Whether two stacks hold the same model, in words and figures."""
    if found is None:
        return (
            "Not measured: whether the served model gives the probabilities of the trained one is "
            "not known."
        )
    agrees = (
        "The tuned model gives the same probabilities in both, within their own noise"
        if found.agrees
        else "THE TUNED MODEL DIFFERS between the two by more than their own noise"
    )
    shows = (
        "and the tuning shows"
        if found.shows
        else "and THE TUNING DOES NOT SHOW: it has no effect, or is not applied"
    )
    return (
        f"{agrees}, {shows}. On {found.tokens} supervised tokens of validation replies, in nats "
        f"per token (mean absolute difference): tuned model {found.tuned:.6f}, at most "
        f"{found.limit:.6f} allowed (twice the base model's {found.base:.6f}, and no less than "
        f"0.001); effect of the tuning {found.effect:.4f}."
    )


def _upkeep() -> str:
    return "\n".join(
        [
            "## 8. Maintenance",
            "",
            "- Monitoring: `medtune monitor` compares the journal's input and answers with "
            "`reference.json`. It sees drift of input, not loss of quality: without targets from "
            "use, accuracy in use is not known. How often it runs is up to the user.",
            "",
            "## 9. Updates",
            "",
            f"- Schedule and correction of faults: {UNKNOWN}. Each new release has its own id and "
            "its own card.",
        ]
    )


def _not_done(found: Release, evidence: Evidence) -> str:
    goal = GOALS[evidence.run.goal]
    gates = [
        "- gate " + plain(str(gate["why"])) + ("" if gate["met"] else " (NOT MET)")
        for gate in found.gates
    ]
    silent = [name for name in GUARDS if name not in found.guards_judged]
    not_judged = [f"- {name}: not judged. {GUARDS[name].asks}" for name in silent]
    not_measured = [
        f"- {name.replace('_', ' ')}: not measured: {plain(why)}"
        for name, why in evidence.evaluation.not_measured.items()
    ]
    return "\n".join(
        [
            "## Gates",
            "",
            *(gates or ["- none"]),
            "",
            "## What was not done",
            "",
            *not_judged,
            *not_measured,
            *[f"- goal {goal.name}: not measured: {what}" for what in goal.not_measured],
            "- This release is the adapter. Merged and exported weights are other files: each "
            "export is scored again and has its own record."
            if found.way.is_tuned
            else "- This release has no weights of its own, so there is nothing to export.",
            "- No external validation, no clinical trial, no stakeholder or patient was consulted.",
            "- Adversarial input and the use by people were not tested.",
        ]
    )


def _cell(arm: Arm, metric: str) -> str:
    return interval(arm.estimates[metric]) if metric in arm.estimates else "not measured"
