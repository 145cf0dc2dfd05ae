"""What every part of the evaluation works with, and how it says that it could not measure."""

import json
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from medtune import artifacts, stats
from medtune.artifacts import Way
from medtune.config import Run
from medtune.errors import MedtuneError, UndefinedMetric
from medtune.evaluate.subject import Subject
from medtune.measure import arm_files, more_is_better, resumed
from medtune.records import (
    Application,
    ArmResult,
    Estimate,
    Example,
    Json,
    Message,
    Metric,
    Prediction,
)

T = TypeVar("T")

FOLDER = "evaluate"
UNCHANGED = "nothing was tuned: the weights are the base model's, and unchanged"


class NotMeasured(Exception):
    """A part cannot be measured here. The message goes into the evaluation and the report."""


@dataclass(frozen=True)
class Bench:
    """The run, the task, the models and the sealed test."""

    run: Run
    app: Application
    """The task as it is asked in the way under test."""
    tuned: Subject
    """What is under test: the base model itself where nothing was tuned."""
    base: Subject
    key: str
    """Hash of all that the stage depends on."""
    test: Sequence[Example] = field(repr=False)
    answers: ArmResult = field(repr=False)
    """The answers of the way under test."""
    way: Way
    plain: Application
    """The task as it writes its own prompt: the base model is asked so."""
    files: dict[str, str] = field(default_factory=dict[str, str])
    """SHA-256 of what the parts wrote, by path relative to the run's folder; they add to it."""
    missing: dict[str, str] = field(default_factory=dict[str, str])
    """What was not measured, and why; the parts add to it."""

    def tried(self, what: str, make: Callable[[], T]) -> T | None:
        """What `make` gives; None where that cannot be measured, and `missing` says why.

        Args:
            what: A part, or one of its rows as "part: row".
            make: Measures it.
        """
        try:
            return make()
        except (NotMeasured, UndefinedMetric) as reason:
            self.missing[what] = str(reason)
            return None

    def needs_tuning(self) -> None:
        """Raise where the question is what a tuning changed, and nothing was tuned.

        Raises:
            NotMeasured: The weights are the base model's.
        """
        if not self.way.is_tuned:
            raise NotMeasured(UNCHANGED)

    @property
    def metric(self) -> Metric:
        """The primary metric, turned so that more is better."""
        return more_is_better(self.app)

    def drawn(self, items: Sequence[T], n: int) -> list[T]:
        """At most `n` of them, drawn by the run's seed, in the order given."""
        chance = random.Random(f"drawn/{self.run.seed}")  # noqa: S311  no secret
        places = sorted(chance.sample(range(len(items)), min(n, len(items))))
        return [items[place] for place in places]

    def estimate(self, metric: Metric, predictions: Sequence[Prediction]) -> Estimate:
        """The metric with its interval.

        Raises:
            NotMeasured: The predictions are of too few groups.
        """
        _refuse_few(p.group for p in predictions)
        return stats.bootstrap(
            metric, predictions, resamples=self.run.evaluate.resamples, seed=self.run.seed
        )

    def mean(self, values: Sequence[tuple[str, float]], *, lowest: float = 0.0) -> Estimate:
        """The mean of numbers, each with its group, and its interval.

        Raises:
            NotMeasured: They are of too few groups.
        """
        _refuse_few(group for group, _ in values)
        return stats.bootstrap_mean(
            values, resamples=self.run.evaluate.resamples, seed=self.run.seed, lowest=lowest
        )

    def change(self, after: Sequence[Prediction], before: Sequence[Prediction]) -> stats.Paired:
        """The paired change of the primary metric; negative is worse.

        Raises:
            NotMeasured: The predictions are of too few groups.
        """
        _refuse_few(p.group for p in after)
        return stats.paired(
            self.metric,
            after,
            before,
            resamples=self.run.evaluate.resamples,
            seed=self.run.seed,
        )

    def answered(
        self, subject: Subject, part: str, app: Application, examples: Sequence[Example]
    ) -> ArmResult:
        """The subject's answers, kept in `evaluate/<part>-<subject>.jsonl` and taken from there."""
        name = f"{part}-{subject.name}"
        path = self.run.out / FOLDER / f"{name}.jsonl"
        result = resumed(
            path,
            key=self.key,
            name=name,
            examples=examples,
            run=lambda asked: subject.ask(app, asked),
        )
        self.files.update(arm_files(path, self.run.out))
        return result

    def fitting(
        self, what: str, examples: Sequence[Example], *, base: bool = False
    ) -> list[Example]:
        """Those of changed or foreign examples that fit the context; `missing` says how many not.

        Args:
            what: What they are for, as in `tried`.
            examples: The examples.
            base: Whether the base model is asked them, too.

        Raises:
            NotMeasured: Those that fit are of too few groups.
        """
        fit = self.tuned.fits(self.app, examples)
        if base:
            fit = map(min, fit, self.base.fits(self.plain, examples))
        kept = [example for example, fits in zip(examples, fit, strict=True) if fits]
        if len(kept) < len(examples):
            self.missing[what] = (
                f"{len(examples) - len(kept)} of {len(examples)} examples exceed "
                "model.context_tokens, and were left out"
            )
        _refuse_few(example.group for example in kept)
        return kept

    def answered_changed(self, part: str, changed: Sequence[Example]) -> ArmResult:
        """The model's answers to changed test examples, read as answers to the originals.

        What an application computes of an example is of the words that were not changed.
        """
        original = {example.id: example for example in self.test}

        def parse(example: Example, text: str) -> Json:
            return self.app.parse(original[example.id], text)

        return self.answered(self.tuned, part, replace(self.app, parse=parse), changed)

    def is_asked_otherwise(self, example: Example, changed: Example) -> bool:
        """Whether the change reaches the prompt or the choices.

        A record that cannot be read any more does not.
        """

        def asked(one: Example) -> tuple[Sequence[Message], Sequence[str]]:
            return self.app.prompt(one), self.app.choices(one) if self.app.choices else ()

        try:
            return asked(changed) != asked(example)
        except MedtuneError:
            return False

    def kept(self, part: str, make: Callable[[], dict[str, Json]]) -> dict[str, Json]:
        """What `make` gives, kept in `evaluate/<part>.json` and taken from there if it is whole."""
        path = self.run.out / FOLDER / f"{part}.json"
        found = _read(path)
        if found is None or found.get("key") != self.key:
            found = {"key": self.key, **make()}
            artifacts.write_text(path, json.dumps(found, ensure_ascii=False) + "\n")
        self.files[str(path.relative_to(self.run.out))] = artifacts.sha256_file(path)
        return found


def _refuse_few(groups: Iterable[str]) -> None:
    n_groups = len(set(groups))
    if n_groups < stats.MIN_GROUPS:
        raise NotMeasured(
            f"the examples are of {n_groups} group(s), such as patients, and an interval needs "
            f"{stats.MIN_GROUPS}"
        )


def _read(path: Path) -> dict[str, Json] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError, UnicodeDecodeError):
        return None
    return found if isinstance(found, dict) else None
