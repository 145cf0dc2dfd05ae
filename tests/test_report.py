"""The report: complete, self-contained, escaped, the same twice, and silent about records."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from report_artifacts import (
    a_run,
    save_all,
    save_data,
    save_decision,
    save_evaluation,
    save_release,
    save_tune,
)

from medtune.artifacts import DataCard, Decision, Evaluation, Parity, write_jsonl, write_text
from medtune.errors import DataError
from medtune.report import terminal_summary, write_report

VOID = {"meta", "br", "link", "img", "hr", "input"}


class Page(HTMLParser):
    """Collects what a browser would see, and checks that every element is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.names: list[str] = []
        self.links: list[str] = []
        self.pictures: list[dict[str, str | None]] = []
        self.text = ""
        self.drawn = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.names.append(tag)
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found[key] for key in ("href", "src", "xlink:href") if key in found]
        if tag == "svg":
            self.pictures.append(found)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text += data
        if "svg" in self.open:
            self.drawn += data


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of a run whose seven stages have run."""
    out = tmp_path_factory.mktemp("full")
    return write_report(save_all(out), out).read_text(encoding="utf-8")


def page(out: Path) -> Page:
    html = write_report(a_run(out), out).read_text(encoding="utf-8")
    return Page(html)


def test_a_full_run_gives_a_complete_page_that_a_browser_can_read(full: str) -> None:
    found = Page(full)
    assert found.open == []
    assert len(found.ids) == len(set(found.ids))
    assert "not run yet" not in found.text.lower()
    for heading in ("The data", "The decision", "The tuning", "The sealed test", "The release"):
        assert heading in found.text
    assert "0.45 (0.39 to 0.51)" in found.text
    assert "Release refused: the tuned model reaches" in found.text
    assert "ethics and fairness" in found.text
    assert "lower end 0.390" in found.text
    assert "upper end 0.160" in found.text


def test_every_picture_speaks_and_has_its_three_sentences(full: str) -> None:
    found = Page(full)
    assert len(found.pictures) == 13
    assert found.names.count("figcaption") == len(found.pictures)
    assert all(picture["role"] == "img" and picture["aria-label"] for picture in found.pictures)
    assert found.text.count("How to read it") == len(found.pictures)


def test_the_page_needs_no_other_file_no_script_and_no_network(full: str) -> None:
    found = Page(full)
    assert re.findall(r"https?://|@import|url\((?!#)", full) == []
    assert not {"script", "iframe", "link", "img"} & set(found.names)
    assert all(link.startswith("#") for link in found.links)
    assert {link[1:] for link in found.links} <= set(found.ids)


def test_two_writes_give_the_same_bytes(out: Path) -> None:
    run = save_all(out)
    first = write_report(run, out).read_bytes()
    assert write_report(run, out).read_bytes() == first


def test_a_label_cannot_inject_markup_or_mathematics(out: Path) -> None:
    label = "糖尿病 $x_1$ <script>alert(1)</script> &"
    save_data(out, label=label)
    save_evaluation(out, label=label)
    html = write_report(a_run(out), out).read_text(encoding="utf-8")
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert Page(html).drawn.count("糖尿病 $x_1$ <") == 3


def test_with_only_the_data_the_other_sections_say_that_they_have_not_run(out: Path) -> None:
    save_data(out)
    found = page(out)
    assert found.text.count("Not run yet.") == 5
    assert "medtune evaluate RUN.yaml" in found.text
    assert "whether to tune has not been measured yet" in found.text
    assert len(found.pictures) == 3


def test_a_decision_not_to_tune_is_a_result_and_explains_the_missing_stages(out: Path) -> None:
    save_data(out)
    save_decision(out)
    against = {"verdict": "no", "recommendation": "classical"}
    Decision.load(out).model_copy(update=against).save(out)
    text = page(out).text
    assert "Tuning is not worth it: use the classical baseline and do not tune." in text
    assert "Tune if the small tune beats the best prompt and the classical baseline." in text
    assert text.count("The chain ended at the decision") == 4


def test_an_empty_folder_gives_a_page_and_a_summary(out: Path) -> None:
    assert "Nothing has run yet." in page(out).text
    assert "Not decided yet" in terminal_summary(a_run(out), out)


def test_a_broken_artifact_is_named_and_leaves_the_old_report(out: Path) -> None:
    save_data(out)
    before = write_report(a_run(out), out).read_bytes()
    write_text(out / "decision.json", "{}")
    with pytest.raises(DataError, match=r"decision\.json"):
        write_report(a_run(out), out)
    assert (out / "report.html").read_bytes() == before


def test_no_text_of_a_record_reaches_the_page(out: Path) -> None:
    save_all(out)
    secret = "patient Erika M. has a lump"
    for name in ("train.jsonl", "test.jsonl", "predictions.jsonl"):
        write_jsonl(out / name, [{"id": "1", "fields": {"note": secret}, "answer": secret}])
    card = DataCard.load(out).model_copy(update={"first_example": []})
    card.save(out)
    html = write_report(a_run(out), out).read_text(encoding="utf-8")
    assert "Erika" not in html
    assert "token by token" not in html


def test_a_changed_file_is_named_in_the_provenance(out: Path) -> None:
    save_data(out)
    assert "unchanged" in page(out).text
    write_text(out / "train.jsonl", '{"id": "2"}\n')
    assert "unchanged" not in page(out).text
    assert "changed" in page(out).text


def test_a_stage_older_than_its_inputs_is_pointed_out(out: Path) -> None:
    save_data(out)
    save_decision(out)
    assert "older than" not in page(out).text
    DataCard.load(out).model_copy(update={"created": "2026-03-02T09:00:00Z"}).save(out)
    assert "decide is older than data" in page(out).text


def test_a_password_in_the_settings_is_masked(out: Path) -> None:
    save_data(out)
    found = page(out)
    assert "geheim" not in found.text
    assert "postgresql://clinic:***@db.example/journal" in found.text


@pytest.mark.parametrize(
    ("difference", "says"),
    [
        (-0.12, "The classical baseline wins"),
        (-0.02, "The classical baseline scores higher"),
        (-0.001, None),  # printed as 0.00
        (0.08, None),
    ],
)
def test_the_page_says_plainly_when_the_classical_baseline_wins(
    out: Path, difference: float, says: str | None
) -> None:
    save_evaluation(out, against_classical=difference)
    text = page(out).text
    assert ("classical baseline wins" in text or "baseline scores higher" in text) == bool(says)
    if says:
        assert says in text
        assert says in " ".join(terminal_summary(a_run(out), out).split())


def test_what_the_checks_found_is_told_the_gravest_first(out: Path) -> None:
    save_data(out)
    text = " ".join(page(out).text.split())
    assert "1 check found something to look at: conflicting targets" in text
    assert "Such as: 21645374, 10808977." in text
    assert text.index("WARN") < text.index("PASS") < text.index("not looked at")
    assert "With twice the data, 882 examples, it would change by +0.03 (0.00 to +0.06)" in text
    assert "test begins on 2024-07-01" in text
    card = DataCard.load(out)
    bad = card.checks[0].model_copy(update={"outcome": "fail", "remedy": "export it again"})
    card.model_copy(update={"checks": [*card.checks, bad]}).save(out)
    assert "encoding: a release is refused till this is mended" in " ".join(page(out).text.split())


def test_leaked_records_are_shown_before_anything_else_of_the_data(out: Path) -> None:
    save_data(out)
    DataCard.load(out).model_copy(update={"leaks": ["r12", "r13"]}).save(out)
    text = page(out).text
    assert "2 records of validation or test were also in another split as published" in text
    assert "r12, r13" in text


def test_many_labels_give_a_table_of_mistakes_instead_of_a_matrix(out: Path) -> None:
    save_evaluation(out)
    labels = [f"code {n}" for n in range(30)]
    confusion = {label: {label: 5, labels[(n + 1) % 30]: n} for n, label in enumerate(labels)}
    Evaluation.load(out).model_copy(update={"confusion": confusion}).save(out)
    found = page(out)
    assert "with 30 labels a matrix cannot be read" in found.text
    # arms, differences, reliability, risk, subgroups, retention, robustness
    assert len(found.pictures) == 7


def test_a_free_answer_task_has_no_matrix_and_still_a_page(out: Path) -> None:
    save_data(out)
    DataCard.load(out).model_copy(update={"labels": {}, "subgroups": {}}).save(out)
    save_evaluation(out)
    bare = {"confusion": {}, "reliability": [], "calibration": {}, "subgroups": {}}
    bare |= {"confidence": None, "fairness": None, "retention": [], "robustness": []}
    Evaluation.load(out).model_copy(update=bare).save(out)
    assert len(page(out).pictures) == 4


def test_what_was_measured_beside_the_test_is_told_in_words(out: Path) -> None:
    save_evaluation(out)
    text = " ".join(page(out).text.split())
    for words in (
        "the smallest difference that it could be expected to show was 0.081",
        "A confidence of 86 % was chosen on validation to keep the wrong answers below 10 %",
        "3 subgroups with too few examples left out",
        "No area was shown to be lost",
        "s003",
        "The answers depend most on typos",
        "Of 8 made-up secrets in the training data it writes out 0",
        "1: other.jsonl (n = 100)",
        "it may not gate",
        "not whether they agree, and gates nothing",
        "evaluate.swaps names no age",
    ):
        assert words in text, words


@pytest.mark.parametrize(
    ("worse", "sentence"),
    [
        (("yes", "no"), "Shown to be worse than the rest by more than 0.050: “site: south”."),
        (
            ("not_enough_data", "no"),
            "None is shown to be worse than the rest by more than 0.050; of 1 of 2 it cannot be",
        ),
    ],
)
def test_a_subgroup_is_called_worse_by_the_corrected_test_only(out: Path, worse, sentence) -> None:
    """However far its own interval lies from the value over all."""
    save_evaluation(out)
    found = Evaluation.load(out)
    assert found.fairness is not None
    rows = [
        row.model_copy(update={"worse": verdict, "metric": found.primary})
        for row, verdict in zip(found.fairness.rows, worse, strict=True)
    ]
    fairness = found.fairness.model_copy(update={"rows": rows})
    found.model_copy(update={"fairness": fairness}).save(out)
    text = " ".join(page(out).text.split())
    assert sentence in text
    assert "served differently" not in text


def test_a_repeated_step_of_a_resumed_run_is_drawn_once(out: Path) -> None:
    save_tune(out)
    once = write_report(a_run(out), out).read_bytes()
    lines = (out / "tune.jsonl").read_text(encoding="utf-8").splitlines()
    write_text(out / "tune.jsonl", "\n".join([lines[3], *lines]) + "\n")
    assert write_report(a_run(out), out).read_bytes() == once


def test_unknown_lines_of_the_log_are_left_out(out: Path) -> None:
    save_tune(out)
    rows = [{}, {"step": 1, "loss": None}]
    write_text(out / "tune.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    found = page(out)
    assert found.pictures == []
    assert "LoRA, rank 16" in found.text


def test_the_summary_fits_a_terminal_and_lines_its_columns_up(out: Path) -> None:
    save_all(out)
    lines = terminal_summary(a_run(out), out).splitlines()
    assert max(len(line) for line in lines) <= 100
    rows = [line for line in lines if "|" in line]
    assert len(rows) == 5
    assert len({row.index("0.") for row in rows}) == 1
    assert all(re.search(r"\|-*o-*\|$", row) for row in rows)
    assert any(line.startswith("Should we tune?  Yes.") for line in lines)
    assert any(line.startswith("May it be used?  No: refused.") for line in lines)


def test_the_summary_shows_validation_before_the_sealed_test_has_run(out: Path) -> None:
    save_decision(out)
    text = terminal_summary(a_run(out), out)
    assert "macro-F1 on validation, 141 examples" in text
    assert "small tune" in text


def test_a_released_model_says_for_what_only(out: Path) -> None:
    save_release(out, released=True)
    text = page(out).text
    assert "Yes, for research only" in text
    assert "Not for the care of patients" in text


@pytest.mark.parametrize(
    ("parity", "says"),
    [
        (None, "Whether the served model is the trained one was not measured"),
        (Parity(tokens=640, base=2e-3, tuned=3e-3, effect=0.4), "The served model is the trained"),
        (Parity(tokens=640, base=2e-3, tuned=5e-3, effect=0.4), "The served model is not the tr"),
        (Parity(tokens=640, base=2e-3, tuned=1e-3, effect=3e-3), "The tuning makes no difference"),
    ],
)
def test_the_report_says_whether_the_served_model_is_the_trained_one(
    out: Path, parity: Parity | None, says: str
) -> None:
    save_release(out, released=True, parity=parity)
    text = " ".join(page(out).text.split())
    assert says in text
    if parity is not None:
        assert f"{parity.tuned:.2g} nats per token (limit 0.004 nats per token)" in text
