"""Section 4: how the model learned."""

from collections.abc import Mapping, Sequence
from statistics import mean, stdev

from medtune.artifacts import Evaluation, TuneRecord
from medtune.records import Json
from medtune.report import words
from medtune.report.blocks import Block, Facts, Picture, Section, Table, Text
from medtune.report.plots.loss import Point, loss

UNTUNED = "What was evaluated is a prompt: nothing was tuned, and the weights are the base model's."


def tuning_section(
    record: TuneRecord | None,
    log: Sequence[Mapping[str, Json]],
    evaluation: Evaluation | None = None,
) -> Section:
    """The training as a section, or that there was none of what was evaluated."""
    untuned = evaluation is not None and not evaluation.way.is_tuned
    return Section(
        id="tune",
        title="The tuning",
        question="Did the model learn, and did it stop before it learned by heart?",
        blocks=[Text(UNTUNED)] if untuned else () if record is None else _blocks(record, log),
        command="tune",
    )


def _blocks(record: TuneRecord, log: Sequence[Mapping[str, Json]]) -> list[Block]:
    blocks: list[Block] = []
    train, looks = _points(log, "loss"), _points(log, "validation_loss")
    if train or looks:
        blocks.append(_curve(record, train, looks))
    used = () if record.used is None else (("energy, estimated", record.used),)
    blocks.append(
        Facts(
            [
                ("method", record.method),
                ("arithmetic", record.numerics),
                ("parameters trained", f"{record.trainable_parameters:,}"),
                ("optimizer steps", f"{record.steps:,} (kept: step {record.best_step:,})"),
                ("ended because", record.stopped),
                ("validation loss kept", f"{words.number(record.validation_loss)} nats per token"),
                ("training loss, end", f"{words.number(record.train_loss)} nats per token"),
                ("tokens read", f"{record.tokens_seen:,}"),
                ("tokens learned from", f"{record.supervised_seen:,}"),
                ("time", words.duration(record.seconds)),
                ("highest memory", f"{words.number(record.peak_memory_gb)} GB"),
                ("interruptions overcome", f"{record.resumed:,}"),
                *_watched(record),
                *used,
            ]
        )
    )
    return blocks + _seeds(record) + _tried(record)


def _seeds(record: TuneRecord) -> list[Block]:
    """The luck of the seed."""
    if not record.seeds:
        return []
    losses = [one.validation_loss for one in record.seeds]
    spread = (
        f"Validation loss over {len(losses)} seeds: mean {words.number(mean(losses))}, standard "
        f"deviation {words.number(stdev(losses))}. The best is kept, so its own loss is a little "
        "too good: the sealed test tells."
    )
    rows = [
        [
            f"{one.seed}",
            f"{one.best_step:,}",
            words.number(one.validation_loss),
            _metric(one.validation_metric),
            "kept" if one.kept else "",
        ]
        for one in record.seeds
    ]
    head = ["seed", "best step", "validation loss", "metric", ""]
    return [Text(spread), Table(head, "rrrrl", rows, narrow=True)]


def _tried(record: TuneRecord) -> list[Block]:
    """What the sweep tried."""
    if not record.tried:
        return []
    names = list(record.tried[0].settings)
    rows = [
        [
            *(f"{one.settings[name]:g}" for name in names),
            f"{one.steps:,}",
            words.number(one.validation_loss),
            _metric(one.validation_metric),
            "chosen" if one.chosen else "",
        ]
        for one in record.tried
    ]
    head = [*(f"tune.{name}" for name in names), "steps", "validation loss", "metric", ""]
    caption = (
        "What was tried, by successive halving: the worse half was left out after each round. "
        "Choosing by validation makes its numbers a little too good; the sealed test tells."
    )
    return [Table(head, "r" * (len(names) + 3) + "l", rows, caption=caption)]


def _metric(value: float | None) -> str:
    return "–" if value is None else words.number(value)


def _watched(record: TuneRecord) -> list[tuple[str, str]]:
    """What the kept step showed, and the metric there."""
    facts: list[tuple[str, str]] = []
    if record.validation_metric is not None:
        facts.append(("validation metric kept", words.number(record.validation_metric)))
    if record.watched is not None:
        facts.append(("learning by heart", record.watched.says))
    return facts


def _points(log: Sequence[Mapping[str, Json]], field: str) -> list[Point]:
    """The losses of the lines that have this field, by step."""
    found: dict[int, float] = {}
    for row in log:
        step, value = row.get("step"), row.get(field)
        if isinstance(step, int) and isinstance(value, int | float):
            found[step] = float(value)
    return [Point(step, found[step]) for step in sorted(found)]


def _curve(record: TuneRecord, train: Sequence[Point], looks: Sequence[Point]) -> Picture:
    says = _says(record, looks)
    return Picture(
        svg=loss(train, looks, record.best_step, f"Loss by optimizer step. {says}"),
        title="Loss during the tuning",
        shows="How surprised the model is by the right answers (the loss), step by step.",
        read="Lower is better. The thin line is every step, the blue one its running mean. The red "
        "points are validation examples, which it does not learn from. When red rises while blue "
        "falls, it has begun to learn by heart; the dashed line marks the step that was kept.",
        says=says,
    )


def _says(record: TuneRecord, looks: Sequence[Point]) -> str:
    if not looks:
        return f"No look at validation is in the log; step {record.best_step} was kept."
    first, last = looks[0], looks[-1]
    best = min(looks, key=lambda point: point.loss)
    says = (
        f"The validation loss was {words.number(first.loss)} at step {first.step} and reached its "
        f"lowest, {words.number(best.loss)}, at step {best.step}."
        if best.loss < first.loss
        else f"The validation loss never fell below its first value, {words.number(first.loss)}."
    )
    if last.loss > best.loss:
        says += f" It then rose to {words.number(last.loss)}, so step {record.best_step} was kept."
    return says
