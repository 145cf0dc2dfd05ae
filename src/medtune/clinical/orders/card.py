"""CDS Hooks cards for draft orders: drug safety, pharmacogenomics, and what could not be checked.

Everything is computed: the rules of `clinical.drugs`, and the recommendations of `clinical.pgx`
where the record has genotypes. A card names its source, the table and the table's day. What
could not be checked has its own card. No card is no clearance: no row of the tables applies.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final, Literal

from medtune.clinical.cds_hooks import SUMMARY, Card, Cards, Service, Source
from medtune.clinical.drugs import Alert, check_orders
from medtune.clinical.drugs.rules import TABLE_OF, Measure, table_date
from medtune.clinical.fhir import Resource
from medtune.clinical.orders.patient import Known
from medtune.clinical.orders.request import PREFETCH, Asked, read_request
from medtune.clinical.pgx import CAUTION, Action, drugs, genes_of, parse_outside_calls
from medtune.clinical.pgx.facts import objects, pgx_facts, strings
from medtune.errors import DataError
from medtune.records import Json, Severity

Indicator = Literal["critical", "warning", "info"]
ABOUT: Final = (
    "Checks drug orders for allergies, interactions, duplicates, dose, kidney, liver, potassium, "
    "pregnancy, breastfeeding, age and recorded genotypes, and says what could not be checked."
)
SERVICES: Final = (
    Service(
        hook="order-sign",
        id="drug-safety-sign",
        title="Drug safety of the orders to be signed",
        description=ABOUT,
        prefetch=PREFETCH,
    ),
    Service(
        hook="order-select",
        id="drug-safety-select",
        title="Drug safety of the order that is selected",
        description=ABOUT,
        prefetch=PREFETCH,
    ),
)
INDICATOR: Mapping[Severity, Indicator] = {"block": "critical", "warn": "warning", "note": "info"}
RANK: Mapping[Indicator, int] = {"critical": 0, "warning": 1, "info": 2}
BASIS: Mapping[str, tuple[Measure, ...]] = {
    "kidney": ("egfr_ml_min_1_73m2", "crcl_ml_min"),
    "liver": ("child_pugh",),
    "age": ("age_years",),
    "dose": ("age_years",),
    "lab": ("potassium_mmol_l",),
}
"""What of the patient an alert of a kind rests on."""
UNKNOWN: Mapping[str, str] = {
    "allergies": "allergies are not known: the record holds no list, which is not 'no allergy'",
    "age_years": "the age is not known",
    "crcl_ml_min": "creatinine clearance is not known",
    "egfr_ml_min_1_73m2": "eGFR is not known",
    "child_pugh": "the state of the liver is not known",
    "pregnant": "pregnancy is not known",
    "gestation_weeks": "the week of pregnancy is not known",
    "breastfeeding": "breastfeeding is not known",
    "potassium_mmol_l": "potassium is not known",
}
REVIEW: Final = "For review by the prescriber, who decides. No model was asked."


def order_cards(
    context: Resource, prefetch: Mapping[str, Resource | None], *, today: date
) -> Cards:
    """The cards for the draft orders of a request, the gravest first.

    Args:
        context: `draftOrders`, `patientId`, and `selections` where one order was chosen.
        prefetch: The keys of the services. One that is absent or holds an OperationOutcome could
            not be read; None is no such data.
        today: The day that ages and horizons are counted from.

    Raises:
        DataError: The draft orders are not a Bundle.
    """
    asked = read_request(context, prefetch, today)
    if not asked.has_drug:
        return Cards(cards=())
    subject = {one for draft in asked.drafts for one in draft.ingredients}
    orders = [one.order for one in (*asked.drafts, *asked.others)]
    alerts = [
        one
        for one in check_orders(asked.known.patient, orders)
        if not one.drugs or subject & set(one.drugs)
    ]
    found = [_alert_card(one, asked.known) for one in alerts if one.kind != "not_judged"]
    genetic, unclear = _genetic(asked, sorted(subject))
    open_ = [one for one in alerts if one.kind == "not_judged"]
    grave = [*asked.grave, *(_unjudged(one, subject) for one in open_ if one.severity != "note")]
    minor = [_unjudged(one, subject) for one in open_ if one.severity == "note"]
    cards = [*found, *genetic, *_open(grave, [*unclear, *minor, *asked.minor])]
    return Cards(cards=tuple(sorted(cards, key=lambda card: RANK[card.indicator])))


def _alert_card(alert: Alert, known: Known) -> Card:
    """One rule that applies."""
    here = [known.basis[one] for one in BASIS.get(alert.kind, ()) if one in known.basis]
    own = f"medtune table {TABLE_OF[alert.kind]}, {table_date(alert.kind)}: {alert.source}"  # type: ignore[arg-type]  # not_judged has no card here
    checked = "not compared word for word" if alert.checked == "no" else f"compared {alert.checked}"
    parts = [
        f"**{alert.what[0].upper()}{alert.what[1:]}.** Drugs: {', '.join(alert.drugs)}.",
        f"**Advice:** {alert.remedy}.",
        *(f"**Patient:** {one}." for one in here),
        f"Rule {alert.rule}; source {checked if alert.checked else 'is the record itself'}.",
        REVIEW,
    ]
    return _card(
        f"{alert.kind.capitalize()}: {' with '.join(alert.drugs)}: {alert.what}",
        INDICATOR[alert.severity],
        own if alert.checked else alert.source,
        parts,
    )


def _card(summary: str, indicator: Indicator, source: str, parts: Sequence[str]) -> Card:
    short = summary if len(summary) <= SUMMARY else f"{summary[: SUMMARY - 3]}..."
    return Card(
        summary=short, indicator=indicator, source=Source(label=source), detail="\n\n".join(parts)
    )


def _unjudged(alert: Alert, subject: set[str]) -> str:
    mine = ", ".join(sorted(subject & set(alert.drugs)))
    what = UNKNOWN.get(alert.rule, alert.what)
    return f"{what} ({mine})" if mine else what


def _open(grave: Sequence[str], minor: Sequence[str]) -> list[Card]:
    """The card of what could not be checked; none if all could."""
    said = [*dict.fromkeys((*grave, *minor))]
    if not said:
        return []
    more = f" and {len(said) - 1} more" if len(said) > 1 else ""
    lines = "\n".join(f"- {one}" for one in said)
    parts = ["**What could not be checked** (silence on it is no clearance):", lines, REVIEW]
    room = SUMMARY - len(f"Not checked: {more}")
    summary = f"Not checked: {said[0][:room]}{more}"
    source = "the record as it was sent, and the drug tables of medtune"
    return [_card(summary, "warning" if grave else "info", source, parts)]


def _genetic(asked: Asked, subject: Sequence[str]) -> tuple[list[Card], list[str]]:
    """Cards of the recorded genotypes, and what of them could not be used."""
    unclear = _unread_genes(asked, subject)
    try:
        results = parse_outside_calls("\n".join(asked.genotypes.calls))
    except DataError:
        return [], [*unclear, "genotypes: not in a form that can be read"]
    tested = {one.gene for one in results}
    taken = sorted({one for each in (*asked.drafts, *asked.others) for one in each.ingredients})
    cards: list[Card] = []
    for drug in (one for one in subject if one in drugs()):
        facts = pgx_facts(drug, results, medications=[one for one in taken if one != drug])
        action: Action = facts["action"]  # type: ignore[assignment]  # the tables write no other
        of_drug = {str(gene["gene"]) for gene in objects(facts["genes"])}
        if of_drug & tested and action == "none":
            known = [f"{one['gene']} {one['result']}" for one in objects(facts["genes"])]
            unclear.append(f"{drug}: no recommendation for {', '.join(known)}")
        elif of_drug & tested and action != "standard":
            cards.append(_pgx_card(drug, action, facts))
    unclear += [f"genotype of {one.gene}: {one.refused}" for one in results if one.refused]
    return cards, unclear


def _unread_genes(asked: Asked, subject: Sequence[str]) -> list[str]:
    """The genomic results that were not read and may matter for the drugs."""
    genetic = [drug for drug in subject if drug in drugs()]
    matter = {gene for drug in genetic for gene in genes_of(drug)}
    return [
        f"genotype of {gene or 'a gene that is not named'}: {why}"
        for gene, why in asked.genotypes.unread
        if genetic and (not gene or gene in matter)
    ]


def _pgx_card(drug: str, action: Action, facts: Mapping[str, Json]) -> Card:
    """A recommendation that follows from the genes."""
    genes = [f"{one['gene']} {one['result']}" for one in objects(facts["genes"])]
    recommended = objects(facts["recommendations"])
    parts = [
        f"**{drug}:** {action}. {'; '.join(genes)}.",
        *(
            f"**{', '.join(filter(None, (str(one['source']), str(one['population']))))}:** "
            f"{one['text']} (PMID {one['pmid']})"
            for one in recommended
        ),
        *(f"**Not tested:** {one}." for one in strings(facts["missing"])),
        *(f"**Note:** {one}." for one in strings(facts["warnings"])),
        "" if facts["certain"] else "The genotype fits several results; all are shown.",
        REVIEW,
    ]
    careful = "warning" if CAUTION[action] > CAUTION["monitor"] else "info"
    return _card(
        f"Genes: {drug}: {action} ({'; '.join(genes)})",
        "critical" if facts["critical"] else careful,
        f"CPIC, tables of medtune: {facts['table_version']}",
        [one for one in parts if one],
    )
