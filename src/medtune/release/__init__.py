"""Release: may it be used? Gates and guards answer; the bundle and the audit log keep the evidence.

A release is refused by a finding that blocks, by a gate that is not met or not measured, and when
no gate was set. A refusal is saved with its reasons before the error is raised.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from medtune import __version__
from medtune.artifacts import (
    PLAIN_TUNE,
    Agreement,
    Artifact,
    DataCard,
    Decision,
    Evaluation,
    Parity,
    Prompt,
    Release,
    TuneRecord,
    Way,
    read_examples,
    sha256_file,
)
from medtune.config import Run, dump_run
from medtune.errors import DataError, GateError
from medtune.features import (
    NO_LABEL,
    REFERENCE,
    Reference,
    last_user_text,
    shared_instruction,
    summarise_features,
)
from medtune.guards import GUARDS, Evidence, Facts
from medtune.llm.memory import there_is
from medtune.records import Application, Finding
from medtune.release.audit import AUDIT, append_audit, verify_audit
from medtune.release.bundle import build_bundle, content_id, evidence_of, remove_bundle
from medtune.release.card import model_card
from medtune.release.gate import (
    GateResult,
    gates_of,
    judge_gates,
    judge_parity,
    judge_prompts,
)

if TYPE_CHECKING:
    from medtune.llm.source import ModelFolder

__all__ = ["Shown", "release", "verify_audit"]

NOTE = (
    "The turns are training records, as they were put to the model: keep this file as you keep "
    "them, and let nobody ask this release who may not read them."
)


class Shown(NamedTuple):
    """What is to be released, and what was shown of how it is served."""

    way: Way = PLAIN_TUNE
    prompt: Prompt | None = None
    """What is put around a question; None for the application's own prompt."""
    agreement: Agreement | None = None
    """Of the server's prompts with those of the evaluation."""
    parity: Parity | None = None
    """How well the trained and the served model agree."""
    documents: Sequence[Path] = ()
    """Files that are searched and go into the bundle."""


def release(
    run: Run,
    app: Application,
    *,
    key: str,
    inputs: Mapping[str, str],
    base: "ModelFolder | None" = None,
    shown: Shown = Shown(),  # noqa: B008  it is frozen
) -> Release:
    """Judge the run's artifacts and, if all allows it, build the bundle in `<out>/release`.

    Every attempt is one line of `<out>/audit.jsonl`. A refusal takes an older bundle away, because
    it is no longer what the run made. `base` names the weights underneath on the card, and `app`
    is the task as it writes its own prompt, which a user of the server writes, too.

    Raises:
        GateError: The evidence does not allow it; `release.json` says why.
        DataError: An artifact is missing, was changed after it was written, or the audit log was.
    """
    out = run.out
    if (out / AUDIT).exists():
        verify_audit(out / AUDIT)
    evidence = _evidence(run, app, base, shown.way)
    reference = _reference(out, app, evidence)
    judged = _judge(evidence, app, shown)
    texts = {REFERENCE: reference.model_dump_json(indent=1) + "\n", **_prompt_file(shown)}
    unjudged = _unjudged(judged.findings)
    found = Release(
        key=key,
        inputs=dict(inputs),
        outputs={},
        medtune_version=__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        id=content_id(out, texts, shown.way),
        released=not judged.reasons,
        scope="research" if unjudged else "intended use",
        reasons=judged.reasons,
        findings=judged.findings,
        guards_judged=[name for name in GUARDS if name not in unjudged],
        guards_not_built=[name for name, guard in GUARDS.items() if guard.judge is None],
        gates=[result.as_json() for result in judged.gates],
        parity=shown.parity,
        way=shown.way,
        agreement=shown.agreement,
        intended_use=app.intended_use,
        not_for=app.not_for,
    )
    texts |= {"run.yaml": dump_run(run), "model_card.md": model_card(found, evidence, app, base)}
    outputs = _publish(out, found, texts, shown.documents)
    saved = found.model_copy(update={"outputs": outputs})
    saved.save(out)
    if not saved.released:
        reasons = "\n".join(f"  {reason}" for reason in saved.reasons)
        raise GateError(
            f"{out / Release.file}: not released:\n{reasons}\nmend these and run the chain again; "
            "a gate is never lowered after the test was seen"
        )
    return saved


class _Judgement(NamedTuple):
    gates: list[GateResult]
    findings: list[Finding]
    reasons: list[str]
    """Why not; empty when it may be released."""


def _judge(evidence: Evidence, app: Application, shown: Shown) -> _Judgement:
    gates = judge_gates(gates_of(evidence.decision, app.gates, shown.way), evidence.evaluation)
    findings = [
        finding
        for guard in GUARDS.values()
        if guard.judge is not None
        for finding in guard.judge(evidence)
    ]
    reasons = [f"gate {result.why}" for result in gates if not result.met]
    if not gates:
        reasons.append("no gate is set, so nothing was asked of the model")
    if shown.parity is not None and (why := judge_parity(shown.parity)) is not None:
        reasons.append(why)
    if shown.agreement is not None and (why := judge_prompts(shown.agreement)) is not None:
        reasons.append(why)
    reasons += [
        f"{finding.guard}: {finding.what}: {finding.evidence}; {finding.remedy}"
        for finding in findings
        if finding.severity == "block"
    ]
    return _Judgement(gates, findings, reasons)


def _unjudged(findings: Sequence[Finding]) -> set[str]:
    """The guards that are not built, and those that could not judge: nothing was measured."""
    not_built = {name for name, guard in GUARDS.items() if guard.judge is None}
    return not_built | {finding.guard for finding in findings if finding.unmeasured}


def _prompt_file(shown: Shown) -> dict[str, str]:
    """The prompt's file by its name, if there is one."""
    if shown.prompt is None:
        return {}
    noted = shown.prompt.model_copy(update={"note": NOTE if shown.prompt.turns else ""})
    return {Prompt.file: noted.model_dump_json(indent=1) + "\n"}


def _publish(
    out: Path, found: Release, texts: Mapping[str, str], documents: Sequence[Path]
) -> dict[str, str]:
    """Put the bundle in place, or take the older one away; log the attempt; return the hashes."""
    (out / Release.file).unlink(missing_ok=True)
    outputs: dict[str, str] = {}
    if found.released:
        outputs = build_bundle(out, texts, found.way, documents)
    else:
        remove_bundle(out)
    append_audit(
        out / AUDIT,
        {
            "event": "release",
            "release_id": found.id,
            "released": found.released,
            "scope": found.scope,
            "reasons": [*found.reasons],
            "evidence": {
                artifact.file: sha256_file(out / artifact.file)
                for artifact in evidence_of(found.way)
            },
            "medtune": __version__,
        },
    )
    return {**outputs, AUDIT: sha256_file(out / AUDIT)}


def _evidence(run: Run, app: Application, base: "ModelFolder | None", way: Way) -> Evidence:
    out = run.out
    evidence = Evidence(
        run=run,
        data=DataCard.load(out),
        decision=Decision.load(out),
        tune=TuneRecord.load(out) if way.is_tuned else None,
        evaluation=Evaluation.load(out),
        facts=Facts(
            intended_use=app.intended_use,
            not_for=app.not_for,
            model_licence="" if base is None else base.licence,
            machine_memory_gb=there_is() / 1e9,
            lower_is_better=app.lower_is_better,
        ),
    )
    made = (evidence.data, evidence.decision, evidence.tune, evidence.evaluation)
    _must_be_intact(out, [one for one in made if one is not None])
    if evidence.evaluation.way != way:
        raise DataError(
            f"{out / Evaluation.file}: of another way ({evidence.evaluation.way.name}) than is to "
            "be released; run medtune evaluate again"
        )
    return evidence


def _must_be_intact(out: Path, artifacts: Sequence[Artifact]) -> None:
    changed = [
        name
        for artifact in artifacts
        for name, digest in artifact.outputs.items()
        if not (out / name).is_file() or sha256_file(out / name) != digest
    ]
    if changed:
        raise DataError(
            f"{out}: changed or missing since the stage that wrote it: {', '.join(changed)}; "
            "run the chain again, so that the evidence is about these files"
        )


def _reference(out: Path, app: Application, evidence: Evidence) -> Reference:
    """What the monitor will compare with: validation input, and answers on the sealed test."""
    examples = read_examples(out / "validation.jsonl")
    prompts = [app.prompt(example) for example in examples]
    confusion = evidence.evaluation.confusion
    labels = sorted(
        {*confusion, *(name for split in evidence.data.labels.values() for name in split)}
    )
    answers = dict.fromkeys([*labels, NO_LABEL], 0) if confusion else {}
    for row in confusion.values():
        for answer, n in row.items():
            answers[answer if answer in answers else NO_LABEL] += n
    return Reference(
        features=summarise_features([last_user_text(prompt) for prompt in prompts]),
        answers=answers,
        instruction=shared_instruction(prompts),
    )
