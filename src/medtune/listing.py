"""The lists of `medtune apps`, `goals` and `guards`."""

import json
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from medtune.apps import APPS
from medtune.goals import GOALS
from medtune.guards import GUARDS

Rows = Sequence[Mapping[str, JsonValue]]


def list_apps(*, as_json: bool) -> str:
    """Every application, with what it is for."""
    eight: list[Mapping[str, JsonValue]] = [
        {
            "name": app.name,
            "intended_use": app.intended_use,
            "not_for": app.not_for,
            "primary_metric": app.primary,
        }
        for app in APPS.values()
    ]
    own: Mapping[str, JsonValue] = {
        "name": "custom",
        "intended_use": "your own task, described in the run file alone (goal custom_data)",
    }
    return _text([*eight, own], as_json=as_json, about="intended_use")


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
    rows = [{"name": guard.name, "asks": guard.asks} for guard in GUARDS.values()]
    return _text(rows, as_json=as_json, about="asks")


def _text(rows: Rows, *, as_json: bool, about: str) -> str:
    if as_json:
        return json.dumps(rows, indent=2)
    width = max(len(str(row["name"])) for row in rows)
    lines: list[str] = []
    for row in rows:
        lines.append(f"{row['name']!s:<{width}}  {row[about]}")
        missing = row.get("not_measured")
        if isinstance(missing, list) and missing:
            lines.append(f"{'':<{width}}  not measured yet: {'; '.join(map(str, missing))}")
    return "\n".join(lines)
