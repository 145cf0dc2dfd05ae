"""The small tunes: the learning curve, and a tune on prompts with retrieved passages."""

import gc
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from medtune.artifacts import CurvePoint, Recipe
from medtune.decide.baselines import Arm
from medtune.decide.compare import SMALL_TUNE, TUNE_RETRIEVAL
from medtune.decide.draw import draw_few, ladder
from medtune.decide.kept import kept
from medtune.decide.projection import Ladder
from medtune.decide.prompting import RETRIEVAL, Desk, task_of
from medtune.llm.load import LanguageModel
from medtune.llm.predict import predict
from medtune.records import Application, ArmResult, Example, Prediction

SmallTune = Callable[[Application, Sequence[Example], int, Path], tuple[LanguageModel, float]]
"""Tunes the base model on examples, with a seed, in a folder; gives the model and the seconds of
training. Called again with the same, it returns at once."""
Workshop = Callable[[str], LanguageModel]
"""The tuned model of an arm's name."""
Retention = Callable[[LanguageModel], Mapping[str, Sequence[Prediction]]]
"""Asks a model what it should not forget: predictions by suite; one may be called `safety`."""


@dataclass(frozen=True, slots=True)
class Handed:
    """What the pipeline hands over, for stages do not import each other."""

    small_tune: SmallTune
    documents: Sequence[Path] = ()
    """The files of `decide.documents`."""
    offline: bool = False
    retention: Retention | None = None


@dataclass(frozen=True, slots=True)
class Tune:
    """One tune of the experiment."""

    name: str
    """Of its arm."""
    app: Application
    """How it is asked, in training and in use."""
    examples: int
    seed: int


def tunes_of(desk: Desk, recipes: Mapping[str, Recipe]) -> list[Tune]:
    """The tunes of the curve, the smallest first, then the one with retrieval, if it is another.

    Where retrieval is mandatory, the curve itself is of tunes with retrieval.
    """
    settings = desk.run.decide
    if not settings.may_learn:
        return []
    retrieving = task_of(desk, recipes[RETRIEVAL]) if settings.documents else desk.app
    top = TUNE_RETRIEVAL if settings.must_retrieve else SMALL_TUNE
    app = retrieving if settings.must_retrieve else desk.app
    rungs = ladder(min(settings.tune_examples, len(desk.train)))
    tunes = [
        Tune(
            top if n == rungs[-1][0] and seed == 0 else f"tune_{n}_{seed}",
            app,
            n,
            desk.run.seed + seed,
        )
        for n, seed in rungs
    ]
    if settings.documents and not settings.must_retrieve:
        tunes.append(Tune(TUNE_RETRIEVAL, retrieving, rungs[-1][0], desk.run.seed))
    return tunes


def workshop(desk: Desk, tunes: Sequence[Tune], small_tune: SmallTune, key: str) -> Workshop:
    """Gives the tuned model of a name, and trains it if it must; holds one at a time."""
    by_name = {tune.name: tune for tune in tunes}

    @lru_cache(maxsize=1)
    def trained(name: str) -> LanguageModel:
        trained.cache_clear()  # else the one before would be held while this one is trained
        gc.collect()  # modules refer to each other in circles
        tune = by_name[name]
        few = draw_few(desk.train, tune.examples, seed=tune.seed)
        model, seconds = small_tune(tune.app, few, tune.seed, _folder(desk, tune))
        kept(_seconds(desk, tune), key, lambda: {"seconds": seconds})
        return model

    return trained


def tuned_arm(desk: Desk, tune: Tune, trained: Workshop) -> Arm:
    """The arm of a tune: trained at the first question."""

    def arm(examples: Sequence[Example]) -> ArmResult:
        model, what = trained(tune.name), tune.name.replace("_", " ")
        result = predict(model, tune.app, examples, settings=desk.run.evaluate, what=what)
        about = f"the base model tuned on {tune.examples} training examples: {result.about}"
        return replace(result, name=tune.name, about=about)

    return arm


def training_seconds(desk: Desk, tune: Tune, key: str) -> float:
    """Wall time of the training, as it was when it was done."""
    found = kept(_seconds(desk, tune), key, lambda: {"seconds": 0.0})
    return float(str(found["seconds"]))


def sweep(desk: Desk, tune: Tune) -> None:
    """Delete the adapter of a tune that is asked no more."""
    shutil.rmtree(_folder(desk, tune), ignore_errors=True)


def as_ladder(desk: Desk, tunes: Sequence[Tune], key: str) -> Ladder:
    """The tunes of the curve."""
    rungs = [tune for tune in tunes if tune.app is tunes[0].app]
    points = [
        CurvePoint(
            examples=tune.examples,
            seed=tune.seed,
            value=0.0,
            seconds=training_seconds(desk, tune, key),
        )
        for tune in rungs
    ]
    return Ladder([tune.name for tune in rungs], points, len(desk.train))


def _folder(desk: Desk, tune: Tune) -> Path:
    return desk.run.out / "decide" / "tunes" / tune.name


def _seconds(desk: Desk, tune: Tune) -> Path:
    return desk.run.out / "decide" / f"{tune.name}.tune.json"
