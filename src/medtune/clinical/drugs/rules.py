"""Drug safety rules: one form for all kinds, read from dated tables with their sources.

A user's file adds rules in the same columns, as CSV or as a YAML list of mappings. It can add, and
make stricter by adding; it cannot take a built-in rule away.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from medtune.clinical.drugs.names import DrugNames, drug_names
from medtune.clinical.table import read_table
from medtune.errors import DataError, did_you_mean
from medtune.records import Severity

TABLES = Path(__file__).parent / "tables"
FILES = ("allergies", "interactions", "duplicates", "doses", "organs", "people", "labs")
COLUMNS = ("id", "kind", "subject", "with", "measure", "at_least", "below", "max_single_mg",
           "max_daily_mg", "severity", "what", "remedy", "source", "checked")  # fmt: skip

TABLE_OF: Mapping[str, str] = {
    "allergy": "allergies",
    "interaction": "interactions",
    "duplicate": "duplicates",
    "dose": "doses",
    "kidney": "organs",
    "liver": "organs",
    "pregnancy": "people",
    "age": "people",
    "lactation": "people",
    "lab": "labs",
}
"""The table that holds the built-in rules of a kind."""

Kind = Literal[
    "allergy", "interaction", "duplicate", "dose", "kidney", "liver", "pregnancy", "lactation",
    "age", "lab",
]  # fmt: skip
Measure = Literal[
    "age_years",
    "crcl_ml_min",
    "egfr_ml_min_1_73m2",
    "child_pugh",
    "pregnant",
    "gestation_weeks",
    "breastfeeding",
    "potassium_mmol_l",
]
Positive = Annotated[float, Field(gt=0)]


class Rule(BaseModel):
    """One rule. A number that is not given sets no limit."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, populate_by_name=True
    )

    id: Annotated[str, Field(min_length=1)]
    kind: Kind
    subject: str
    """Ingredient or class that is ordered."""
    other: Annotated[str | None, Field(alias="with")] = None
    """The other drug of an interaction or a duplicate, or what the patient is allergic to."""
    measure: Measure | None = None
    """What of the patient the rule depends on."""
    at_least: float | None = None
    below: float | None = None
    max_single_mg: Positive | None = None
    max_daily_mg: Positive | None = None
    severity: Severity
    what: Annotated[str, Field(min_length=1)]
    remedy: Annotated[str, Field(min_length=1)]
    source: Annotated[str, Field(min_length=1)]
    checked: str = "no"
    """Day on which the row was compared with its source, or "no"."""

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> Self:
        paired = self.kind in ("allergy", "interaction", "duplicate")
        if paired != (self.other is not None):
            raise ValueError(f"kind {self.kind} {'needs' if paired else 'takes no'} `with`")
        if paired == (self.measure is not None):
            raise ValueError(f"kind {self.kind} {'takes no' if paired else 'needs a'} measure")
        if self.measure and self.at_least is None and self.below is None:
            raise ValueError("a measure needs `at_least` or `below`")
        if self.kind == "dose" and self.max_single_mg is None and self.max_daily_mg is None:
            raise ValueError("kind dose needs max_single_mg or max_daily_mg")
        return self

    def applies(self, value: float) -> bool:
        """Whether a measured value is within the rule's limits."""
        return (self.at_least is None or value >= self.at_least) and (
            self.below is None or value < self.below
        )


@cache
def drug_rules(more: tuple[Path, ...] = ()) -> tuple[Rule, ...]:
    """The built-in rules and those of the user's files.

    Raises:
        DataError: A rule is not valid, names an unknown drug or class, or its id comes twice. All
            faults of a file are named.
    """
    rules: dict[str, Rule] = {}
    names = drug_names()
    for path in (*(TABLES / f"{name}.csv" for name in FILES), *more):
        faults: list[str] = []
        for number, row in enumerate(_rows(path), start=1):
            rule = _rule(row, number, names, faults)
            if rule is not None and rule.id in rules:
                faults.append(f"row {number}: the id {rule.id!r} is taken; give it another")
            elif rule is not None:
                rules[rule.id] = rule
        if faults:
            raise DataError(f"{path}: " + "; ".join(faults))
    return tuple(rules.values())


@cache
def table_date(kind: Kind) -> str:
    """The day (ISO 8601) that the built-in table of a kind states."""
    return read_table(TABLES / f"{TABLE_OF[kind]}.csv", COLUMNS).date


def _rows(path: Path) -> Sequence[Mapping[str, object]]:
    if path.suffix not in (".yaml", ".yml"):
        rows = read_table(path, COLUMNS).rows
        return [{key: cell for key, cell in row.items() if cell} for row in rows]
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path}: no such file of rules") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not YAML: {error}") from None
    if not isinstance(raw, list) or not all(isinstance(row, dict) for row in raw):
        raise DataError(f"{path}: rules are a YAML list of mappings")
    return raw


def _rule(
    row: Mapping[str, object], number: int, names: DrugNames, faults: list[str]
) -> Rule | None:
    try:
        rule = Rule.model_validate(row)
    except ValidationError as error:
        for fault in error.errors():
            where = ".".join(str(part) for part in fault["loc"])
            faults.append(f"row {number}: {where}: {fault['msg'].removeprefix('Value error, ')}")
        return None
    known = [*names.ingredients, *names.classes]
    unknown = [one for one in (rule.subject, rule.other) if one and not names.members(one)]
    faults += [
        f"row {number}: {one!r} is neither an ingredient nor a class{did_you_mean(one, known)}"
        for one in unknown
    ]
    return None if unknown else rule
