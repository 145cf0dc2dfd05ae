"""The CDS Hooks card of a computed case.

A card is given where there is something to act on: a ranking or a red flag. What is ranked is never
more than "info"; only a red flag raises the indicator, so that a long list does not alarm. The
detail shows the basis: what was used, what is missing, and the limits (FDA, Clinical Decision
Support Software, 2022, criterion 4: a person must be able to review the basis).
"""

from collections.abc import Mapping
from typing import Literal

from medtune.clinical.cds_hooks import SUMMARY, Card, Cards, Service, Source
from medtune.clinical.hpo.case import objects, strings
from medtune.records import Json

SERVICE = Service(
    hook="patient-view",
    id="decision-support",
    title="Rare diseases that fit the findings",
    description="Ranks rare diseases by the patient's findings and asks for what is missing.",
    prefetch={
        "patient": "Patient/{{context.patientId}}",
        "conditions": "Condition?patient={{context.patientId}}",
        "labs": "Observation?patient={{context.patientId}}&category=laboratory",
    },
)
URL = "https://hpo.jax.org/"
LIMITS = (
    "Rare diseases of OMIM only. All are taken as equally frequent and findings as independent, so "
    "the share is a measure of fit, not a probability. For review by a clinician."
)


def cards(facts: Mapping[str, Json]) -> Cards:
    """The cards of a case: one, or none where there is no advice."""
    if not objects(facts["differential"]) and not strings(facts["red"]):
        return Cards(cards=())
    return Cards(cards=(card(facts),))


def card(facts: Mapping[str, Json]) -> Card:
    """The card of a case that has a ranking or a red flag."""
    return Card(
        summary=_summary(facts),
        indicator=_indicator(strings(facts["red"])),
        source=Source(label=str(facts["version"]), url=URL),
        detail="\n\n".join(_detail(facts)),
    )


def _indicator(red: list[str]) -> Literal["info", "warning", "critical"]:
    if any(one.startswith("emergency") for one in red):
        return "critical"
    return "warning" if red else "info"


def _summary(facts: Mapping[str, Json]) -> str:
    red, ranked = strings(facts["red"]), objects(facts["differential"])
    text = f"Red flag, {red[0]}" if red else f"Fits best: {ranked[0]['disease']}"
    return text if len(text) <= SUMMARY else f"{text[: SUMMARY - 3]}..."


def _detail(facts: Mapping[str, Json]) -> list[str]:
    parts = [f"**Red flag:** {one}" for one in strings(facts["red"])]
    for n, one in enumerate(objects(facts["differential"]), start=1):
        told = [e for e in objects(one["evidence"]) if e["told"]]
        weights = "; ".join(
            f"{'' if e['present'] else 'no '}{e['finding']} ({e['log10_ratio']:+})" for e in told
        )
        lines = f"{n}. {one['disease']} ({one['code']}), share {one['share']}: {weights}"
        parts.append(lines)
    for label, name in (
        ("Used, present", "findings"),
        ("Used, excluded", "excluded"),
        ("Results not judged", "not_judged"),
        ("Lacking", "lacking"),
        ("Not used", "not_used"),
        ("Ask next", "ask"),
    ):
        if listed := strings(facts.get(name, [])):
            parts.append(f"**{label}:** {'; '.join(listed)}")
    return [*parts, f"**Limits:** {LIMITS}"]
