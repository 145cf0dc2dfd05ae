"""Check orders against a patient: allergy, interaction, dose, organs, potassium, pregnancy, age.

Everything is computed from the tables. What cannot be judged, because a drug, an allergy or a
measure is not known or no row limits the dose, is an alert of its own ("not_judged"). Silence is no
clearance: it means that no row of the tables applies, and an interaction that no row names is not
told. No text of a model enters here, so none can take an alert away.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Literal

from medtune.clinical.drugs.allergens import allergens_of
from medtune.clinical.drugs.names import LISTED, DrugNames, drug_names, parts_of
from medtune.clinical.drugs.rules import Kind, Measure, Rule, drug_rules
from medtune.errors import DataError
from medtune.records import Severity

CHILD_PUGH = {"A": 1.0, "B": 2.0, "C": 3.0}
ADULT_YEARS = 18
RANK: Mapping[Severity, int] = {"block": 0, "warn": 1, "note": 2}


@dataclass(frozen=True, slots=True)
class Patient:
    """What the rules need of a patient. None is "not known", never "no"."""

    age_years: float | None = None
    female: bool | None = None
    pregnant: bool | None = None
    gestation_weeks: float | None = None
    breastfeeding: bool | None = None
    potassium_mmol_l: float | None = None
    crcl_ml_min: float | None = None
    egfr_ml_min_1_73m2: float | None = None
    child_pugh: Literal["A", "B", "C"] | None = None
    liver_disease: bool | None = None
    allergies: Sequence[str] | None = field(default=None, repr=False)
    """As the list has them; empty when none are known, None when nobody asked."""


@dataclass(frozen=True, slots=True)
class Order:
    """A drug that is ordered or taken."""

    drug: str
    """A generic or brand name; strength and form may stand beside it."""
    doses_mg: Mapping[str, float] = field(default_factory=dict[str, float])
    """Milligrams of each ingredient at a time, where known."""
    per_day: float | None = None
    """Times a day, where known."""


@dataclass(frozen=True, slots=True)
class Alert:
    """What a rule has to say. It holds drug names and no text of the record."""

    rule: str
    kind: Kind | Literal["not_judged"]
    severity: Severity
    drugs: tuple[str, ...]
    what: str
    remedy: str
    source: str
    checked: str
    """Day on which the rule was compared with its source; "no" if only from knowledge."""


def check_orders(
    patient: Patient,
    orders: Sequence[Order],
    *,
    rules: Sequence[Rule] | None = None,
    names: DrugNames | None = None,
) -> list[Alert]:
    """All alerts, the gravest first, each once.

    Raises:
        DataError: A dose is given for an ingredient that the drug does not hold, or is negative.
    """
    names = names or drug_names()
    rules = drug_rules() if rules is None else rules
    taken = [names.ingredients_of(order.drug) for order in orders]
    _check_doses(orders, taken)
    alerts = [
        *_unknown(orders, taken, names),
        *_allergies(patient, taken, rules, names),
        *_pairs(taken, rules, names),
        *_measured(patient, orders, taken, rules, names),
        *_unlimited(patient, orders, taken, rules, names),
    ]
    unique = {(alert.rule, alert.drugs): alert for alert in alerts}
    return sorted(unique.values(), key=lambda a: (RANK[a.severity], a.kind, a.rule, a.drugs))


def _check_doses(orders: Sequence[Order], taken: Sequence[tuple[str, ...]]) -> None:
    for number, (order, ingredients) in enumerate(zip(orders, taken, strict=True), start=1):
        strange = [name for name in order.doses_mg if ingredients and name not in ingredients]
        negative = [name for name, dose in order.doses_mg.items() if not dose > 0]
        if strange or negative:
            raise DataError(
                f"order {number}: a dose is for what the drug does not hold, or is not above 0: "
                f"{', '.join([*strange, *negative])}"
            )


def _unknown(
    orders: Sequence[Order], taken: Sequence[tuple[str, ...]], names: DrugNames
) -> Iterator[Alert]:
    for number, (order, ingredients) in enumerate(zip(orders, taken, strict=True), start=1):
        if not ingredients:
            yield _not_judged(
                f"drug-{number}", (), f"the drug of order {number} is not in the tables", "warn"
            )
        elif names.unknown_parts(order.drug):
            yield _not_judged(
                f"part-{number}", ingredients, f"a part of order {number} is not in the tables",
                "warn",
            )  # fmt: skip


def _not_judged(rule: str, drugs: tuple[str, ...], what: str, severity: Severity = "note") -> Alert:
    return Alert(
        rule, "not_judged", severity, drugs, what, "find it out, or judge it by hand", "", ""
    )


def _alert(rule: Rule, drugs: tuple[str, ...]) -> Alert:
    return Alert(
        rule.id, rule.kind, rule.severity, drugs, rule.what, rule.remedy, rule.source, rule.checked
    )


def _allergies(
    patient: Patient, taken: Sequence[tuple[str, ...]], rules: Sequence[Rule], names: DrugNames
) -> Iterator[Alert]:
    ordered = sorted({one for ingredients in taken for one in ingredients})
    if patient.allergies is None:
        if ordered:
            yield _not_judged("allergies", (), "nobody has asked for allergies", "warn")
        return
    for number, allergy in enumerate(patient.allergies, start=1):
        allergens = allergens_of(allergy, names)
        if not allergens:
            yield _not_judged(
                f"allergy-{number}", (), f"allergy {number} is no drug in the tables", "warn"
            )
        elif any(not allergens_of(one, names) for one in parts_of(allergy, LISTED)):
            yield _not_judged(
                f"allergy-{number}", (), f"a part of allergy {number} is no drug in the tables",
                "warn",
            )  # fmt: skip
        for drug in ordered:
            crossed = [rule for rule in rules if _crosses(rule, drug, allergens, names)]
            is_named = bool(allergens & names.ingredients[drug].classes) and not crossed
            if drug in allergens or is_named:
                yield Alert(
                    f"same-{number}", "allergy", "block", (drug,),
                    "the patient is allergic to this drug", "choose another class",
                    "the patient's allergy list", "",
                )  # fmt: skip
            yield from (_alert(rule, (drug,)) for rule in crossed)


def _crosses(rule: Rule, drug: str, allergens: frozenset[str], names: DrugNames) -> bool:
    """Whether a rule on allergies joins a drug to one of the allergens."""
    if rule.kind != "allergy" or rule.other is None or drug not in names.members(rule.subject):
        return False
    return bool(allergens & ({rule.other} | names.members(rule.other)))


def _pairs(
    taken: Sequence[tuple[str, ...]], rules: Sequence[Rule], names: DrugNames
) -> Iterator[Alert]:
    counts = Counter(one for ingredients in taken for one in set(ingredients))
    for name, n in sorted(counts.items()):
        if n > 1:
            yield Alert(
                "same-ingredient", "duplicate", "warn", (name,),
                f"{name} is in {n} orders", "keep one, or add up the dose", "the orders", "",
            )  # fmt: skip
    for first, second in combinations(sorted(counts), 2):
        for rule in rules:
            if rule.kind in ("interaction", "duplicate") and rule.other is not None:
                left, right = names.members(rule.subject), names.members(rule.other)
                if (first in left and second in right) or (second in left and first in right):
                    yield _alert(rule, (first, second))


def _measured(
    patient: Patient,
    orders: Sequence[Order],
    taken: Sequence[tuple[str, ...]],
    rules: Sequence[Rule],
    names: DrugNames,
) -> Iterator[Alert]:
    missing: dict[str, set[str]] = {}
    for rule in rules:
        if rule.measure is None:
            continue
        drugs = sorted(names.members(rule.subject) & {d for one in taken for d in one})
        if not drugs or _cannot_apply(patient, rule.measure):
            continue
        value = _value(patient, rule.measure)
        if value is None:
            missing.setdefault(rule.measure, set()).update(drugs)
        elif rule.applies(value):
            for drug in drugs:
                yield from _limits(rule, drug, orders, taken)
    for measure, drugs_of in missing.items():
        yield _not_judged(measure, tuple(sorted(drugs_of)), f"{measure} is not known")


def _unlimited(
    patient: Patient,
    orders: Sequence[Order],
    taken: Sequence[tuple[str, ...]],
    rules: Sequence[Rule],
    names: DrugNames,
) -> Iterator[Alert]:
    """Drugs whose dose no rule limits at this age; a child's above an adult's limit is too much."""
    age = patient.age_years
    limits = [rule for rule in rules if rule.kind == "dose" and rule.measure == "age_years"]
    for drug in sorted({one for ingredients in taken for one in ingredients}):
        mine = [rule for rule in limits if drug in names.members(rule.subject)]
        here = [rule for rule in mine if age is None or rule.applies(age)]
        if age is not None and age < ADULT_YEARS:
            of_adults = [r for r in mine if r.applies(ADULT_YEARS) and r not in here]
            above = [one for rule in of_adults for one in _limits(rule, drug, orders, taken)]
            yield from (one for one in above if one.kind == "dose")
        if here:
            continue
        is_adult = age is not None and age >= ADULT_YEARS
        what = "no dose limit in the tables at this age"
        yield _not_judged("no-limit", (drug,), what, "note" if is_adult else "warn")


def _cannot_apply(patient: Patient, measure: Measure) -> bool:
    """Whether it is known that the measure plays no part for this patient."""
    if measure in ("pregnant", "gestation_weeks"):
        return patient.female is False or patient.pregnant is False
    if measure == "breastfeeding":
        return patient.female is False
    return measure == "child_pugh" and patient.liver_disease is False


def _value(patient: Patient, measure: Measure) -> float | None:
    if measure == "child_pugh":
        return CHILD_PUGH[patient.child_pugh] if patient.child_pugh else None
    if measure in ("pregnant", "breastfeeding"):
        state = patient.pregnant if measure == "pregnant" else patient.breastfeeding
        return None if state is None else float(state)
    values: Mapping[Measure, float | None] = {
        "age_years": patient.age_years,
        "crcl_ml_min": patient.crcl_ml_min,
        "egfr_ml_min_1_73m2": patient.egfr_ml_min_1_73m2,
        "gestation_weeks": patient.gestation_weeks,
        "potassium_mmol_l": patient.potassium_mmol_l,
    }
    return values[measure]


def _limits(
    rule: Rule, drug: str, orders: Sequence[Order], taken: Sequence[tuple[str, ...]]
) -> Iterator[Alert]:
    """The rule's alert, if it sets no dose or the dose is above it or is not known."""
    if rule.max_single_mg is None and rule.max_daily_mg is None:
        yield _alert(rule, (drug,))
        return
    held = [order for order, ingredients in zip(orders, taken, strict=True) if drug in ingredients]
    singles = [order.doses_mg.get(drug) for order in held]
    single = max((dose for dose in singles if dose is not None), default=None)
    dailies = [
        None if dose is None or order.per_day is None else dose * order.per_day
        for dose, order in zip(singles, held, strict=True)
    ]
    known = [dose for dose in dailies if dose is not None]
    too_much = (
        single is not None and rule.max_single_mg is not None and single > rule.max_single_mg
    ) or (rule.max_daily_mg is not None and sum(known) > rule.max_daily_mg)
    if too_much:
        yield _alert(rule, (drug,))
    elif len(known) < len(held):
        yield _not_judged(f"dose-{drug}", (drug,), f"the daily dose of {drug} is not known")
