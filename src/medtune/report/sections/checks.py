"""What the checks of the data found, the gravest first, and what more data would bring."""

from collections.abc import Sequence

from medtune.artifacts import Check, Forecast, Outcome
from medtune.report import words
from medtune.report.blocks import Block, Callout, Cell, Heading, Picture, Table, Tone
from medtune.report.plots.forecast import forecast as draw_forecast

ORDER: tuple[Outcome, ...] = ("fail", "warn", "pass", "not_run")
BADGES: dict[Outcome, tuple[str, Tone]] = {
    "fail": ("FAIL", "bad"),
    "warn": ("WARN", "unsure"),
    "pass": ("PASS", "good"),
    "not_run": ("not looked at", "plain"),
}
MOST_IDS = 5


def check_blocks(checks: Sequence[Check], found: Forecast | None) -> list[Block]:
    """The checks as a table, and the forecast as a picture."""
    blocks: list[Block] = []
    if checks:
        blocks += [Heading("Is it fit to learn from?"), _failed(checks), _table(checks)]
    if found is not None:
        blocks += [Heading("What would more data bring?"), _forecast(found)]
    return blocks


def _failed(checks: Sequence[Check]) -> Callout:
    failed = [check.name for check in checks if check.outcome == "fail"]
    warned = [check.name for check in checks if check.outcome == "warn"]
    if failed:
        return Callout(
            "Not fit as it is",
            f"{words.listed(failed)}: a release is refused till this is mended.",
            "bad",
        )
    if warned:
        text = f"{words.count(len(warned), 'check')} found something to look at: " + words.listed(
            warned
        )
        return Callout("A person must look", f"{text}.", "unsure")
    return Callout("Nothing found", "No check found anything to mend.", "good")


def _table(checks: Sequence[Check]) -> Table:
    ordered = sorted(checks, key=lambda check: ORDER.index(check.outcome))
    return Table(
        head=("outcome", "looked at", "found", "what to do"),
        align="llll",
        rows=[
            (
                Cell(BADGES[check.outcome][0], tone=BADGES[check.outcome][1], nowrap=True),
                Cell(check.name, nowrap=True),
                words.sentence(check.found) + _ids(check),
                words.sentence(check.remedy),
            )
            for check in ordered
        ],
        caption="Each row is one check. FAIL: what is built on the data would be wrong. WARN: a "
        "person must look. Records are named by their ids; their text is not shown.",
    )


def _ids(check: Check) -> str:
    if not check.ids or check.outcome == "pass":
        return ""
    more = ", …" if check.figures.get("records", 0) > MOST_IDS else ""
    return f" Such as: {', '.join(check.ids[:MOST_IDS])}{more}."


def _forecast(found: Forecast) -> Picture:
    return Picture(
        svg=draw_forecast(found),
        title="Learning curve",
        shows=f"How a cheap classical learner does on the validation split, by "
        f"{words.metric_name(found.metric)}, as it gets more training examples.",
        read="Each round mark is a size that was tried. The last mark is a forecast; the longer "
        "its bar, the less sure it is. A curve that is still rising says that more data helps.",
        says=f"With twice the data, {2 * found.sizes[-1]:,} examples, it would change by "
        f"{words.estimate(found.gain, signed=True)}. This is of the classical learner; a language "
        "model has its own curve.",
    )
