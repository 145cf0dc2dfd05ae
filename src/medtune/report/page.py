"""Put the sections on one page that needs nothing else: no other file, no network, no script."""

from functools import cache
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template
from markupsafe import Markup

from medtune.artifacts import write_text
from medtune.config import Run
from medtune.report import words
from medtune.report.blocks import Section
from medtune.report.found import Found, find, stages
from medtune.report.plots.canvas import colours
from medtune.report.sections.data import data_section
from medtune.report.sections.decision import decision_section
from medtune.report.sections.provenance import provenance_section
from medtune.report.sections.release import monitor_section, release_section
from medtune.report.sections.sealed import sealed_section
from medtune.report.sections.tuning import tuning_section
from medtune.report.verdict import classical_note, headline, may_be_used, should_tune, tiles

FILE = "report.html"

WORDS = (
    ("arm", "One way of doing the task, such as a prompt, a classical baseline or a tuned model."),
    (
        "classical baseline",
        "A small statistical method without a language model, made from the training examples.",
    ),
    (
        "95 % interval",
        "The range in which the true value plausibly lies, given how few examples were measured.",
    ),
    (
        "paired comparison",
        "Two arms compared on the very same examples, which shows smaller differences.",
    ),
    ("sealed test", "Examples that nothing was learned from or chosen by, looked at once."),
    ("gate", "A condition for release, fixed before the tuning."),
    ("guard", "A part of medtune that judges one kind of risk."),
    ("calibration", "Whether “80 % sure” means right 8 times out of 10."),
    ("token", "A word or a piece of one, as the model reads it."),
    ("loss", "How surprised the model is by the right answer; lower is better."),
)


def write_report(run: Run, out: Path) -> Path:
    """Write `<out>/report.html` from whatever artifacts are in `out`: the same give the same bytes.

    Raises:
        DataError: An artifact is there but was not written by this version of medtune.
    """
    found = find(out)
    created = [artifact.created for _, artifact in stages(found) if artifact is not None]
    html = _template().render(
        run=run,
        goal=words.plain(run.goal),
        title=words.title(run.app),
        created=max(created, default=""),
        headline=headline(found),
        judgements=[should_tune(found), may_be_used(found)],
        tiles=tiles(found),
        note=classical_note(found.evaluation) if found.evaluation is not None else "",
        stages=[(name, artifact is not None) for name, artifact in stages(found)],
        sections=_sections(run, out, found),
        ended=_ended(found),
        words=WORDS,
        css=Markup(_resource("page.css")),  # noqa: S704 - our own file, with no text of a user
    )
    return write_text(out / FILE, html)


def _sections(run: Run, out: Path, found: Found) -> list[Section]:
    measured = [part for part in (found.decision, found.evaluation) if part is not None]
    colour = colours([arm.name for part in measured for arm in part.arms])
    return [
        data_section(found.data),
        decision_section(found.decision, colour),
        tuning_section(found.tune, found.log, found.evaluation),
        sealed_section(found.evaluation, found.decision, colour),
        release_section(found.release),
        monitor_section(found.monitor),
        provenance_section(run, out, found),
    ]


def _ended(found: Found) -> bool:
    """Whether the chain went no further than a decision against tuning."""
    against = found.decision is not None and found.decision.verdict != "yes"
    return against and found.evaluation is None


def _resource(name: str) -> str:
    return (files("medtune.report") / "templates" / name).read_text(encoding="utf-8")


@cache
def _template() -> Template:
    environment = Environment(
        loader=FunctionLoader(_resource),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("page.html.j2")
