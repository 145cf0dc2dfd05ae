"""The explanation of computed facts for a clinician and for a patient, by fixed sentences.

It is the training target of the model, the text that is shown when a model's own fails its check,
and the floor that a model must beat in more than wording. The patient's part is plain English at
about the eighth grade, says no dose, and never tells anybody to start or stop a medicine.
"""

from collections.abc import Mapping

from medtune.clinical.pgx.advice import Action
from medtune.clinical.pgx.facts import objects, strings, texts
from medtune.records import Json

CLINICIAN, PATIENT = "Clinician:", "Patient:"
FOR_PATIENT: Mapping[Action, str] = {
    "avoid": "The test says that {drug} is not a good choice for you.",
    "alternative": "Another medicine may suit you better than {drug}.",
    "reduce": "You may need less {drug} than most people.",
    "increase": "You may need more {drug} than most people.",
    "monitor": "You may get {drug}, with closer checks.",
    "measure": "Your blood should be tested before you get {drug}.",
    "standard": "The test gives no reason to change how {drug} is given to you.",
    "none": "The test does not tell what to do about {drug}. This does not mean that it is safe.",
}
SPEED: Mapping[str, str] = {
    "Poor Metabolizer": "handles some medicines much slower than usual",
    "Likely Poor Metabolizer": "probably handles some medicines much slower than usual",
    "Intermediate Metabolizer": "handles some medicines slower than usual",
    "Likely Intermediate Metabolizer": "probably handles some medicines slower than usual",
    "Possible Intermediate Metabolizer": "may handle some medicines slower than usual",
    "Normal Metabolizer": "handles medicines about as fast as usual",
    "Rapid Metabolizer": "handles some medicines faster than usual",
    "Ultrarapid Metabolizer": "handles some medicines much faster than usual",
}
ASK = "Talk to your doctor or pharmacist, and do not start or stop a medicine on your own."


def explanation(facts: Mapping[str, Json]) -> str:
    """Both parts, one per line."""
    return f"{CLINICIAN} {for_clinician(facts)}\n{PATIENT} {for_patient(facts)}"


def for_clinician(facts: Mapping[str, Json]) -> str:
    """Result, action, and the recommendation in CPIC's words."""
    results = "; ".join(result_line(gene) for gene in objects(facts["genes"])) or "no result"
    parts = [f"{results}.", f"Action for {facts['drug']}: {facts['action']}."]
    if facts["critical"]:
        parts.append("Critical.")
    if not facts["certain"] and texts(facts):
        parts.append("The data fit more than one result.")
    parts += [_sentence(text) for text in dict.fromkeys(texts(facts))] or [_without(facts)]
    return " ".join(parts)


def for_patient(facts: Mapping[str, Json]) -> str:
    """What the test found and what it means, in plain words."""
    genes = objects(facts["genes"])
    speeds = dict.fromkeys(SPEED[str(g["result"])] for g in genes if g["result"] in SPEED)
    parts = [f"Your body {speed}." for speed in speeds if len(speeds) == 1]
    if any(strings(gene["converted_by"]) for gene in genes):
        parts.append("A medicine that you take is one cause.")
    meaning = FOR_PATIENT[_action(facts)].format(drug=facts["drug"])
    return " ".join([*parts, meaning, ASK])


def _action(facts: Mapping[str, Json]) -> Action:
    return facts["action"]  # type: ignore[return-value]  # `pgx_facts` wrote it


def result_line(gene: Mapping[str, Json]) -> str:
    """Gene, diplotype and result, with the medicines that changed it."""
    name = " ".join(str(part) for part in (gene["gene"], gene["diplotype"]) if part)
    by = strings(gene["converted_by"])
    why = f" with {' and '.join(by)}, {gene['result_by_genes']} by genes alone" if by else ""
    return f"{name}: {gene['result']}{why}"


def _without(facts: Mapping[str, Json]) -> str:
    missing = strings(facts["missing"])
    if missing:
        return f"No result of {' and '.join(missing)}: a missing result is not a normal one."
    return "CPIC has no recommendation for this result, which is not a clearance."


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."
