"""Put an application's questions to the model and read the answers."""

import math
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from medtune.config import EvaluateSection
from medtune.errors import DataError
from medtune.llm.generate import generate_ids, room
from medtune.llm.load import LanguageModel
from medtune.llm.render import Candidates
from medtune.llm.score import overflows, score_candidates
from medtune.progress import progress
from medtune.records import Application, ArmResult, Example, Json, Message, Prediction

_NAMED: Final = 5


def predict(
    lm: LanguageModel,
    app: Application,
    examples: Sequence[Example],
    *,
    settings: EvaluateSection,
    what: str,
    shots: Sequence[Example] = (),
) -> ArmResult:
    """The model's answers, in the order of `examples`.

    Where the application names the replies that the model may give, their probabilities are
    compared: the answer is the most probable one, and its share of their sum is the confidence.
    Else the reply is generated, and there is no confidence.

    Args:
        lm: The model.
        app: Asks, and reads the replies.
        examples: The questions.
        settings: Sizes of batches and replies.
        what: The job in a few words: the name of the result, and of the bar.
        shots: Worked examples, put before each question.

    Raises:
        DataError: Examples do not fit the context, or have no choices. Their ids are named.
    """
    started = time.perf_counter()
    asked = [asked_messages(app, example, shots) for example in examples]
    lm.look_at(asked)
    with progress(what, len(examples), "examples") as advance:
        if app.choices is None:
            predictions, n_tokens = _generated(lm, app, examples, asked, settings, advance)
        else:
            predictions, n_tokens = _scored(lm, app, examples, asked, settings, advance)
    how = "reply generated greedily" if app.choices is None else "most probable choice"
    about = f"{how}; {len(shots)} worked examples in the prompt; {lm.numerics.dtype}"
    return ArmResult(what, about, predictions, time.perf_counter() - started, n_tokens)


def fits(lm: LanguageModel, app: Application, examples: Sequence[Example]) -> list[bool]:
    """Whether each example fits the context, with room for its choices or for a reply."""
    asked = [asked_messages(app, example) for example in examples]
    lm.look_at(asked)
    if app.choices is None:
        return [room(lm, lm.renderer.prompt(messages)) >= 1 for messages in asked]
    choices = [list(app.choices(example)) for example in examples]
    pairs = zip(asked, choices, strict=True)
    return [not overflows(lm, lm.renderer.candidates(*pair)) for pair in pairs]


def oracle(app: Application, example: Example) -> Prediction:
    """What a model would answer that is sure of the target."""
    reply = app.reply(example)
    found = _prediction(example, app.parse(example, reply), None)
    if app.choices is None:
        return found
    choices = app.choices(example)
    answers = [app.parse(example, one) for one in choices]
    shares = [float(one == reply) for one in choices]
    return replace(found, confidence=1.0, probabilities=_by_answer(answers, shares))


def asked_messages(
    app: Application, example: Example, shots: Sequence[Example] = ()
) -> list[Message]:
    """The prompt with worked examples between the system message and the question."""
    messages = app.prompt(example)
    system = [message for message in messages if message.role == "system"]
    turns: list[Message] = []
    for shot in shots:
        turns += [message for message in app.prompt(shot) if message.role != "system"]
        turns.append(Message("assistant", app.reply(shot)))
    return [*system, *turns, *(message for message in messages if message.role != "system")]


def _scored(
    lm: LanguageModel,
    app: Application,
    examples: Sequence[Example],
    asked: Sequence[Sequence[Message]],
    settings: EvaluateSection,
    advance: Callable[[int], None],
) -> tuple[list[Prediction], int]:
    assert app.choices is not None, "the caller looked"
    choices = [list(app.choices(example)) for example in examples]
    _refuse(
        examples, [not some for some in choices], "have no choices; give them some or drop them"
    )
    items: list[Candidates] = []
    for example, messages, some in zip(examples, asked, choices, strict=True):
        with _naming(example):
            items.append(lm.renderer.candidates(messages, some))
    _refuse(examples, [overflows(lm, item) for item in items], _too_long(lm))
    scores = score_candidates(lm, items, batch_tokens=settings.batch_tokens, advance=advance)
    predictions: list[Prediction] = []
    for example, some, log_p in zip(examples, choices, scores, strict=True):
        best = max(range(len(some)), key=log_p.__getitem__)
        weights = [math.exp(other - log_p[best]) for other in log_p]
        shares = [weight / sum(weights) for weight in weights]
        answers = [app.parse(example, reply) for reply in some]
        found = _prediction(example, answers[best], shares[best])
        predictions.append(replace(found, probabilities=_by_answer(answers, shares)))
    return predictions, sum(len(item.prompt) for item in items)


def _by_answer(answers: Sequence[Json], shares: Sequence[float]) -> dict[str, float] | None:
    """The share of each answer that a choice states; None unless all state texts that differ."""
    names = [answer for answer in answers if isinstance(answer, str)]
    if len(set(names)) < len(answers):
        return None
    return dict(zip(names, shares, strict=True))


def _generated(
    lm: LanguageModel,
    app: Application,
    examples: Sequence[Example],
    asked: Sequence[Sequence[Message]],
    settings: EvaluateSection,
    advance: Callable[[int], None],
) -> tuple[list[Prediction], int]:
    prompts: list[list[int]] = []
    for example, messages in zip(examples, asked, strict=True):
        with _naming(example):
            prompts.append(lm.renderer.prompt(messages))
    _refuse(examples, [room(lm, prompt) < 1 for prompt in prompts], _too_long(lm))
    replies = generate_ids(
        lm,
        prompts,
        max_new_tokens=settings.max_new_tokens,
        batch_tokens=settings.batch_tokens,
        advance=advance,
    )
    predictions = [
        _prediction(example, app.parse(example, reply.text), None)
        for example, reply in zip(examples, replies, strict=True)
    ]
    return predictions, sum(len(prompt) for prompt in prompts)


@contextmanager
def _naming(example: Example) -> Generator[None]:
    """Name the example in a fault of its text."""
    try:
        yield
    except DataError as error:
        raise DataError(f"example {example.id}: {error}") from None


def _prediction(example: Example, answer: Json, confidence: float | None) -> Prediction:
    return Prediction(
        id=example.id,
        group=example.group,
        target=example.target,
        answer=answer,
        confidence=confidence,
        subgroups=example.subgroups,
    )


def _too_long(lm: LanguageModel) -> str:
    return (
        f"exceed the {lm.context_tokens} tokens of model.context_tokens; raise it, lower "
        "decide.shots, or leave them out"
    )


def _refuse(examples: Sequence[Example], bad: Sequence[bool], fault: str) -> None:
    ids = [example.id for example, is_bad in zip(examples, bad, strict=True) if is_bad]
    if ids:
        named = ", ".join(ids[:_NAMED])
        raise DataError(f"{len(ids)} of {len(examples)} examples (first: {named}) {fault}")
