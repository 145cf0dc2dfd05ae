"""The end of a run on one screen: the arms with their intervals, the verdict, the release."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

from medtune.artifacts import Arm
from medtune.config import Run
from medtune.records import Estimate
from medtune.report import words
from medtune.report.found import Found, find
from medtune.report.verdict import classical_note, may_be_used, ranked, should_tune

WIDTH = 100
NAME, FIGURES, RULER = 26, 24, 40
"""Columns for the name of an arm, its numbers and its interval as a drawing."""


def terminal_summary(run: Run, out: Path) -> str:
    """A plain-text summary of what `out` holds, at most 100 columns wide.

    Raises:
        DataError: An artifact is there but was not written by this version of medtune.
    """
    found = find(out)
    lines = _wrap("", f"{run.app}, goal {words.plain(run.goal)}")
    lines += _arms(found)
    for judgement in (should_tune(found), may_be_used(found)):
        lines += _wrap(judgement.question, f"{judgement.answer}. {judgement.why}")
    if found.evaluation is not None and (note := classical_note(found.evaluation)):
        lines += _wrap("Mind", note)
    if found.monitor is not None:
        lines += _wrap("In use", words.sentence(found.monitor.proposal))
    return "\n".join(lines)


def _arms(found: Found) -> list[str]:
    measured = found.evaluation or found.decision
    if measured is None:
        return []
    primary = measured.primary
    arms = ranked(measured.arms, measured.comparisons, primary)
    if not arms:
        return []
    where = "the sealed test" if found.evaluation is not None else "validation"
    n = arms[0].estimates[primary].n
    title = (
        f"{words.metric_name(primary)} on {where}, {words.count(n, 'example')}, with 95 % interval"
    )
    return ["", *_wrap("", title), *_rows(arms, primary), ""]


def _rows(arms: Sequence[Arm], primary: str) -> list[str]:
    low = min(arm.estimates[primary].low for arm in arms)
    high = max(arm.estimates[primary].high for arm in arms)
    return [
        f"  {_cut(words.arm_name(arm.name)):<{NAME}}"
        f"{words.estimate(arm.estimates[primary]):<{FIGURES}}"
        f"{_ruler(arm.estimates[primary], low, high)}".rstrip()
        for arm in arms
    ]


def _cut(name: str) -> str:
    return name if len(name) < NAME else name[: NAME - 4] + "..."


def _ruler(found: Estimate, low: float, high: float) -> str:
    """The interval as `  |----o----|  ` on a scale that all arms share."""
    scale = (RULER - 1) / (high - low) if high > low else 0.0
    start, middle, end = (
        round((part - low) * scale) for part in (found.low, found.value, found.high)
    )
    cells = [" "] * RULER
    cells[start : end + 1] = "-" * (end + 1 - start)
    cells[start] = cells[end] = "|"
    cells[middle] = "o"
    return "".join(cells)


def _wrap(name: str, text: str) -> list[str]:
    head = f"{name + ' ' if name else '':<17}" if name else ""
    return textwrap.wrap(
        " ".join(text.split()),
        width=WIDTH,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_on_hyphens=False,
    )
