import json
from pathlib import Path

import pytest

from medtune.apps.custom import build, example_from_row, template_columns
from medtune.config import Run
from medtune.data.shingles import input_text
from medtune.errors import ConfigError, DataError
from medtune.records import Application, Example, Message, Prediction

SECRET = "Hopper"
SCHEMA = {
    "type": "object",
    "properties": {"dose_mg": {"type": "number"}, "drug": {"type": "string"}},
    "required": ["drug"],
}
KINDS = {
    "label": {"labels": ["no", "no effect", "yes"]},
    "choice": {"options": "options", "input": "{text}\n{options}"},
    "number": {"tolerance": 0.05},
    "spans": {},
    "text": {},
    "json": {"json_schema": SCHEMA},
}
TARGETS = {
    "label": ["yes", "no", "no effect"],
    "choice": ["heart failure", 1, "C"],
    "number": [2, 1e-7, "1234.5", -40.0],
    "spans": [["aspirin; 100 mg", "- COX-1"], ["one"]],
    "text": [" A summary.\nIn two lines. ", "x"],
    "json": [{"drug": "aspirin", "dose_mg": 100}, '{"drug": "\u00e4"}'],
}
OPTIONS = ["asthma", "heart failure", "a cold"]


def make_run(kind="label", bad_rows="refuse", n_sources=1, format="auto", **task) -> Run:
    settings = {"instruction": "Say it.", "input": "{text}", "answer": kind, **KINDS[kind], **task}
    return Run.model_validate(
        {
            "app": "custom",
            "goal": "custom_data",
            "out": "out",
            "model": {"source": "path:m"},
            "data": {
                "sources": [{"source": "path:x", "format": format, "licence": "CC0"}] * n_sources,
                "bad_rows": bad_rows,
            },
            "task": {k: v for k, v in settings.items() if v is not None},
        }
    )


def saved(folder: Path, records: list[dict], name="a.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(r) + "\n" for r in records), encoding="utf-8")
    return path


def record(target, n=0) -> dict:
    return {"text": f"text number {n}", "label": target, "options": OPTIONS}


def loaded(folder: Path, records: list[dict], run: Run) -> tuple[Application, list[Example]]:
    app = build(run)
    return app, list(app.load([saved(folder, records)]))


def refused(folder: Path, records: list[dict], run: Run) -> str:
    with pytest.raises(DataError) as caught:
        loaded(folder, records, run)
    assert SECRET not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_the_oracle_scores_one_and_silence_zero(tmp_path, kind):
    records = [record(target, n) for n, target in enumerate(TARGETS[kind])]
    app, examples = loaded(tmp_path, records, make_run(kind))

    def scored(replies: list[str]) -> dict[str, float]:
        predictions = [
            Prediction(e.id, e.group, e.target, app.parse(e, reply))
            for e, reply in zip(examples, replies, strict=True)
        ]
        return {name: metric(predictions) for name, metric in app.metrics.items()}

    assert set(scored([app.reply(e) for e in examples]).values()) == {1.0}
    assert set(scored([""] * len(examples)).values()) == {0.0}
    if app.choices:
        assert all(app.reply(e) in app.choices(e) for e in examples)


def test_the_primary_metric_is_the_usual_one_of_the_kind_or_the_one_asked_for():
    primaries = {kind: build(make_run(kind)).primary for kind in KINDS}
    assert primaries == {
        "label": "macro_f1",
        "choice": "accuracy",
        "number": "number_within",
        "spans": "span_f1",
        "text": "rouge_l",
        "json": "json_match",
    }
    assert build(make_run("label", metric="accuracy")).primary == "accuracy"


def test_a_metric_of_another_kind_is_refused_with_those_there_are():
    with pytest.raises(ConfigError, match=r"task.metric: 'rouge_l' .*macro_f1, accuracy"):
        build(make_run("label", metric="rouge_l"))


@pytest.mark.parametrize("metric", ["ppv", "npv", "auroc", "auprc"])
def test_a_metric_that_some_arms_cannot_have_does_not_decide(metric):
    with pytest.raises(ConfigError, match=r"cannot decide.*macro_f1, accuracy, sensitivity"):
        build(make_run("label", metric=metric, positive="yes"))
    assert metric in build(make_run("label", positive="yes")).metrics


def test_a_rejected_answer_is_no_part_of_what_is_asked(tmp_path):
    run = make_run("label", rejected="worse")
    records = [record("yes") | {"worse": "no"}, record("yes") | {"worse": "no effect"}]
    app, (one, other) = loaded(tmp_path, records, run)
    assert app.question is not None
    assert app.rejected is not None
    assert app.question(one) == "text number 0"
    assert app.rejected(one) == "no"
    assert one.group == other.group
    assert input_text(one.fields) == input_text(other.fields) == "text number 0"


def test_all_the_columns_that_the_task_names_are_used_and_no_others(tmp_path):
    run = make_run(
        input="{age} y: {text}",
        id="key",
        group="patient",
        subgroups=["sex", "site"],
        time="day",
        target="outcome",
    )
    row = {
        "text": "t {age}",
        "age": 61.0,
        "key": 7,
        "patient": "p1",
        "sex": "f",
        "site": None,
        "day": "2024-05-31",
        "outcome": "yes",
        "name": SECRET,
    }
    app, (example,) = loaded(tmp_path, [row], run)
    assert example == Example(
        id="7",
        group="p1",
        fields={"age": "61", "text": "t {age}"},
        target="yes",
        subgroups={"sex": "f"},
        time="2024-05-31",
        source="a.jsonl",
        licence="CC0",
    )
    assert app.prompt(example) == [Message("system", "Say it."), Message("user", "61 y: t {age}")]


def test_without_id_and_group_rows_are_numbered_and_grouped_by_input(tmp_path):
    records = [{"text": t, "label": "yes"} for t in ("One", "two", " one ")]
    _, examples = loaded(tmp_path, records, make_run())
    assert [e.id for e in examples] == ["a.jsonl:1", "a.jsonl:2", "a.jsonl:3"]
    assert examples[0].group == examples[2].group != examples[1].group


def test_two_sources_of_one_name_give_different_ids(tmp_path):
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        saved(tmp_path / folder, [record("yes")])
    paths = [tmp_path / folder / "a.jsonl" for folder in "xy"]
    examples = list(build(make_run(n_sources=2)).load(paths))
    assert [(e.id, e.source) for e in examples] == [
        ("x/a.jsonl:1", "x/a.jsonl"),
        ("y/a.jsonl:1", "y/a.jsonl"),
    ]


@pytest.mark.parametrize(
    ("target", "means"),
    [
        ("asthma", "asthma"),
        (0, "asthma"),
        (2.0, "a cold"),
        ("1", "heart failure"),
        ("b", "heart failure"),
    ],
)
def test_a_choice_may_be_given_as_text_index_or_letter(tmp_path, target, means):
    app, (example,) = loaded(tmp_path, [record(target)], make_run("choice"))
    assert example.target == app.reply(example) == means
    assert list(app.choices(example)) == OPTIONS
    assert app.prompt(example)[1].content == "text number 0\n- asthma\n- heart failure\n- a cold"


def test_the_text_of_an_option_comes_before_its_index(tmp_path):
    row = {"text": "how many?", "options": [2, 1, 0], "label": 1}
    _, (example,) = loaded(tmp_path, [row], make_run("choice", input="{text}"))
    assert example.target == "1"


def test_options_spans_and_objects_are_json_in_a_csv_file(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('text,options,label\nt,"[""asthma"", ""a cold""]",B\n', encoding="utf-8")
    (example,) = build(make_run("choice")).load([path])
    assert example.target == "a cold"
    path.write_text('text,label\nt,"[""x, y""]"\n', encoding="utf-8")
    (example,) = build(make_run("spans")).load([path])
    assert example.target == ["x, y"]


def test_every_unknown_column_is_named_at_once_and_no_record_is_shown(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(f"text,label,patient_id,{SECRET}\nt,yes,1,{SECRET}\n", encoding="utf-8")
    run = make_run(input="{texts}", group="patientid", subgroups=["sex"])
    with pytest.raises(ConfigError) as caught:
        list(build(run).load([path]))
    message = str(caught.value)
    assert "task.input: " in message
    assert "no column 'texts'; did you mean 'text'?" in message
    assert "task.group: " in message
    assert "did you mean 'patient_id'?" in message
    assert "task.subgroups: " in message
    assert SECRET not in message


@pytest.mark.parametrize(
    "template",
    ["{a.b}", "{a[0]}", "{a!r}", "{a:>9}", "{}", "{a", "a}", "{{a}}", "plain", "{a{b}}"],
)
def test_a_template_has_plain_names_only(template):
    with pytest.raises(ConfigError, match=r"task.input"):
        build(make_run(input=template))


def test_doubled_braces_stand_for_themselves(tmp_path):
    app, (example,) = loaded(tmp_path, [record("yes")], make_run(input="{{x}} {text} {text}"))
    assert app.prompt(example)[1].content == "{x} text number 0 text number 0"
    assert template_columns("{{x}} {b} {a c} {b}") == ["b", "a c"]


def test_the_input_may_not_show_the_answer():
    with pytest.raises(ConfigError, match=r"it shows the answer, \{label\}"):
        build(make_run(input="{text} {label}"))


@pytest.mark.parametrize("labels", [["yes", "Yes"], ["yes", "yes."], ["no ", "yes"]])
def test_labels_that_look_alike_in_a_reply_are_refused(labels):
    with pytest.raises(ConfigError, match=r"cannot be told apart"):
        build(make_run(labels=labels))


def test_a_broken_schema_is_refused():
    with pytest.raises(ConfigError, match=r"task.json_schema: not a JSON schema"):
        build(make_run("json", json_schema={"type": "objekt"}))


def test_a_record_to_predict_on_needs_no_target_but_its_input():
    task = make_run("choice").task
    example = example_from_row(task, {"text": "t", "options": OPTIONS, "extra": 1}, "q1")
    assert (example.id, example.target) == ("q1", None)
    assert build(make_run("choice")).choices(example) == OPTIONS
    with pytest.raises(DataError, match=r"record q2: a column is missing: 'options'; mend"):
        example_from_row(task, {"text": SECRET}, "q2")
    with pytest.raises(DataError, match=r"record q3: no input"):
        example_from_row(task, {"text": "", "options": OPTIONS}, "q3")
