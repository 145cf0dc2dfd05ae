"""The applications: one readable file each, and APPS, which holds them.

`custom` is not one of the eight: it is the user's own task, built from the run file alone.
"""

from collections.abc import Callable

from medtune.apps import (
    chatbot,
    custom,
    decision_support,
    documentation,
    drug_discovery,
    imaging,
    mental_health,
    personalized_medicine,
    public_health,
)
from medtune.config import Run
from medtune.errors import ConfigError, did_you_mean
from medtune.records import Application

__all__ = ["APPS", "find_app"]

APPS: dict[str, Application] = {
    "decision_support": decision_support.APP,
    "drug_discovery": drug_discovery.APP,
    "personalized_medicine": personalized_medicine.APP,
    "chatbot": chatbot.APP,
    "documentation": documentation.APP,
    "public_health": public_health.APP,
    "mental_health": mental_health.APP,
    "imaging": imaging.APP,
}

PLACED: dict[str, Callable[[Run], Application]] = {
    "chatbot": chatbot.at,
    "mental_health": mental_health.at,
    "imaging": imaging.at,
}
"""Applications that depend on the run, as on the numbers of its place: what makes them."""


def find_app(run: Run) -> Application:
    """The application that the run names.

    Raises:
        ConfigError: There is none of that name.
    """
    if run.app == "custom":
        return custom.build(run)
    if run.app not in APPS:
        known = [*APPS, "custom"]
        raise ConfigError(
            f"app: {run.app!r} is unknown{did_you_mean(run.app, known)}; choose {', '.join(known)}"
        )
    return PLACED[run.app](run) if run.app in PLACED else APPS[run.app]
