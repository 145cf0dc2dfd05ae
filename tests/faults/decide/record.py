"""A decision that is not what it says, or that was changed afterwards."""

import dataclasses
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

from faults import Fault
from faults.decide.work import Work, clean
from medtune.artifacts import (
    DataCard,
    Decision,
    TuneRecord,
    canonical_sha256,
    read_predictions,
    sha256_file,
    write_predictions,
)
from medtune.decide.audit import audit
from medtune.errors import MedtuneError
from medtune.pipeline.stages import refuse_stale
from medtune.records import Gate


def _audited(work: Work) -> str:
    return "; ".join(audit(work.out, Decision.load(work.out)))


def _linked(work: Work) -> str:
    """What the pipeline says before a release."""
    try:
        refuse_stale(work.out)
    except MedtuneError as error:
        return str(error)
    return ""


def _edited(change: dict[str, object], work: Work) -> Work:
    """Change decision.json as one would with an editor: the signature stays."""
    Decision.load(work.out).model_copy(update=change).save(work.out)
    return work


def _signed_anew(change: Callable[[Decision], dict[str, object]], work: Work) -> Work:
    """Change the decision and sign it again, as one who knows the code would."""
    found = Decision.load(work.out)
    found.model_copy(update=change(found)).signed().save(work.out)
    return work


def _answers(change: Callable[[list], list], work: Work, *, arm: str = "few_shot") -> Work:
    """Change the answers of an arm, and the decision's hash of them."""
    path = work.out / "decide" / f"{arm}.jsonl"
    write_predictions(path, change(read_predictions(path)))
    name = str(path.relative_to(work.out))
    return _signed_anew(lambda found: {"outputs": found.outputs | {name: sha256_file(path)}}, work)


def _of_test(predictions: list) -> list:
    return [*predictions[:-1], dataclasses.replace(predictions[-1], id="test000")]


def _altered(work: Work) -> Work:
    path = work.out / "decide" / "zero_shot.jsonl"
    write_predictions(path, [dataclasses.replace(p, answer="yes") for p in read_predictions(path)])
    return work


def _failed_as_wrong(work: Work) -> Work:
    """A failed answer that the summary counts as an unread one."""
    work = _answers(
        lambda some: [dataclasses.replace(some[0], answer=None, failed=True), *some[1:]], work
    )
    return work


def _unequal(found: Decision) -> dict[str, object]:
    more = found.recipes["few_shot"].model_copy(
        update={"tried": {"one": 0.1, "two": 0.2, "three": 0.3}}
    )
    return {"recipes": found.recipes | {"few_shot": more}}


def _shot_of_validation(found: Decision) -> dict[str, object]:
    shown = found.recipes["few_shot"].model_copy(update={"shots": ["validation001"]})
    return {"recipes": found.recipes | {"few_shot": shown}}


def _third_look(work: Work) -> Work:
    path = work.out / "decide" / "looks.json"
    path.write_text(json.dumps(["a", "b", "key"]), encoding="utf-8")
    return work


def _split_anew(work: Work) -> Work:
    card = DataCard.load(work.out)
    outputs = card.outputs | {"validation.jsonl": canonical_sha256({"split": "anew"})}
    card.model_copy(update={"outputs": outputs}).save(work.out)
    return work


def _chain(folder: Path) -> Work:
    """A whole chain, of which the tune was made from the decision."""
    work = clean(folder)
    assert TuneRecord.load(work.out).inputs["decision"] == Decision.load(work.out).signature
    return work


FAULTS = (
    Fault(
        "a verdict changed after the tune", partial(_edited, {"verdict": "yes"}), _chain, _linked
    ),
    Fault(
        "gates loosened after the tune",
        partial(_edited, {"gates": [Gate("macro_f1", at_least=-1.0, against="majority")]}),
        _chain,
        _linked,
    ),
    Fault(
        "gates loosened after the tune, and the decision signed again",
        partial(_signed_anew, lambda _: {"gates": [Gate("macro_f1", at_least=-1.0)]}),
        _chain,
        _linked,
    ),
    Fault("a decision about other validation records", _split_anew, _chain, _linked),
    Fault(
        "a yes that the numbers do not carry",
        partial(_signed_anew, lambda _: {"verdict": "yes", "recommendation": "tune"}),
        clean,
        _audited,
    ),
    Fault("an arm that answered a test record", partial(_answers, _of_test), clean, _audited),
    Fault(
        "an arm that answered fewer records than the others",
        partial(_answers, lambda some: some[:-4]),
        clean,
        _audited,
    ),
    Fault("an arm that may try more prompts", partial(_signed_anew, _unequal), clean, _audited),
    Fault(
        "a worked example out of validation",
        partial(_signed_anew, _shot_of_validation),
        clean,
        _audited,
    ),
    Fault("answers altered after the decision", _altered, clean, _audited),
    Fault("a failed answer counted as a wrong one", _failed_as_wrong, clean, _audited),
    Fault("earlier looks that were not counted", _third_look, clean, _audited),
    Fault(
        "a rule rewritten after the numbers were seen",
        partial(_signed_anew, lambda _: {"rule": "Tune if the tune is ahead."}),
        clean,
        _audited,
    ),
    Fault(
        "a decision without a gate", partial(_signed_anew, lambda _: {"gates": []}), clean, _audited
    ),
    Fault(
        "a tune on records that may not be learned from",
        partial(_signed_anew, lambda d: {"facts": d.facts.model_copy(update={"may_learn": False})}),
        clean,
        _audited,
    ),
)
