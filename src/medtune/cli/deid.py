"""The verbs of de-identification."""

from pathlib import Path
from typing import Annotated, Literal

import typer

DeidLanguage = Annotated[Literal["en", "es"], typer.Option(help="Of the text.")]
DeidPolicy = Annotated[
    Literal["safe_harbor", "all"],
    typer.Option(help="What 45 CFR 164.514(b)(2) lists, or everything that is found."),
]
Tagger = Annotated[
    str | None,
    typer.Option(help="A file that deid-train made, spacy:PIPELINE or presidio:PIPELINE."),
]


def deid(  # noqa: PLR0913, PLR0917  a command's arguments are its options
    source: Annotated[Path, typer.Argument(metavar="IN", help="A file, or a folder of files.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="Where it goes, de-identified.")],
    language: DeidLanguage = "en",
    policy: DeidPolicy = "safe_harbor",
    style: Annotated[
        Literal["surrogate", "tag"], typer.Option(help="Consistent surrogates, or marks.")
    ] = "surrogate",
    shift_dates: Annotated[
        bool, typer.Option(help="Move dates by one offset per patient; off keeps only years.")
    ] = True,
    key: Annotated[
        Path | None, typer.Option(help="Secret of the surrogates; made if absent. None forgets it.")
    ] = None,
    patient: Annotated[
        str | None, typer.Option(help="Column or field with the patient's number.")
    ] = None,
    tagger: Tagger = None,
    originals: Annotated[
        Path | None, typer.Option(help="Write what was replaced, readable by you only.")
    ] = None,
) -> None:
    """Replace what identifies people: text, JSON, JSONL, CSV and FHIR R4, without a network."""
    from medtune.pipeline.deid import Ask, deidentify_files

    ask = Ask(language, policy, style, shift_dates, key, tagger, patient, originals)
    report = deidentify_files(source, target, ask)
    n = sum(report.kinds.values())
    print(f"{target}: {n} identifiers replaced in {report.changed} of {report.documents} documents")


def deid_score(
    notes: Annotated[Path, typer.Argument(metavar="NOTES", help="brat folder or zip, or JSONL.")],
    language: DeidLanguage = "en",
    policy: DeidPolicy = "safe_harbor",
    tagger: Tagger = None,
    out: Annotated[Path | None, typer.Option(help="Write the score as JSON.")] = None,
) -> None:
    """Measure on annotated notes: recall by kind, precision and notes with a leak."""
    from medtune.pipeline.deid import score_files, table

    score = score_files(notes, language, policy, tagger)
    if out:
        score.save(out)
    print(table(score))


def deid_train(
    notes: Annotated[Path, typer.Argument(metavar="NOTES", help="brat folder or zip, or JSONL.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="Where the tagger goes.")],
    language: DeidLanguage = "en",
) -> None:
    """Train a tagger of identifiers on your annotated notes; keep its file like the notes."""
    from medtune.pipeline.deid import train_files

    print(f"{target}: learnt from {train_files(notes, target, language)} notes")
