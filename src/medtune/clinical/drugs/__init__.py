"""Drug names and drug safety, computed from dated tables."""

from medtune.clinical.drugs.check import Alert, Order, Patient, check_orders
from medtune.clinical.drugs.names import DrugNames, Ingredient, Mention, drug_names
from medtune.clinical.drugs.rules import Rule, drug_rules

__all__ = [
    "Alert",
    "DrugNames",
    "Ingredient",
    "Mention",
    "Order",
    "Patient",
    "Rule",
    "check_orders",
    "drug_names",
    "drug_rules",
]
