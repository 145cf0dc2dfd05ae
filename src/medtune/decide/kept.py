"""Small results of the experiment that a killed stage need not measure again."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from medtune.artifacts import write_text
from medtune.records import Json


class Keys(NamedTuple):
    """What a decision and the answers it judges were made from, as hashes."""

    decision: str
    answers: str
    """Without the settings of the rule: another margin asks no arm again."""


def kept(path: Path, key: str, make: Callable[[], Mapping[str, Json]]) -> dict[str, Json]:
    """What `make` gave when it was last called for this key, read from `path`; else call it."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["key"] == key:
            return dict(found["value"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        pass
    value = dict(make())
    write_text(path, json.dumps({"key": key, "value": value}, ensure_ascii=False, indent=1) + "\n")
    return value


def look_number(path: Path, key: str) -> int:
    """Which decision of this folder this is, the first being 1.

    A decision that is made again with other settings, or on more data, is another look at whether
    to tune, and every look is a chance to be wrong. To go back to earlier settings is one, too.
    """
    keys = looks(path)
    if keys[-1:] != [key]:
        keys.append(key)
        write_text(path, json.dumps(keys, indent=1) + "\n")
    return len(keys)


def looks(path: Path) -> list[str]:
    """The keys of the decisions made so far, in order."""
    try:
        return list(json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError):
        return []
