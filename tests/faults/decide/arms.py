"""Arms that would cheat, or that would send records where they may not go."""

import dataclasses
import json
from functools import partial
from pathlib import Path

from pydantic import ValidationError
from tiny_study import APP, examples

from faults import Fault
from medtune.config import DecideSection, EndpointSection, EvaluateSection
from medtune.decide.compare import sheet, useful
from medtune.decide.outside import Outside
from medtune.errors import MedtuneError
from medtune.metrics import accuracy
from medtune.records import Application, ArmResult, Example, Message, Objective, Prediction
from medtune.ways import library

Settings = dict[str, object]


def _records() -> list[Example]:
    return [
        Example(
            id=f"r{i}",
            group=f"g{i}",
            fields={
                "text": f"Which drug thins blood in case {i}?",
                "options": json.dumps([f"drug{i}", f"other{i}"]),
            },
            target=f"drug{i}",
        )
        for i in range(20)
    ]


def _choice(folder: Path) -> Application:
    del folder
    return dataclasses.replace(
        APP,
        choices=lambda example: json.loads(example.fields["options"]),
        prompt=lambda example: [Message("user", example.fields["text"])],
        question=lambda example: example.fields["text"],
    )


def _with_options(app: Application) -> Application:
    return dataclasses.replace(app, question=lambda example: " ".join(example.fields.values()))


def _indexed(app: Application) -> str:
    try:
        library(app, _records(), [])
    except MedtuneError as error:
        return str(error)
    return ""


def _settings(folder: Path) -> Settings:
    path = folder / "guide.txt"
    path.write_text("A passage.\n", encoding="utf-8")
    endpoint = {"base_url": "http://127.0.0.1:9/v1", "model": "big", "sends_text": True}
    return {
        "must_cite": True,
        "documents": [{"source": f"path:{path}"}],
        "endpoint": endpoint,
    }


def _without(key: str, settings: Settings) -> Settings:
    return {name: value for name, value in settings.items() if name != key}


def _unsaid(settings: Settings) -> Settings:
    return settings | {"endpoint": {"base_url": "http://127.0.0.1:9/v1", "model": "big"}}


def _validated(settings: Settings) -> str:
    try:
        DecideSection.model_validate(settings)
    except ValidationError as error:
        return "; ".join(fault["msg"] for fault in error.errors())
    return ""


def _online(folder: Path) -> tuple[EndpointSection, bool]:
    del folder
    return EndpointSection(base_url="http://127.0.0.1:9/v1", model="big", sends_text=True), False


def _opened(work: tuple[EndpointSection, bool]) -> str:
    section, offline = work
    try:
        Outside.of(section, EvaluateSection(), offline=offline)
    except MedtuneError as error:
        return str(error)
    return ""


def _no_key(work: tuple[EndpointSection, bool]) -> tuple[EndpointSection, bool]:
    return work[0].model_copy(update={"key_env": "MEDTUNE_NO_SUCH_KEY"}), False


def _sorted(folder: Path) -> list[Prediction]:
    """An arm that knows 600 answers, in a file that is sorted by label."""
    asked = sorted(examples(600, "v"), key=lambda e: (e.target == "yes", e.id))
    return [Prediction(e.id, e.id, e.target, e.target) for e in asked]


def _all_yes(known: list[Prediction]) -> list[Prediction]:
    return [dataclasses.replace(p, answer="yes") for p in known]


def _guessed(answers: list[Prediction]) -> str:
    """What is said against an arm by its lift over guessing."""
    arms_ = [ArmResult(name, "", answers, 1.0, 0) for name in ("majority", "zero_shot")]
    objective = Objective("accuracy", accuracy, lambda p: True, 1.0)
    asked = examples(600, "v")
    numbers = sheet(APP, objective, asked, arms_, resamples=200, seed=0)
    (lift,) = (o for o in useful(numbers, ["zero_shot"]) if o.against == "guessing")
    return "" if lift.verdict == "yes" else f"{lift.verdict} better than guessing"


FAULTS = (
    Fault("one answer to all, in a file sorted by label", _all_yes, _sorted, _guessed),
    Fault("options in the retrieval query", _with_options, _choice, _indexed),
    Fault("records sent outside without leave", _unsaid, _settings, _validated),
    Fault(
        "citations asked for without documents",
        partial(_without, "documents"),
        _settings,
        _validated,
    ),
    Fault("an outside model under --offline", lambda work: (work[0], True), _online, _opened),
    Fault("an outside model without its key", _no_key, _online, _opened),
)
