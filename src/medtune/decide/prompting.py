"""The prompting arms: zero-shot, few-shot, retrieval, and an outside model.

Each ends with the prompt that did best on a part of train, out of the same number of prompts for
every arm. Validation is not touched by the search.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

from medtune.artifacts import DataCard, Recipe
from medtune.config import Run
from medtune.decide.baselines import Arm, baselines
from medtune.decide.draw import choose_shots, draw_few
from medtune.decide.outside import Outside
from medtune.errors import UndefinedMetric
from medtune.llm.load import LanguageModel
from medtune.llm.predict import predict
from medtune.progress import say
from medtune.records import Application, ArmResult, Example, Message, Prediction
from medtune.ways import Asking, Library, always, library, prompt_of, wordings

ZERO_SHOT, FEW_SHOT, RETRIEVAL, ENDPOINT = "zero_shot", "few_shot", "retrieval", "endpoint"
PROMPTS = (ZERO_SHOT, FEW_SHOT, RETRIEVAL, ENDPOINT)
FEWEST_TO_SEARCH = 8
"""With fewer training examples left to compare prompts on, every arm takes its first prompt."""


@dataclass(frozen=True)
class Desk:
    """What the prompting arms share; each thing is made on first use."""

    run: Run
    app: Application
    train: Sequence[Example]
    model: LanguageModel
    documents: Sequence[Path] = ()
    offline: bool = False

    @cached_property
    def library(self) -> Library:
        """What retrieval searches."""
        return library(self.app, self.train, self.documents)

    @cached_property
    def outside(self) -> Outside:
        """The outside model."""
        assert self.run.decide.endpoint is not None, "there is such an arm only then"
        return Outside.of(self.run.decide.endpoint, self.run.evaluate, offline=self.offline)

    @cached_property
    def longest(self) -> int:
        """Tokens of the longest record of any split, reply included."""
        return max(split.longest for split in DataCard.load(self.run.out).splits.values())

    def fits(self, messages: Sequence[Message]) -> bool:
        """Whether a prompt leaves room for a reply."""
        tokens = len(self.model.renderer.prompt(messages))
        return tokens + self.run.evaluate.max_new_tokens <= self.model.context_tokens

    def fits_all(self, asked: Application) -> bool:
        """Whether what a way of asking adds fits beside the longest record."""
        bare, more = (
            len(self.model.renderer.prompt(app.prompt(self.train[0]))) for app in (self.app, asked)
        )
        room = self.model.context_tokens - self.run.evaluate.max_new_tokens
        return self.longest + more - bare <= room


def arms(desk: Desk, recipes: Mapping[str, Recipe]) -> dict[str, Arm]:
    """The arms that need no training of a language model, by name: functions to answers.

    All see the same text, that of the application's prompt, and learn from the same train split.
    """
    found = baselines(desk.app, desk.train, desk.model.eyes)
    return found | {name: prompted(desk, name, recipe) for name, recipe in recipes.items()}


def recipes_of(desk: Desk) -> dict[str, list[Recipe]]:
    """The prompts that each prompting arm tries: as many for each.

    An arm has a wording of its own in each try; few-shot has other worked examples in each, and
    retrieval takes half of the passages in every second.
    """
    settings, seed = desk.run.decide, desk.run.seed
    known = wordings(desk.app, desk.train, settings.instructions)
    fit = [name for name in known if desk.fits_all(_bare(desk, _recipe(name)))]
    names = (fit or known[:1])[: settings.prompt_budget]
    tries: dict[str, list[Recipe]] = {ZERO_SHOT: [_recipe(name) for name in names]}
    shown = [[shot.id for shot in _fitting(desk, name, seed + i)] for i, name in enumerate(names)]
    if min(map(len, shown)) > 0:
        tries[FEW_SHOT] = [_recipe(name, shots=ids) for name, ids in zip(names, shown, strict=True)]
    halves = (settings.passages, max(1, settings.passages // 2))
    if settings.passages:
        tries[RETRIEVAL] = [_recipe(name, passages=halves[i % 2]) for i, name in enumerate(names)]
    if settings.endpoint is not None:
        tries[ENDPOINT] = [_recipe(name) for name in names]
    return tries


def search_part(desk: Desk, tries: Mapping[str, Sequence[Recipe]]) -> list[Example]:
    """The training examples to compare prompts on, the same for all arms.

    None is of the group of a worked example. Empty if too few are left. Where the deciding metric
    has no value on those drawn (a sensitivity without a positive), up to 8 more on which it has one
    come to them.
    """
    used = {shot for recipes in tries.values() for recipe in recipes for shot in recipe.shots}
    groups = {example.group for example in desk.train if example.id in used}
    free = [example for example in desk.train if example.group not in groups]
    found = draw_few(free, desk.run.decide.search_examples, seed=desk.run.seed)
    if found and not _has_value(desk.app, found):
        drawn = {example.id for example in found}
        rare = [e for e in free if e.id not in drawn and _has_value(desk.app, [e])]
        found = [*found, *draw_few(rare, FEWEST_TO_SEARCH, seed=desk.run.seed)]
    return found if len(found) >= FEWEST_TO_SEARCH else []


def _has_value(app: Application, examples: Sequence[Example]) -> bool:
    """Whether the deciding metric has a value where every answer is the target."""
    try:
        app.metrics[app.primary](right_answers(app, examples))
    except UndefinedMetric:
        return False
    return True


def right_answers(app: Application, examples: Sequence[Example]) -> list[Prediction]:
    """What an arm that is always right would answer."""
    return [
        Prediction(e.id, e.group, e.target, app.parse(e, app.reply(e)), subgroups=e.subgroups)
        for e in examples
    ]


def search(desk: Desk, name: str, tries: Sequence[Recipe], examples: Sequence[Example]) -> Recipe:
    """The recipe that does best on `examples`; the first, if there are none to compare on.

    One whose answers all failed, or give the metric no value, comes last.
    """
    if not examples or len(tries) == 1:
        return tries[0]
    metric = desk.app.metrics[desk.app.primary]
    sign = -1 if desk.app.primary in desk.app.lower_is_better else 1
    values: list[float | None] = []
    for recipe in tries:
        say(f"decide: {name.replace('_', '-')}, prompt {len(values) + 1} of {len(tries)}")
        result = prompted(desk, name, recipe)(examples)
        counted = [p for p in result.predictions if not p.failed]
        try:
            values.append(metric(counted) if counted else None)
        except UndefinedMetric:
            values.append(None)
    ranks = [float("-inf") if value is None else sign * value for value in values]
    best = tries[max(range(len(tries)), key=ranks.__getitem__)]
    tried = {_label(recipe): value for recipe, value in zip(tries, values, strict=True)}
    return best.model_copy(update={"tried": tried, "n_search": len(examples)})


def prompted(desk: Desk, name: str, recipe: Recipe) -> Arm:
    """The arm that asks by a recipe."""
    app = task_of(desk, recipe)
    if name == ENDPOINT:
        return partial(desk.outside.answers, app, about=_words(recipe))

    def arm(examples: Sequence[Example]) -> ArmResult:
        settings, what = desk.run.evaluate, name.replace("_", "-")
        result = predict(desk.model, app, examples, settings=settings, what=what)
        how = result.about.split(";")[0]
        about = (
            f"base model {desk.model.folder.name}: {how}; {_words(recipe)}; "
            f"{desk.model.numerics.dtype}"
        )
        return replace(result, name=name, about=about)

    return arm


def task_of(desk: Desk, recipe: Recipe) -> Application:
    """The task as a recipe puts it, with as many passages as fit the context."""
    prompt = prompt_of(desk.app, desk.train, recipe, desk.run.decide.instructions)
    searched = desk.library if recipe.passages else None
    return Asking(desk.app, prompt, searched, desk.fits).task


def _bare(desk: Desk, recipe: Recipe) -> Application:
    """The task as a recipe puts it, with nothing searched."""
    prompt = prompt_of(desk.app, desk.train, recipe, desk.run.decide.instructions)
    return Asking(desk.app, prompt, None, always).task


def _fitting(desk: Desk, wording: str, seed: int) -> list[Example]:
    """As many worked examples, the last first, as fit the context beside the longest record."""
    wanted = desk.run.decide.shots
    shots = choose_shots(desk.app, desk.train, wanted, seed=seed)
    kept = list(shots)
    while kept:
        if desk.fits_all(_bare(desk, _recipe(wording, shots=[shot.id for shot in kept]))):
            break
        kept.pop(0)
    if len(kept) < wanted:
        why = "more do not fit" if len(kept) < len(shots) else "train has no more groups"
        say(f"decide: {len(kept)} of {wanted} worked examples: {why}")
    return kept


def _recipe(wording: str, *, shots: Sequence[str] = (), passages: int = 0) -> Recipe:
    return Recipe(wording=wording, shots=list(shots), passages=passages, tried={}, n_search=0)


def _label(recipe: Recipe) -> str:
    return _words(recipe) + (f" from {recipe.shots[0]} on" if recipe.shots else "")


def _words(recipe: Recipe) -> str:
    """What is put around the question, in words."""
    parts = [f"instruction {recipe.wording}"]
    if recipe.shots:
        parts.append(f"{len(recipe.shots)} worked examples")
    if recipe.passages:
        parts.append(f"up to {recipe.passages} passages found for each question")
    return ", ".join(parts)
