"""Was the decision made as it says? Everything is looked at again, from the files and the numbers.

The release asks this before it believes a decision.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from medtune.artifacts import (
    Decision,
    read_examples,
    read_predictions,
    sha256_file,
)
from medtune.decide.compare import ARMS, TUNES
from medtune.decide.goal import RULES, rule_of
from medtune.decide.kept import looks
from medtune.decide.verdict import judge
from medtune.errors import DataError
from medtune.records import Prediction


def audit(out: Path, decision: Decision) -> list[str]:
    """What is wrong with a decision; empty if nothing is.

    Args:
        out: The run's folder, with the splits and the answers of the arms.
        decision: As it stands there.
    """
    found = list(_of_numbers(decision))
    damaged = [
        name
        for name, digest in decision.outputs.items()
        if not (out / name).is_file() or sha256_file(out / name) != digest
    ]
    found += [f"{name}: changed or lost after the decision" for name in damaged]
    if not damaged:
        found += _of_answers(out, decision)
    n_looks = len(looks(out / "decide" / "looks.json"))
    if decision.look < n_looks:
        found.append(
            f"it counts as look {decision.look}, but {n_looks} decisions were made in this folder"
        )
    return found


def refuse_unsound(out: Path, decision: Decision) -> None:
    """Make sure that a decision may be built on.

    Raises:
        DataError: It was not made as it says.
    """
    found = audit(out, decision)
    if found:
        raise DataError(f"{out / decision.file}: {'; '.join(found)}; run medtune decide again")


def _of_numbers(decision: Decision) -> Iterator[str]:
    """What the decision itself shows."""
    if decision.goal not in RULES or decision.rule != rule_of(decision.goal):
        yield "the rule is not the one of this goal and this version"
    tried = {name: len(recipe.tried) for name, recipe in decision.recipes.items()}
    if len(set(tried.values())) > 1:
        yield f"the prompting arms did not try the same number of prompts ({_listed(tried)})"
    if not decision.facts.may_learn and any(arm.name in TUNES for arm in decision.arms):
        yield "a model was tuned although the records may not be learned from"
    if not decision.gates:
        yield "no gate was fixed"
    again = judge(decision)
    if (again.verdict, again.recommendation) != (decision.verdict, decision.recommendation):
        yield (
            f"by its own rule and numbers the verdict is {again.verdict} "
            f"({again.recommendation}), not {decision.verdict} ({decision.recommendation})"
        )


def _of_answers(out: Path, decision: Decision) -> Iterator[str]:
    """What the answers of the arms show."""
    paths = {
        path.name.removesuffix(".jsonl"): path
        for path in (out / name for name in decision.outputs)
        if path.suffix == ".jsonl"
    }
    answers = {name: read_predictions(path) for name, path in paths.items()}
    ids = {name: [p.id for p in predictions] for name, predictions in answers.items()}
    asked = {example.id for example in read_examples(out / "validation.jsonl")}
    learned = {example.id for example in read_examples(out / "train.jsonl")}
    for name, some in ids.items():
        if set(some) - asked:
            yield f"{name} answered {len(set(some) - asked)} examples that are not of validation"
        elif set(some) != asked:
            yield f"{name} answered {len(some)} of the {len(asked)} validation examples"
    for name, recipe in decision.recipes.items():
        if strange := sorted(set(recipe.shots) - learned):
            yield f"{name} shows an example that is not of train (first: {strange[0]})"
    yield from _of_failures(decision, answers)


def _of_failures(decision: Decision, answers: Mapping[str, list[Prediction]]) -> Iterator[str]:
    for arm in decision.arms:
        failed = sum(p.failed for p in answers.get(arm.name, []))
        if arm.name in ARMS and failed != arm.failed:
            yield f"{arm.name} counts {arm.failed} failed answers, but {failed} failed"


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {n}" for name, n in counts.items())
