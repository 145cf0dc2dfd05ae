"""Sections 6 and 7: may it be used, and is it still true?"""

from collections.abc import Mapping

from medtune.artifacts import Monitor, Parity, Release, Way
from medtune.records import Estimate, Finding, Json, Severity
from medtune.report import words
from medtune.report.blocks import (
    Block,
    Bullets,
    Callout,
    Cell,
    Facts,
    FindingCard,
    Findings,
    Heading,
    Section,
    Table,
    Text,
    Tone,
)
from medtune.report.sections.arms import condition

UNTUNED = "Nothing was trained: the weights are the base model's, and are served as they are."
SEVERITIES: dict[Severity, tuple[str, Tone]] = {
    "block": ("blocks the release", "bad"),
    "warn": ("warning", "unsure"),
    "note": ("note", "plain"),
}


def release_section(release: Release | None) -> Section:
    """The release's verdict on the evidence as a section."""
    return Section(
        id="release",
        title="The release",
        question="May it be used, for what, and who has judged that?",
        blocks=() if release is None else _release(release),
        command="release",
    )


def _release(release: Release) -> list[Block]:
    blocks: list[Block] = []
    if release.released:
        why = words.sentence(f"It may be used for {release.scope} only: {release.intended_use}")
        blocks.append(Callout(f"Released for {release.scope}", why, "good"))
    else:
        blocks.append(Callout("Refused", "It may not be used, for the reasons below.", "bad"))
    if release.reasons:
        blocks.append(
            Bullets(
                "Reasons", [words.sentence(words.readable(reason)) for reason in release.reasons]
            )
        )
    blocks.append(
        Facts(
            [
                ("intended use", release.intended_use),
                ("not for", release.not_for),
                ("scope", release.scope),
                ("release id", release.id),
                ("what is released", words.arm_name(release.way.name)),
                *_searched(release.way),
            ]
        )
    )
    blocks += [Heading("Gates"), _gates(release)]
    blocks.append(Heading("Trained = evaluated = served"))
    blocks += _parity(release.parity) if release.way.is_tuned else [Text(UNTUNED)]
    blocks += _prompts(release)
    blocks.append(Heading("Findings of the guards"))
    if release.findings:
        order = list(SEVERITIES)
        found = sorted(release.findings, key=lambda finding: order.index(finding.severity))
        blocks.append(Findings([_card(finding) for finding in found]))
    else:
        blocks.append(Text("The guards that have judged found nothing to object to."))
    blocks += _guards(release)
    return blocks


def _gates(release: Release) -> Table | Text:
    if not release.gates:
        return Text("No gate was set.")
    return Table(
        head=("condition", "measured", "bound compared", "outcome"),
        align="lrrl",
        rows=[
            (
                condition(gate),
                _measured(gate),
                _bounds(gate),
                Cell("met", tone="good")
                if gate.get("met") is True
                else Cell("not met", tone="bad"),
            )
            for gate in release.gates
        ],
        caption="A gate compares the careful end of the 95 % interval, never the value alone.",
    )


def _parity(found: Parity | None) -> list[Block]:
    """Whether the served model is the trained one, in words and figures."""
    if found is None:
        return [Text("Whether the served model is the trained one was not measured.")]
    tone: Tone = "good" if found.agrees and found.shows else "bad"
    if not found.agrees:
        says = "The served model is not the trained one"
    elif not found.shows:
        says = "The tuning makes no difference to the served model"
    else:
        says = "The served model is the trained one"
    return [
        Callout(
            says,
            "The same replies were scored by the code that trains and by the code that serves. Two "
            "such codes never agree to the last digit; how far they differ on the base model is "
            "the measure: the tuned model may differ by twice that, and its tuning must make more "
            "of a difference.",
            tone,
        ),
        Facts(
            [
                ("tokens compared", f"{found.tokens:,}"),
                ("base model, difference", _nats(found.base)),
                ("tuned model, difference", f"{_nats(found.tuned)} (limit {_nats(found.limit)})"),
                ("effect of the tuning", _nats(found.effect)),
            ]
        ),
    ]


def _prompts(release: Release) -> list[Block]:
    """Whether the server puts a question as the evaluation did, and what stands in the prompt."""
    blocks: list[Block] = []
    found, way = release.agreement, release.way
    if found is not None:
        n = len(found.differ)
        says = "all as the evaluation did" if not n else f"{n} otherwise than the evaluation did"
        records = words.count(found.records, "validation record")
        blocks.append(Text(f"Of {records}, the server puts {says}, token by token."))
    if way.shots or (way.passages and not way.of_documents):
        why = (
            "Training records stand in the prompt, word for word. Whoever asks can have them "
            "written out, so only those may ask who may read these records."
        )
        blocks.append(Callout("The prompt holds training records", why, "unsure"))
    return blocks


def _searched(way: Way) -> list[tuple[str, str]]:
    names = words.listed(list(way.searched))
    return [("searched for each question", names)] if names else []


def _nats(value: float) -> str:
    return f"{value:.2g} nats per token"


def _estimate(gate: Mapping[str, Json]) -> Estimate | None:
    """The estimate that a gate was held against; None if it was not measured or is not finite."""
    found = gate.get("estimate")
    if not isinstance(found, dict):
        return None
    value, low, high = found.get("value"), found.get("low"), found.get("high")
    if not (
        isinstance(value, int | float)
        and isinstance(low, int | float)
        and isinstance(high, int | float)
    ):
        return None
    return Estimate(value, low, high, n=0, n_groups=0, method="")


def _measured(gate: Mapping[str, Json]) -> str:
    found = _estimate(gate)
    if found is None:
        return "not measured"
    return words.estimate(found, signed=gate.get("against") is not None)


def _bounds(gate: Mapping[str, Json]) -> str:
    """The end of the interval that was compared, with the decimals to see a near miss by."""
    found = _estimate(gate)
    if found is None:
        return ""
    ends = (("at_least", "lower end", found.low), ("at_most", "upper end", found.high))
    return ", ".join(
        f"{name} {words.decimal(end, 3)}" for key, name, end in ends if gate.get(key) is not None
    )


def _card(finding: Finding) -> FindingCard:
    severity, tone = SEVERITIES[finding.severity]
    return FindingCard(
        tone=tone,
        severity=severity,
        guard=words.plain(finding.guard),
        what=words.sentence(words.readable(finding.what)),
        details=[
            (name, words.readable(text))
            for name, text in (
                ("where", finding.where),
                ("evidence", finding.evidence),
                ("what to do", finding.remedy),
            )
            if text
        ],
    )


def _guards(release: Release) -> list[Block]:
    judged = words.listed([words.plain(name) for name in release.guards_judged]) or "none"
    blocks: list[Block] = [Text(f"Guards that have judged: {judged}.")]
    silent = {finding.guard for finding in release.findings if finding.unmeasured}
    silent |= set(release.guards_not_built)
    if silent:
        missing = words.listed([words.plain(name) for name in sorted(silent)])
        blocks.append(
            Callout(
                "Not judged",
                f"These guards could not judge, because something was not measured or stated: "
                f"{missing}. What they ask about is unknown, not safe.",
                "unsure",
            )
        )
    return blocks


def monitor_section(monitor: Monitor | None) -> Section:
    """The look at the model in use as a section."""
    return Section(
        id="monitor",
        title="In use",
        question="Is it still used on what it was made for?",
        blocks=() if monitor is None else _monitor(monitor),
        command="monitor",
    )


def _monitor(monitor: Monitor) -> list[Block]:
    said: dict[str, tuple[str, Tone]] = {
        "yes": ("The use has drifted", "bad"),
        "no": ("No drift", "good"),
        "not_enough_data": ("Not enough requests to tell", "unsure"),
    }
    title, tone = said[monitor.drifted]
    blocks: list[Block] = [
        Callout(title, words.sentence(monitor.proposal), tone),
        Text(
            f"{words.count(monitor.requests, 'request')} answered by release {monitor.release_id}, "
            "compared with what the model saw at release."
        ),
    ]
    if monitor.tests:
        blocks.append(
            Table(
                head=("feature", "at release", "now", "test", "p, corrected", "drifted?"),
                align="llllrl",
                rows=[
                    (
                        words.plain(test.feature),
                        test.reference,
                        test.now,
                        f"{test.test}: {words.number(test.statistic)}",
                        words.p_value(test.p_adjusted),
                        Cell(words.VERDICTS[test.drifted], tone=said[test.drifted][1]),
                    )
                    for test in monitor.tests
                ],
                caption="Numbers only: no text of a request is kept here.",
            )
        )
    return blocks
