"""Write docs/reference.md: every verb's help and every setting of the run file, from the code.

`make docs` runs it; a test compares the page with what it would write.
"""

from pathlib import Path

from pydantic import BaseModel
from typer.testing import CliRunner

from medtune.cli import cli
from medtune.config import (
    DeidentifySection,
    DocumentSection,
    EndpointSection,
    ExpectSection,
    JudgeSection,
    Run,
    SourceSection,
    SwapSection,
    TaskSection,
)

PAGE = Path(__file__).with_name("reference.md")
NESTED: dict[str, type[BaseModel]] = {
    "data.sources[]": SourceSection,
    "data.deidentify": DeidentifySection,
    "task": TaskSection,
    "compute.expect": ExpectSection,
    "decide.documents[]": DocumentSection,
    "decide.endpoint": EndpointSection,
    "evaluate.swaps[]": SwapSection,
    "evaluate.judge": JudgeSection,
}


def page() -> str:
    """The whole page."""
    parts = ["# Reference", "", "Made by `make docs` from the code; do not edit.", ""]
    parts += ["## The run file", "", *_settings(), "", "## The verbs", ""]
    names = [command.name or command.callback.__name__ for command in cli.registered_commands]
    for name in names:
        parts += [f"### {name}", "", "```text", _help(name), "```", ""]
    return "\n".join(parts).rstrip() + "\n"


def _help(name: str) -> str:
    environment = {"COLUMNS": "90", "TERM": "dumb", "NO_COLOR": "1"}
    text = CliRunner().invoke(cli, [name, "--help"], env=environment, prog_name="medtune").output
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def _settings() -> list[str]:
    rows = ["| key | default | meaning |", "|---|---|---|", *_rows("", Run)]
    for name, section in NESTED.items():
        rows += _rows(f"{name}.", section)
    return rows


def _rows(prefix: str, section: type[BaseModel]) -> list[str]:
    rows: list[str] = []
    for name, field in section.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            rows += _rows(f"{prefix}{name}.", kind)
            continue
        value = field.get_default(call_default_factory=True)
        default = "required" if field.is_required() else f"`{value}`"
        meaning = " ".join((field.description or "").split()).replace("|", "\\|")
        rows.append(f"| `{prefix}{name}` | {default} | {meaning} |")
    return rows


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
