"""A discharge summary and a letter to the patient, written from facts alone.

Nothing here is learned: each sentence states one fact and names it. A model may reword the result;
its words are then checked against the same facts. The letter uses plain words and repeats every
drug with dose and frequency in full. What is not known is said to be not known. Nobody is told to
stop a drug that another entry of the record still has.
"""

from collections.abc import Mapping

from medtune.clinical.drugs import drug_names
from medtune.clinical.notes.facts import Facts, Medicine, medicine_text, sentences_of

PLAIN: Mapping[str, str] = {
    "hypertension": "high blood pressure",
    "hyperlipidemia": "high cholesterol",
    "diabetes mellitus": "diabetes (high blood sugar)",
    "myocardial infarction": "heart attack",
    "congestive heart failure": "heart failure (a weak heart)",
    "atrial fibrillation": "an irregular heartbeat (atrial fibrillation)",
    "copd": "long-term lung disease (COPD)",
    "cerebrovascular accident": "stroke",
    "chronic kidney disease": "long-term kidney disease",
    "pneumonia": "a lung infection (pneumonia)",
    "urinary tract infection": "a bladder or urine infection",
    "dyspnea": "shortness of breath",
    "edema": "swelling",
    "deep vein thrombosis": "a blood clot in a leg vein",
    "pulmonary embolism": "a blood clot in the lung",
    "fracture": "broken bone",
}
"""Plain words for some common terms; a term that is not here is left as it is."""


def discharge_summary(facts: Facts) -> dict[str, str]:
    """The sections of a discharge summary, by name. A section without facts says so."""
    said = dict(sentences_of(facts))
    course = [said[e.id] for e in facts.events if e.status == "done"]
    plans = [said[e.id] for e in facts.events if e.status == "planned"]
    allergies = [said[a.id] for a in facts.allergies or ()]
    if facts.allergies is not None and not facts.allergies:
        allergies = [said["allergies"]]
    measurements = {one.id for one in facts.measurements}
    measured = [sentence for id, sentence in sentences_of(facts) if id in measurements]
    sections = {
        "discharge diagnoses": [said[c.id] for c in facts.conditions if c.present],
        "allergies": allergies,
        "hospital course": course,
        "results": measured,
        "discharge medications": [
            said[m.id]
            if m.status == "on hold"
            else f"{medicine_text(m)[0].upper()}{medicine_text(m)[1:]}."
            for m in facts.medicines
            if m.status not in ("stopped", "ended")
        ],
        "plan": plans,
    }
    head = [said["patient"]] if "patient" in said else []
    sections["discharge diagnoses"] = head + sections["discharge diagnoses"]
    return {name: " ".join(lines) or "Not recorded." for name, lines in sections.items()}


def patient_letter(facts: Facts) -> str:
    """A letter in plain words: why, what to take, what to avoid, what comes next."""
    present = [plain(one.name) for one in facts.conditions if one.present]
    lines = ["Dear patient,", ""]
    if present:
        lines.append(f"You were treated for {_joined(present)}.")
    if facts.allergies:
        named = _joined([one.substance for one in facts.allergies])
        lines.append(f"You are allergic to {named}. Tell everybody who treats you.")
    elif facts.allergies is None:
        lines.append("We have no record of your allergies. Please tell us if you have any.")
    taken = [one for one in facts.medicines if one.status in ("taken", "planned")]
    if taken:
        lines += ["", "Your medicines:"] + [f"- {medicine_text(one)}" for one in taken]
    lines += _not_taken(facts)
    planned = [said for id, said in sentences_of(facts) if id in _planned(facts)]
    if planned:
        lines += ["", "What comes next:"] + [f"- {said}" for said in planned]
    lines += ["", "Call your doctor if you feel worse. In an emergency call your emergency number."]
    return "\n".join(lines)


def _not_taken(facts: Facts) -> list[str]:
    """What is told of stopped drugs and of those on hold, each time once."""
    taken = _names(facts, ("taken", "planned"))
    held = _names(facts, ("on hold",))
    lines: list[str] = []
    for one in facts.medicines:
        names = _substances(one)
        if one.status == "on hold" and names & taken:
            lines.append(f"Ask us about {one.drug}: the record has it as on hold and as taken.")
        elif one.status == "on hold":
            lines.append(f"Do not take {one.drug} for now: it is on hold. Ask us when to go on.")
        elif one.status == "stopped" and names & taken:
            lines.append(f"The order for {one.drug} has changed: take only what is listed above.")
        elif one.status == "stopped" and not names & held:
            lines.append(f"Stop taking {one.drug}.")
    return list(dict.fromkeys(lines))


def _names(facts: Facts, statuses: tuple[str, ...]) -> set[str]:
    return {name for m in facts.medicines if m.status in statuses for name in _substances(m)}


def _substances(one: Medicine) -> set[str]:
    """The ingredients, or the name as it is where it names none."""
    return set(drug_names().ingredients_of(one.drug)) or {one.drug.casefold()}


def _planned(facts: Facts) -> set[str]:
    return {one.id for one in facts.events if one.status == "planned"}


def plain(term: str) -> str:
    """A medical term in plain words, where the table has it."""
    return PLAIN.get(term.lower(), term)


def _joined(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
