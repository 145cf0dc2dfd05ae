"""A bench with made-up models: plain functions answer, so that a fault can be planted in one."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from tiny_study import APP, LABELS, examples, study

from medtune.artifacts import PLAIN_TUNE, Way, write_examples
from medtune.config import EvaluateSection
from medtune.evaluate import Subject
from medtune.evaluate.bench import Bench
from medtune.records import Application, ArmResult, Example, Prediction

Answer = Callable[[Example], str | None]
DRAWS = {"resamples": 200, "max_new_tokens": 8}


def subject(
    name: str,
    answer: Answer,
    *,
    sure: float = 0.9,
    score=lambda messages, reply: -1.0,
    write=lambda messages: "",
    fits=lambda example: True,
) -> Subject:
    """A model that gives `answer` and, where there are choices, is so sure of it."""

    def ask(app: Application, asked: Sequence[Example]) -> ArmResult:
        return ArmResult(
            name, "made up", [_predicted(app, e, answer(e), sure) for e in asked], 1, 1
        )

    return Subject(
        name,
        ask,
        fits=lambda app, asked: [fits(example) for example in asked],
        score=lambda items: [[score(m, reply) for reply in replies] for m, replies in items],
        write=lambda prompts: [write(prompt) for prompt in prompts],
        liken=lambda pairs: [1.0 if one == other else 0.5 for one, other in pairs],
    )


def _predicted(app: Application, example: Example, answer: str | None, sure: float) -> Prediction:
    made = Prediction(
        example.id, example.group, example.target, answer, subgroups=example.subgroups
    )
    if app.choices is None or answer is None:
        return made
    names = list(app.choices(example))
    rest = (1 - sure) / max(1, len(names) - 1)
    shares = {name: sure if name == answer else rest for name in names}
    return replace(made, confidence=sure, probabilities=shares)


def right(example: Example) -> str:
    """Always the target."""
    return str(example.target)


def reads(example: Example) -> str:
    """Reads the answer off the text, as the examples of `tiny_study` allow."""
    text = " ".join(example.fields.values())
    found = [
        label
        for label, sign in zip(LABELS, ("causes", "increases", "decreases"), strict=True)
        if sign in text
    ]
    return found[0] if found else "maybe"


def bench(
    out: Path,
    tuned: Subject,
    base: Subject | None = None,
    *,
    app: Application = APP,
    test: Sequence[Example] | None = None,
    way: Way = PLAIN_TUNE,
    **settings,
) -> Bench:
    """The splits of `tiny_study` on disk, and the tuned model's answers on the test."""
    run = study(out)
    asked = list(test) if test is not None else examples(120, "test")
    write_examples(out / "test.jsonl", asked)
    evaluate = EvaluateSection(**(run.evaluate.model_dump() | DRAWS | settings))
    run = run.model_copy(update={"evaluate": evaluate})
    answers = replace(tuned.ask(app, asked), name="tuned")
    base = base or subject("base", right)
    return Bench(run, app, tuned, base, "key", asked, answers, way, app)
