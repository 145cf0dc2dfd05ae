"""The documents run: the reference is made from the code, links lead somewhere, commands exist."""

import importlib.util
import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from medtune.apps import APPS
from medtune.cli import cli
from medtune.clinical.hpo.case import FIELDS
from medtune.config import Run

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
VERBS = {command.name or command.callback.__name__ for command in cli.registered_commands}


def test_the_reference_is_what_the_code_says():
    spec = importlib.util.spec_from_file_location("reference", ROOT / "docs" / "reference.py")
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    assert reference.PAGE.read_text(encoding="utf-8") == reference.page(), "run `make docs`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file(page: Path):
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_a_page_names_exists(page: Path):
    text = page.read_text(encoding="utf-8")
    for block in re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL):
        for verb in re.findall(r"(?:^|/)medtune ([a-z]+)", block, flags=re.MULTILINE):
            assert verb in VERBS, f"{page.name}: medtune {verb}"
        for target in re.findall(r"^make ([a-z0-9]+)", block, flags=re.MULTILINE):
            assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)


@pytest.mark.parametrize("file", sorted((ROOT / "configs").rglob("*.yaml")), ids=lambda f: f.stem)
def test_every_complete_run_file_is_valid(file: Path):
    Run.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))


def own_lines() -> list[tuple[str, str]]:
    """Application and line, of those that its page of the eight shows."""
    page = (ROOT / "docs" / "applications.md").read_text(encoding="utf-8")
    block = page.partition("```jsonl\n")[2].partition("```")[0]
    return [(name, line) for name, _, line in (row.partition(" ") for row in block.splitlines())]


def test_a_line_is_shown_for_all_that_read_lines():
    assert {name for name, _ in own_lines()} == APPS.keys() - {"public_health"}


@pytest.mark.parametrize(("name", "line"), own_lines(), ids=[name for name, _ in own_lines()])
def test_a_shown_line_of_own_data_is_read_as_it_stands(name: str, line: str, tmp_path: Path):
    row = json.loads(line)
    if name == "decision_support":  # its knowledge is a wheel, which a test does not fetch
        assert row.keys() - {"id"} <= FIELDS
        return
    if name == "imaging":
        image = tmp_path / row["image"]
        image.parent.mkdir()
        Image.fromarray(np.arange(128 * 128, dtype=np.uint8).reshape(128, 128)).save(image)
    path = tmp_path / "own.jsonl"
    path.write_text(line + "\n", encoding="utf-8")
    (example,) = APPS[name].load([path])
    assert APPS[name].prompt(example)
    assert APPS[name].reply(example)
