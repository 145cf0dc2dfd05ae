"""What is released, on the model card: the weights, the prompt, what is searched, and why so."""

from medtune.artifacts import TUNED, Agreement, Decision, Way
from medtune.guards import Evidence
from medtune.release.markdown import UNKNOWN, plain

WORDS = {
    "zero_shot": "the instruction alone",
    "few_shot": "the instruction with worked examples",
    "retrieval": "the instruction with what is found for each question",
}


def what(way: Way) -> str:
    """What is released, in one sentence."""
    if way.name == TUNED:
        return "a tuned model, asked as the application writes its prompt"
    if way.is_tuned:
        return "a tuned model, asked with passages that are found for each question"
    return f"a prompt for the base model, whose weights are unchanged: {WORDS[way.name]}"


def method(evidence: Evidence) -> list[str]:
    """How it was made: the tuning, or why there was none."""
    tune, way = evidence.tune, evidence.evaluation.way
    lines = [f"- Released is {what(way)}"]
    if tune is None:
        lines.append(f"- Method: no tuning. {plain(_why(evidence.decision))}")
    else:
        lines += [
            f"- Method: {plain(tune.method)}; {tune.trainable_parameters} trained parameters, "
            f"{tune.steps} steps, best step {tune.best_step} ({plain(tune.stopped)})",
            f"- Energy of the tuning, estimated: {plain(tune.used or UNKNOWN)}",
        ]
    return lines + _held(evidence, way)


def _why(decision: Decision) -> str:
    """What the decision said of tuning."""
    advice = decision.recommendation.replace("_", " ")
    said = decision.reasons[-1] if decision.reasons else UNKNOWN
    return f"The decision recommended: {advice}. {said}"


def _held(evidence: Evidence, way: Way) -> list[str]:
    """What stands in the prompt, and what is searched."""
    lines: list[str] = []
    if way.shots:
        lines.append(
            f"- THE PROMPT HOLDS {way.shots} TRAINING RECORDS, word for word (prompt.json): the "
            "bundle is to be kept like them, and whoever asks can have them written out"
        )
    if way.passages and not way.of_documents:
        lines.append(
            f"- EACH PROMPT HOLDS UP TO {way.passages} TRAINING RECORDS that are near to the "
            "question, word for word: whoever asks can have them written out"
        )
    searched = ", ".join(f"{plain(name)} (SHA-256 {sha})" for name, sha in way.searched.items())
    if searched:
        copied = (
            "copied into documents/"
            if evidence.run.release.copy_documents
            else "not in the bundle: the server reads them where they are"
        )
        lines.append(f"- Searched for each question: {searched}; {copied}")
    return lines


def same_prompts(found: Agreement | None) -> str:
    """Whether the server puts a question as the evaluation did."""
    if found is None:
        return ""
    if found.differ:
        return (
            f"\n\nTHE SERVER PUTS {len(found.differ)} of {found.records} validation records "
            "OTHERWISE than the evaluation did."
        )
    return (
        f"\n\nThe server puts all {found.records} validation records to the model as the "
        "evaluation did, token by token."
    )
