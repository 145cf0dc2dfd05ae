"""The lists of `medtune apps`, `goals` and `guards`: what is there, and what is not built yet."""

import json
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from medtune.apps import APPS, NOT_BUILT
from medtune.goals import GOALS
from medtune.guards import GUARDS

Rows = Sequence[Mapping[str, JsonValue]]


def list_apps(*, as_json: bool) -> str:
    """Every application of the design, with what it is for."""
    built: list[Mapping[str, JsonValue]] = [
        {
            "name": app.name,
            "built": True,
            "intended_use": app.intended_use,
            "not_for": app.not_for,
            "primary_metric": app.primary,
        }
        for app in APPS.values()
    ]
    own: Mapping[str, JsonValue] = {
        "name": "custom",
        "built": True,
        "intended_use": "your own task, described in the run file alone (goal custom_data)",
    }
    rest: list[Mapping[str, JsonValue]] = [
        {"name": name, "built": False, "intended_use": what} for name, what in NOT_BUILT.items()
    ]
    return _text([*built, own, *rest], as_json=as_json, about="intended_use")


def list_goals(*, as_json: bool) -> str:
    """The eight goals."""
    rows: list[Mapping[str, JsonValue]] = [
        {
            "name": goal.name,
            "built": goal.built,
            "must_improve": goal.must_improve,
            "must_not_harm": goal.must_not_harm,
            "measured": list(goal.measured),
            "not_measured": list(goal.not_measured),
        }
        for goal in GOALS.values()
    ]
    return _text(rows, as_json=as_json, about="must_improve")


def list_guards(*, as_json: bool) -> str:
    """The ten guards."""
    rows: list[Mapping[str, JsonValue]] = [
        {"name": guard.name, "built": guard.judge is not None, "asks": guard.asks}
        for guard in GUARDS.values()
    ]
    return _text(rows, as_json=as_json, about="asks")


def _text(rows: Rows, *, as_json: bool, about: str) -> str:
    if as_json:
        return json.dumps(rows, indent=2)
    width = max(len(str(row["name"])) for row in rows)
    lines: list[str] = []
    for row in rows:
        state = "built    " if row["built"] else "not yet  "
        missing = row.get("not_measured")
        if isinstance(missing, list) and missing:
            state = "partly   "
        lines.append(f"{row['name']!s:<{width}}  {state}  {row[about]}")
        if isinstance(missing, list) and missing:
            lines.append(
                f"{'':<{width}}             not measured yet: {'; '.join(map(str, missing))}"
            )
    return "\n".join(lines)
