"""Section 8: where every number comes from, so that another person can check it."""

import re
from collections.abc import Iterator
from pathlib import Path

from medtune.artifacts import Artifact, sha256_file
from medtune.config import Run, dump_run
from medtune.report.blocks import Block, Callout, Cell, Code, Heading, Section, Table
from medtune.report.found import Found, out_of_order, stages

PASSWORD = re.compile(r"(\w+://[^:/@\s]*):[^@\s]+@")


def provenance_section(run: Run, out: Path, found: Found) -> Section:
    """Hashes, versions and settings as a section."""
    ran = [(stage, artifact) for stage, artifact in stages(found) if artifact is not None]
    blocks: list[Block] = []
    if mixed := out_of_order(found):
        blocks.append(
            Callout(
                "Stages of different runs",
                f"{'; '.join(mixed)}. Run `medtune run` again, so that all sections rest on the "
                "same inputs.",
                "unsure",
            )
        )
    if ran:
        blocks += [_stages(ran), Heading("Inputs"), _inputs(found, ran)]
        outputs = list(_outputs(out, ran))
        if outputs:
            blocks += [Heading("Files written"), _files(outputs)]
    blocks += [Heading("Settings"), Code(PASSWORD.sub(r"\1:***@", dump_run(run)).strip())]
    return Section(
        id="provenance",
        title="Provenance",
        question="Where does every number come from, and is the evidence intact?",
        blocks=blocks,
    )


def _stages(ran: list[tuple[str, Artifact]]) -> Table:
    return Table(
        head=("stage", "artifact", "written (UTC)", "medtune", "key"),
        align="lllll",
        rows=[
            (
                stage,
                Cell(artifact.file, code=True),
                Cell(artifact.created, nowrap=True),
                artifact.medtune_version,
                Cell(artifact.key, code=True),
            )
            for stage, artifact in ran
        ],
        caption="The key is the hash of all that the stage depends on: settings, inputs and code "
        "version.",
    )


def _inputs(found: Found, ran: list[tuple[str, Artifact]]) -> Table:
    named: dict[tuple[str, str], list[str]] = {}
    licences: dict[str, str] = {}
    for source in found.data.sources if found.data is not None else []:
        licences[source.get("sha256", "")] = source.get("licence", "")
        named[source.get("name", ""), source.get("sha256", "")] = ["data"]
    for stage, artifact in ran:
        for name, digest in artifact.inputs.items():
            users = named.setdefault((name, digest), [])
            if stage not in users:
                users.append(stage)
    return Table(
        head=("input", "SHA-256", "licence", "used by"),
        align="llll",
        rows=[
            (
                Cell(name, code=True),
                Cell(digest, code=True),
                licences.get(digest, ""),
                ", ".join(users),
            )
            for (name, digest), users in named.items()
        ],
    )


def _outputs(out: Path, ran: list[tuple[str, Artifact]]) -> Iterator[tuple[str, str, Cell]]:
    """Each file with its hash, and whether it is still what the stage wrote."""
    for _, artifact in ran:
        for name, digest in artifact.outputs.items():
            path = out / name
            if not path.is_file():
                state = Cell("missing", tone="bad")
            elif sha256_file(path) == digest:
                state = Cell("unchanged", tone="good")
            else:
                state = Cell("changed", tone="bad")
            yield name, digest, state


def _files(outputs: list[tuple[str, str, Cell]]) -> Table:
    return Table(
        head=("file", "SHA-256 when written", "now"),
        align="lll",
        rows=[
            (Cell(name, code=True), Cell(digest, code=True), state)
            for name, digest, state in outputs
        ],
        caption="Checked when this report was written.",
    )
