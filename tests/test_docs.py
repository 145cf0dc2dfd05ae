"""The documents run: the reference is made from the code, links lead somewhere, commands exist."""

import importlib.util
import re
from pathlib import Path

import pytest
import yaml

from medtune.cli import cli
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
