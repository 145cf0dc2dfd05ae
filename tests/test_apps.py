"""The promises that every application keeps, and what is special to drug discovery."""

import json
import re
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import documentation_examples
import public_health_examples
import pytest

from medtune.answers import find_label
from medtune.apps import APPS, drug_discovery, find_app
from medtune.config import Run, load_run
from medtune.errors import ConfigError, DataError
from medtune.measure import summarise
from medtune.records import Application, ArmResult, Example, Json, Prediction

GOLDEN = Path(__file__).parent / "golden"
OWN_EXAMPLES = {
    "documentation": documentation_examples.examples,
    "public_health": public_health_examples.examples,
}
"""Examples of the applications whose replies are not one of few."""
NODES = [
    {
        "function": "Protein",
        "name": "MAPT",
        "variants": [{"kind": "pmod", "identifier": {"name": "Ph"}}],
    },
    {"function": "Abundance", "name": "rapamycin"},
    {"function": "Complex", "members": [{"name": "HSP90"}, {"name": "STUB1"}]},
    {"function": "Reaction", "reactants": [{"name": "A"}], "products": [{"name": "B"}]},
]


def link(key: str, source: int, target: int, relation: str, **more: Json) -> dict[str, Json]:
    return {
        "key": key * 12,
        "source": source,
        "target": target,
        "relation": relation,
        "evidence": "Rapamycin  lowers\nphosphorylated tau.",
        "citation": {"reference": "123", "date": "2018-01-02"},
        **more,
    }


LINKS = [
    link("a", 1, 0, "directlyDecreases", object={"modifier": "Activity"}),
    link("b", 1, 0, "decreases", object={"modifier": "Activity"}),
    link("c", 2, 3, "association"),
    link("d", 1, 0, "isA"),
    link("e", 1, 0, "increases", evidence=""),
]


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "hbp.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(drug_discovery.MEMBER, json.dumps({"nodes": NODES, "links": LINKS}))
    return path


FIELDS: dict[str, dict[str, str]] = {
    "drug_discovery": {
        "sentence": "Rapamycin lowers tau.",
        "first": "rapamycin",
        "second": "MAPT",
    },
    "chatbot": {
        "term": "Neurogenic bladder",
        "passage": "Bladder dysfunction caused by neurologic damage.",
        "source": "HP:0000011",
    },
    "imaging": {
        "image": "0123456789abcdef" * 4,
        "negative": "no nodule",
        "findings": "nodule",
        "placed": "yes",
    },
    "mental_health": {"checkin": "Most days: sad, lonely. Rarely: hopeful, happy."},
}
"""What an example of each application holds."""
TARGETS: dict[str, list[Json]] = {
    "chatbot": [
        ["Lack of bladder control due to nerve damage", "Nerve damage to the bladder"],
        ["Weak bladder"],
    ],
}
"""Targets of the applications that have no choices."""


def examples_of(app: Application) -> list[Example]:
    """Examples of each reply that the application can give, or of each kind."""
    if app.name in OWN_EXAMPLES:
        return OWN_EXAMPLES[app.name]()
    fields = FIELDS[app.name]
    bare = Example(id="0", group="g0", fields=fields, target=None)
    targets = TARGETS[app.name] if app.choices is None else list(app.choices(bare))
    return [
        Example(id=f"{number}-{n}", group=f"g{n}", fields=fields, target=target)
        for number, target in enumerate(targets)
        for n in range(3)
    ]


def result(app: Application, replies: Sequence[str | None]) -> ArmResult:
    """What an arm would answer that gave these replies; None is a failure of ours."""
    predictions = [
        Prediction(
            id=example.id,
            group=example.group,
            target=example.target,
            answer=None if reply is None else app.parse(example, reply),
            failed=reply is None,
        )
        for example, reply in zip(examples_of(app), replies, strict=True)
    ]
    return ArmResult("arm", "", predictions, seconds=1.0, prompt_tokens=1)


@pytest.mark.parametrize(
    "app",
    [app for app in APPS.values() if app.name in {*FIELDS, *OWN_EXAMPLES}],
    ids=lambda app: app.name,
)
class TestEveryApplication:
    def test_the_oracle_scores_one(self, app: Application):
        replies = [app.reply(example) for example in examples_of(app)]
        arm = summarise(result(app, replies), app, resamples=200, seed=0)
        assert {name: found.value for name, found in arm.estimates.items()} == dict.fromkeys(
            app.metrics, 1.0
        )

    def test_silence_scores_nothing_and_is_counted(self, app: Application):
        n = len(examples_of(app))
        arm = summarise(result(app, [""] * n), app, resamples=200, seed=0)
        assert arm.unparsed == n
        assert {found.value for found in arm.estimates.values()} == {0.0}

    def test_a_failure_is_left_out_and_counted(self, app: Application):
        replies: list[str | None] = [app.reply(example) for example in examples_of(app)]
        replies[0] = None
        arm = summarise(result(app, replies), app, resamples=200, seed=0)
        assert arm.failed == 1
        assert all(found.value == 1.0 for found in arm.estimates.values())
        assert all(found.n == len(replies) - 1 for found in arm.estimates.values())

    def test_the_prompt_is_the_golden_one(self, app: Application):
        messages = app.prompt(examples_of(app)[0])
        text = "\n".join(f"<{m.role}>\n{m.content}" for m in messages) + "\n"
        assert text == (GOLDEN / f"prompt_{app.name}.txt").read_text(encoding="utf-8")

    def test_every_reply_parses_back_to_its_target(self, app: Application):
        for example in examples_of(app):
            if app.name in TARGETS:
                assert app.parse(example, app.reply(example)) == app.reply(example)
                continue
            assert app.parse(example, app.reply(example)) == example.target
            if app.choices is not None:
                assert app.reply(example) in app.choices(example)

    def test_the_kernel_finds_nothing_against_the_oracle(self, app: Application):
        if app.facts is None or app.check is None:
            pytest.skip(f"{app.name} has no facts to check against")
        for example in examples_of(app):
            assert app.check(app.facts(example), app.reply(example)) == []

    def test_the_order_of_the_choices_does_not_matter(self, app: Application):
        for example in examples_of(app):
            offered = [] if app.choices is None else list(app.choices(example))
            assert all(find_label(one, offered[::-1]) == one for one in offered)

    def test_it_says_what_it_is_for_and_what_it_is_not_for(self, app: Application):
        assert app.intended_use
        assert app.not_for
        assert app.primary in app.metrics


def test_drug_discovery_reads_the_relations_and_words_the_entities(wheel: Path):
    first, second = list(drug_discovery.load([wheel]))
    assert first.fields == {
        "sentence": "Rapamycin lowers phosphorylated tau.",
        "first": "rapamycin",
        "second": "activity of phosphorylated MAPT",
    }
    assert (first.target, first.group, first.time) == ("decreases", "PMID123", "2018-01-02")
    assert second.fields["first"] == "HSP90 and STUB1"
    assert second.fields["second"] == "reaction of A to B"
    assert second.target == "associated"


def test_another_wheel_is_refused(tmp_path: Path):
    path = tmp_path / "other.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("other.txt", "")
    with pytest.raises(DataError, match="not the hbp-knowledge wheel"):
        list(drug_discovery.load([path]))


def test_a_misspelt_application_is_told_the_right_one():
    run = Run.model_validate(
        {
            "app": "drug_discovery",
            "goal": "accuracy",
            "out": "out",
            "model": {"source": "path:m"},
            "data": {"sources": [{"source": "path:d"}]},
        }
    )
    assert find_app(run) is drug_discovery.APP
    with pytest.raises(ConfigError, match="did you mean 'drug_discovery'"):
        find_app(run.model_copy(update={"app": "drug_discovry"}))


def test_a_record_shows_no_text_in_its_repr():
    example = examples_of(drug_discovery.APP)[0]
    assert "Rapamycin" not in repr(example)
    assert "Rapamycin" not in repr(replace(example, target="Rapamycin"))


@pytest.mark.parametrize("name", APPS)
def test_an_application_has_a_run_file_for_the_cpu_and_one_for_a_hub_model(name: str):
    root = Path(__file__).parents[1] / "configs"
    small, large = (load_run(root / folder / f"{name}.yaml") for folder in ("", "gpu"))
    assert (small.app, large.app, large.goal) == (name, name, small.goal)
    assert find_app(large).name == name
    assert [one.source for one in large.data.sources] == [one.source for one in small.data.sources]
    assert re.fullmatch(r"hf:[\w./-]+@[0-9a-f]{40}", large.model.source)
    assert large.out != small.out
    assert (large.data.max_train, large.data.max_test) == (None, None)
