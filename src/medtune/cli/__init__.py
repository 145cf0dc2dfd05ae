"""The command line: one verb per stage, each taking the same run file. No logic lives here."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from medtune import __version__
from medtune.cli.deid import deid, deid_score, deid_train
from medtune.errors import told

if TYPE_CHECKING:
    from medtune.pipeline import Job

cli = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Decide by measurement whether to fine-tune for medicine; tune, prove, release, serve, "
    "monitor.",
)

RunFile = Annotated[Path, typer.Argument(help="The run's YAML file.")]
Set = Annotated[
    list[str] | None, typer.Option("--set", help="Override a setting, as key.path=value.")
]
Offline = Annotated[bool, typer.Option("--offline", help="Never open a network connection.")]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Share the work among so many workers of Ray.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@cli.command()
def apps(as_json: AsJson = False) -> None:
    """List the applications and what each is for."""
    from medtune.listing import list_apps

    print(list_apps(as_json=as_json))


@cli.command()
def goals(as_json: AsJson = False) -> None:
    """List the eight goals, what each must improve and must not harm, and what is measured."""
    from medtune.listing import list_goals

    print(list_goals(as_json=as_json))


@cli.command()
def guards(as_json: AsJson = False) -> None:
    """List the ten guards and what each asks."""
    from medtune.listing import list_guards

    print(list_guards(as_json=as_json))


@cli.command()
def plan(
    run_file: RunFile,
    overrides: Set = None,
    offline: Offline = False,
    without_weights: Annotated[
        bool,
        typer.Option("--without-weights", help="Foresee memory and time on GPUs; fetch nothing."),
    ] = False,
) -> None:
    """Check everything before anything is spent: config, data, model, memory, saving, time."""
    if without_weights:
        from medtune.config import load_run
        from medtune.foresee import foresee

        print("\n".join(foresee(load_run(run_file, overrides))))
        return
    from medtune.plan import plan as pre_flight

    raise typer.Exit(pre_flight(_job(run_file, overrides, offline=offline), print))


@cli.command()
def data(
    run_file: RunFile, overrides: Set = None, offline: Offline = False, workers: Workers = None
) -> None:
    """Read, check, de-duplicate and split the data; seal the test."""
    from medtune.pipeline.share import data as start

    start(_job(run_file, overrides, offline=offline), workers, print)


@cli.command()
def decide(run_file: RunFile, overrides: Set = None, offline: Offline = False) -> None:
    """Measure every arm on the same validation examples, and say whether to tune."""
    _stages(_job(run_file, overrides, offline=offline), "decide")


@cli.command()
def tune(
    run_file: RunFile, overrides: Set = None, offline: Offline = False, workers: Workers = None
) -> None:
    """Tune the model; go on where an interrupted run stopped. Runs under torchrun, too."""
    from medtune.pipeline.cluster import tune as start

    start(_job(run_file, overrides, offline=offline), workers, print)


@cli.command()
def evaluate(
    run_file: RunFile, overrides: Set = None, offline: Offline = False, workers: Workers = None
) -> None:
    """Score what is to be released and the other arms on the sealed test."""
    from medtune.pipeline.crew import evaluate as start

    start(_job(run_file, overrides, offline=offline), workers, print)


@cli.command()
def release(run_file: RunFile, overrides: Set = None, offline: Offline = False) -> None:
    """Judge the evidence; build the bundle, or refuse with exit code 5 and the reasons."""
    _stages(_job(run_file, overrides, offline=offline), "release")


@cli.command()
def export(
    run_file: RunFile,
    form: Annotated[
        Literal["safetensors", "gguf"], typer.Option("--format", help="Of the written weights.")
    ] = "safetensors",
    kind: Annotated[
        Literal["float32", "bfloat16", "float16", "q8_0"] | None,
        typer.Option(
            "--type", help="Of the matrices; else as trained, in a GGUF file float16. q8_0: GGUF."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder; else export/FORMAT of the run.")] = None,
    overrides: Set = None,
    offline: Offline = False,
) -> None:
    """Write the release as merged weights, scored again; refuse with code 5 if they differ."""
    from medtune.pipeline import export as write

    found = write(_job(run_file, overrides, offline=offline), form, kind, out)
    print(
        f"export: {found.format}, {found.type}: differs from the served model by "
        f"{found.parity.tuned:.2g} nats per token (limit {found.parity.limit:.2g}, effect of the "
        f"tuning {found.parity.effect:.2g})"
    )


@cli.command()
def run(run_file: RunFile, overrides: Set = None, offline: Offline = False) -> None:
    """Run the chain from data to release; skip what is unchanged."""
    from medtune.pipeline import CHAIN

    _stages(_job(run_file, overrides, offline=offline), *CHAIN)


@cli.command()
def serve(
    run_file: RunFile,
    overrides: Set = None,
    offline: Offline = False,
    rules_only: Annotated[
        bool,
        typer.Option(
            "--rules-only", help="Only the computed CDS Hooks cards: no model, no release."
        ),
    ] = False,
) -> None:
    """Serve the release on this machine, OpenAI-compatible, with a journal."""
    from medtune.pipeline import serve as start
    from medtune.pipeline import serve_rules

    (serve_rules if rules_only else start)(_job(run_file, overrides, offline=offline))


@cli.command()
def monitor(run_file: RunFile, overrides: Set = None, offline: Offline = False) -> None:
    """Compare the journal with the release's reference: has the use drifted?"""
    from medtune.pipeline import monitor as look

    found = look(_job(run_file, overrides, offline=offline))
    print(f"monitor: drifted: {found.drifted} ({found.requests} requests). {found.proposal}")


@cli.command()
def predict(
    run_file: RunFile,
    source: Annotated[Path, typer.Argument(metavar="IN.jsonl", help="Records, one per line.")],
    target: Annotated[Path, typer.Argument(metavar="OUT.jsonl", help="Where answers go.")],
    overrides: Set = None,
    offline: Offline = False,
    unreleased: Annotated[
        bool, typer.Option("--unreleased", help="For study: answer without a release, and say so.")
    ] = False,
) -> None:
    """Answer the records of a file in the way that is released."""
    from medtune.pipeline import predict as answer

    job = _job(run_file, overrides, offline=offline)
    n = answer(job, source, target, unreleased=unreleased)
    print(f"{target}: {n} answers")


@cli.command()
def picture(
    run_file: RunFile,
    out: Annotated[Path, typer.Option(help="The HTML page to write.")],
    record: Annotated[str | None, typer.Option(help="Id of the record; None takes one.")] = None,
    records: Annotated[Path | None, typer.Option(help="Your own JSONL, not the run's.")] = None,
    overrides: Set = None,
    offline: Offline = False,
) -> None:
    """Draw what a person would look at of one record: one HTML page that loads nothing."""
    from medtune.pipeline.picture import draw

    drawn = draw(_job(run_file, overrides, offline=offline), out, record=record, own=records)
    print(f"{out}: record {drawn}")


cli.command()(deid)
cli.command(name="deid-score")(deid_score)
cli.command(name="deid-train")(deid_train)


@cli.command()
def demo(overrides: Set = None, offline: Offline = False) -> None:
    """Take the embedded model and real medical data through all seven stages."""
    from medtune.demo import demo as show

    show(lambda file: _job(file, overrides, offline=offline), print)


@cli.command()
def version() -> None:
    """Print the version."""
    print(__version__)


def _job(run_file: Path, overrides: list[str] | None, *, offline: bool) -> "Job":
    if offline:
        from medtune.fetch.wheel import OFFLINE

        os.environ[OFFLINE] = "1"
    from medtune.config import load_run
    from medtune.pipeline import Job

    return Job(load_run(run_file, overrides), offline=offline)


def _stages(job: "Job", *names: str) -> None:
    from medtune.pipeline import run_stages

    run_stages(job, names, print)


def main() -> None:
    """Run the command line; show a user's mistake as one message, a bug of ours as a traceback."""
    told(cli)
