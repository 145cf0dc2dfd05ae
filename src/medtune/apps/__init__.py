"""The applications: one readable file each, and APPS, which holds them.

`custom` is not one of the eight: it is the user's own task, built from the run file alone.
"""

from medtune.apps import custom, documentation, drug_discovery
from medtune.config import Run
from medtune.errors import ConfigError, did_you_mean
from medtune.records import Application

__all__ = ["APPS", "NOT_BUILT", "find_app"]

APPS: dict[str, Application] = {
    "drug_discovery": drug_discovery.APP,
    "documentation": documentation.APP,
}

NOT_BUILT: dict[str, str] = {
    "decision_support": "findings, history and labs to a ranked differential",
    "personalized_medicine": "genotype and record to phenotype and recommendation",
    "imaging": "X-ray, CT and MRI to findings with their place",
    "chatbot": "consumer questions to plain answers with sources and triage",
    "public_health": "counts and line lists to signals, trends and reports",
    "mental_health": "check-ins and messages to mood trend, coping and urgent-care decision",
}
"""The other applications of the design, with what they will do."""


def find_app(run: Run) -> Application:
    """The application that the run names.

    Raises:
        ConfigError: There is none of that name, or it is not built yet.
    """
    if run.app == "custom":
        return custom.build(run)
    if run.app in NOT_BUILT:
        raise ConfigError(f"app: {run.app!r} is not built yet; built are {', '.join(APPS)}, custom")
    if run.app not in APPS:
        known = [*APPS, "custom"]
        raise ConfigError(
            f"app: {run.app!r} is unknown{did_you_mean(run.app, known)}; choose {', '.join(known)}"
        )
    return APPS[run.app]
