"""Release: may it be used? Gates and guards answer; the bundle and the audit log keep the evidence.

A release is refused by a finding that blocks, by a gate that is not met or not measured, and when
no gate was set. A refusal is saved with its reasons before the error is raised.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import psutil

from medtune import __version__
from medtune.artifacts import (
    Artifact,
    DataCard,
    Decision,
    Evaluation,
    Parity,
    Release,
    TuneRecord,
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
from medtune.records import Application, Finding
from medtune.release.audit import AUDIT, append_audit, verify_audit
from medtune.release.bundle import EVIDENCE, build_bundle, content_id, remove_bundle
from medtune.release.card import model_card
from medtune.release.gate import GateResult, judge_gates, judge_parity

if TYPE_CHECKING:
    from medtune.llm.source import ModelFolder

__all__ = ["release", "verify_audit"]


def release(
    run: Run,
    app: Application,
    *,
    key: str,
    inputs: Mapping[str, str],
    base: "ModelFolder | None" = None,
    parity: Parity | None = None,
) -> Release:
    """Judge the run's artifacts and, if all allows it, build the bundle in `<out>/release`.

    Every attempt is one line of `<out>/audit.jsonl`. A refusal takes an older bundle away, because
    its weights are no longer those of the run. `base` names the weights underneath on the card;
    `parity` is how well the trained and the served model agree.

    Raises:
        GateError: The evidence does not allow it; `release.json` says why.
        DataError: An artifact is missing, was changed after it was written, or the audit log was.
    """
    out = run.out
    if (out / AUDIT).exists():
        verify_audit(out / AUDIT)
    evidence = _evidence(run, app, base)
    reference = _reference(out, app, evidence)
    judged = _judge(evidence, app, parity)
    unjudged = _unjudged(judged.findings)
    found = Release(
        key=key,
        inputs=dict(inputs),
        outputs={},
        medtune_version=__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        id=content_id(out, reference.model_dump_json()),
        released=not judged.reasons,
        scope="research" if unjudged else "intended use",
        reasons=judged.reasons,
        findings=judged.findings,
        guards_judged=[name for name in GUARDS if name not in unjudged],
        guards_not_built=[name for name, guard in GUARDS.items() if guard.judge is None],
        gates=[result.as_json() for result in judged.gates],
        parity=parity,
        intended_use=app.intended_use,
        not_for=app.not_for,
    )
    outputs = _publish(run, found, reference, model_card(found, evidence, app, base))
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


def _judge(evidence: Evidence, app: Application, parity: Parity | None) -> _Judgement:
    gates = judge_gates([*evidence.decision.gates, *app.gates], evidence.evaluation)
    findings = [
        finding
        for guard in GUARDS.values()
        if guard.judge is not None
        for finding in guard.judge(evidence)
    ]
    reasons = [f"gate {result.why}" for result in gates if not result.met]
    if not gates:
        reasons.append("no gate is set, so nothing was asked of the model")
    if parity is not None and (why := judge_parity(parity)) is not None:
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


def _publish(run: Run, found: Release, reference: Reference, card: str) -> dict[str, str]:
    """Put the bundle in place, or take the older one away; log the attempt; return the hashes."""
    out = run.out
    (out / Release.file).unlink(missing_ok=True)
    outputs: dict[str, str] = {}
    if found.released:
        texts = {
            "run.yaml": dump_run(run),
            "model_card.md": card,
            REFERENCE: reference.model_dump_json(indent=1) + "\n",
        }
        outputs = build_bundle(out, texts)
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
            "evidence": {artifact.file: sha256_file(out / artifact.file) for artifact in EVIDENCE},
            "medtune": __version__,
        },
    )
    return {**outputs, AUDIT: sha256_file(out / AUDIT)}


def _evidence(run: Run, app: Application, base: "ModelFolder | None") -> Evidence:
    out = run.out
    evidence = Evidence(
        run=run,
        data=DataCard.load(out),
        decision=Decision.load(out),
        tune=TuneRecord.load(out),
        evaluation=Evaluation.load(out),
        facts=Facts(
            intended_use=app.intended_use,
            not_for=app.not_for,
            model_licence="" if base is None else base.licence,
            machine_memory_gb=psutil.virtual_memory().total / 1e9,
            lower_is_better=app.lower_is_better,
        ),
    )
    _must_be_intact(out, [evidence.data, evidence.decision, evidence.tune, evidence.evaluation])
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
