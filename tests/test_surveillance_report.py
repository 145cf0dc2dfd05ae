"""Signals, cells and reports: the listed failure modes, and texts that depart from the cells."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtune.clinical.surveillance.report import (
    Fault,
    cells,
    claims,
    faults,
    missing,
    numbers,
    shown,
    write_report,
)
from medtune.clinical.surveillance.series import (
    Cases,
    last_day,
    pooled,
    week_label,
    week_number,
    weekly_counts,
)
from medtune.clinical.surveillance.signals import Signal, control, judge_week
from medtune.clinical.surveillance.situation import case_facts, coverage_facts, delays, judge
from medtune.errors import DataError

MONDAY = date(2024, 1, 1)
WEEK = week_number(MONDAY)
CALM = [10.0, 12.0, 9.0, 11.0, 10.0, 13.0, 9.0, 10.0, 11.0]
FACTS = {
    "topic": "dengue",
    "place": "District 9",
    "period": "2015-W36",
    "status": "signal",
    "reported": "512",
    "expected": "34",
    "threshold": "88",
    "complete": "35%",
    "nowcast": "1402 (980 to 2010)",
    "trend": "+64% (+31 to +105)",
    "forecast": "2100 (900 to 4800)",
}
GOOD = (
    "Dengue in District 9, 2015-W36: 512 cases [reported], 34 expected [expected]. "
    "Signal: above the threshold of 88 [threshold], to be verified. "
    "Only 35% [complete] are in; expect 1402 (980 to 2010) [nowcast]. "
    "Rising, +64% (+31 to +105) a week [trend]. Next week 2100 (900 to 4800) [forecast]."
)


def weeks_of(counts: list[int], first: int, *, delay: int = 0) -> Cases:
    onsets = np.repeat(np.arange(first, first + len(counts)), counts)
    return Cases(onsets, onsets + delay)


def kinds(text: str, facts: dict[str, str] = FACTS) -> set[str]:
    return {fault.kind for fault in faults(facts, text)}


# --- failure modes of public-health monitoring -------------------------------------------------


def test_the_day_of_the_week_makes_no_signal():
    """Failure mode: laboratories report on Mondays what came in at the weekend."""
    days = np.arange(date(2024, 1, 1).toordinal(), date(2024, 5, 6).toordinal())
    daily = [18 if (day - 1) % 7 == 0 else 2 for day in days.tolist()]
    weeks = np.repeat((days - 1) // 7, daily)
    counts = weekly_counts(Cases(weeks, None), WEEK, WEEK + 17)
    assert set(counts) == {30.0}
    assert judge_week(counts).level == "no signal"


def test_a_week_that_has_not_ended_is_not_compared():
    cases = weeks_of([10] * 12, WEEK)
    with pytest.raises(DataError, match="2024-W06 is not over at the end of 2024-W05"):
        weekly_counts(cases, WEEK, WEEK + 5, known_at=WEEK + 4)
    assert (week_label(WEEK), last_day(WEEK)) == ("2024-W01", date(2024, 1, 7))


def test_a_cleared_backlog_is_no_signal():
    """Failure mode: cases of many weeks, all reported in the last one."""
    onsets = np.repeat(np.arange(WEEK, WEEK + 20), 10)
    reports = np.where(onsets % 2 == 0, onsets, WEEK + 19)  # every second week came in just now
    cases = Cases(onsets, reports)
    by_report = np.bincount(reports - WEEK).astype(float).tolist()
    assert judge_week(by_report).level == "watch"
    assert judge_week(weekly_counts(cases, WEEK, WEEK + 19)).level == "no signal"


def test_a_baseline_without_variance_gives_a_judgement_and_no_infinite_score():
    """Failure mode: S = 0."""
    found = judge_week([3.0] * 12)
    assert found.level == "no signal"
    assert found.p_value == pytest.approx(0.5)
    assert judge_week([3.0] * 11 + [9.0]).level == "watch"


def test_a_new_case_definition_is_never_compared_with_the_old_one():
    """Failure mode: twice as many cases because the test became better."""
    counts = [*CALM, *[2 * c for c in CALM[:3]]]
    assert judge_week(counts).level == "watch"
    changed = judge_week(counts, changed_at=len(CALM))
    assert changed.level == "not judged"
    assert changed.reason == "the case definition or test changed"
    assert changed.expected is None
    later = judge_week([*counts, *[2 * c for c in CALM]], changed_at=len(CALM))
    assert later.level == "no signal"


@pytest.mark.parametrize(
    "sentence",
    [
        "Cases rose because people in poor districts do not use nets.",
        "This is due to the rains.",
        "Residents are more likely to be infected.",
        "A patient died.",
    ],
)
def test_causes_and_statements_about_persons_are_refused(sentence: str):
    """Failure mode: ecological fallacy. Counts of places say nothing of persons or causes."""
    assert kinds(GOOD) == set()
    assert kinds(f"{GOOD} {sentence}") & {"cause", "person"}


@pytest.mark.parametrize(
    "sentence",
    [
        "The disease spreads through water from the new dam.",
        "It is contained; nobody needs to act.",
        "No action is needed.",
        "All is under.",
        "No cases are to be expected.",
        "The water is bad, 512 cases [reported].",
        "Signal, not to be verified: above the threshold of 88 [threshold].",
        "Only old cases.",
        "Next week no cases.",
    ],
)
def test_a_sentence_in_free_words_is_refused_whatever_it_says(sentence: str):
    """Failure mode: a cause or a reassurance in words that no list has."""
    new = {"a word that is none of a report's", "a sentence without a cell"}
    assert kinds(f"{GOOD} {sentence}") & new
    assert kinds(GOOD.replace("Signal: ", f"{sentence} Signal: ")) & new


@pytest.mark.parametrize(
    "sentence", ["Signal.", "This is a signal, to be verified.", "To be verified."]
)
def test_the_status_needs_no_cell(sentence: str):
    assert kinds(f"{GOOD} {sentence}") == set()


# --- signals -----------------------------------------------------------------------------------


def test_false_discovery_control_is_over_all_that_were_judged():
    def one(p: float, level="no signal") -> Signal:
        return Signal(level, "EARS C2", 20.0, 10.0, 15.0, p, None, "")

    few = control([one(0.03, "watch"), one(0.5)])
    assert few[0].level == "watch"  # q = 0.06
    assert few[0].q_value == pytest.approx(0.06)
    assert control([one(0.02, "watch"), one(0.5)])[0].level == "signal"
    many = control([one(0.02, "watch"), *[one(0.5) for _ in range(20)]])
    assert many[0].level == "watch"
    assert many[0].reason == "not above the threshold once all places are judged together"


def test_what_was_not_judged_does_not_count():
    none = Signal("not judged", "none", 5.0, None, None, None, None, "too little history")
    assert control([none]) == [none]


def test_a_nowcast_above_the_threshold_is_a_watch_never_a_signal():
    counts = [*CALM, 11.0]
    assert judge_week(counts).level == "no signal"
    found = control([judge_week(counts, nowcast=60.0)])[0]
    assert found.level == "watch"
    assert found.reason == "only the nowcast is above the threshold"


def test_years_of_history_use_farrington_and_weeks_use_ears():
    y = np.random.default_rng(0).poisson(9, 300).astype(float).tolist()
    assert judge_week(y).method == "Farrington Flexible"
    assert judge_week(y[-50:]).method == "EARS C2"
    assert judge_week(y[-6:]).method == "none"


# --- cells -------------------------------------------------------------------------------------


def test_the_cells_are_those_known_when_the_week_ended():
    cases = weeks_of([30] * 40, WEEK, delay=1)  # all are reported a week later
    early = Cases(
        np.append(cases.onsets, [WEEK + 30] * 12), np.append(cases.reports, [WEEK + 30] * 12)
    )
    learn = delays(early, WEEK + 30)
    signal = judge(early, WEEK + 30, learn=learn, first=WEEK)
    found = case_facts(early, WEEK + 30, signal, head=("dengue", "A"), learn=learn, first=WEEK)
    assert found["reported"] == "12"  # of 42
    assert float(found["complete"].rstrip("%")) < 30
    assert float(numbers(found["nowcast"])[0]) > 20
    assert found["period"] == "2024-W31"


def test_a_small_count_takes_all_that_would_give_it_away_with_it():
    cases = weeks_of([20] * 30 + [4], WEEK)
    signal = judge(cases, WEEK + 30, first=WEEK)
    found = case_facts(cases, WEEK + 30, signal, head=("dengue", "A"), first=WEEK)
    assert cells(found) == {"reported": "<11"}
    assert "4" not in write_report(found).replace("2024", "")
    assert write_report(found).endswith("No signal: small counts are withheld.")


def test_a_cleared_backlog_is_said_in_the_report():
    onsets = np.repeat(np.arange(WEEK, WEEK + 31), 30)
    reports = np.where((onsets < WEEK + 20) & (onsets % 2 == 0), WEEK + 30, onsets)
    cases = Cases(onsets, reports)
    learn = delays(cases, WEEK + 30)
    signal = judge(cases, WEEK + 30, learn=learn, first=WEEK)
    found = case_facts(cases, WEEK + 30, signal, head=("dengue", "A"), learn=learn, first=WEEK)
    assert signal.level != "signal"
    assert float(found["backlog"].rstrip("%")) > 80
    assert "are old [backlog]" in write_report(found)
    assert faults(found, write_report(found)) == missing(found, write_report(found)) == []


def test_a_trend_that_could_be_anything_is_left_out():
    cases = weeks_of([0] * 25 + [1, 0, 0, 0, 1, 60], WEEK)
    signal = judge(cases, WEEK + 30, first=WEEK)
    found = case_facts(cases, WEEK + 30, signal, head=("dengue", "A"), first=WEEK)
    assert "trend" not in found
    assert "forecast" in found
    assert faults(found, write_report(found)) == missing(found, write_report(found)) == []


def test_pooling_places_with_and_without_report_dates_is_refused():
    with pytest.raises(DataError, match="pool them apart"):
        pooled([weeks_of([1], WEEK), Cases(np.array([WEEK]), None)])
    both = pooled([weeks_of([1], WEEK), weeks_of([2], WEEK)])
    assert weekly_counts(both, WEEK, WEEK) == [3.0]
    with pytest.raises(DataError, match="an onset and a report"):
        Cases(np.array([1, 2]), np.array([1]))


def test_coverage_cells_and_what_they_show():
    found = coverage_facts(
        head=("child vaccination", "North", "2022"),
        children=400,
        doses={"bcg": 386, "dtp3": 300, "measles": 358, "none": 14},
    )
    assert found["dtp3"] == "75% (71 to 79)"
    assert [shown(found, key) for key in ("bcg", "dtp3", "measles", "none")] == [
        "on target",
        "below target",
        "unclear",
        "",
    ]
    assert found["dropout"] == "7% (5 to 10)"
    withheld = coverage_facts(
        head=("child vaccination", "North", "2022"),
        children=50,
        doses={"bcg": 45, "dtp3": 25, "measles": 0, "full": 50, "none": 2},
    )
    assert cells(withheld).keys() == {"children", "target", "dtp3", "measles", "full"}
    assert faults(withheld, write_report(withheld)) == []
    near = {"bcg": 380, "measles": 372}
    found = coverage_facts(head=("child vaccination", "N", "2022"), children=400, doses=near)
    assert "dropout" not in found
    public = coverage_facts(
        head=("child vaccination", "N", "2022"), children=400, doses=near, is_published=True
    )
    assert public["dropout"].startswith("2%")
    few = coverage_facts(head=("child vaccination", "X", "2022"), children=7, doses={"bcg": 7})
    assert cells(few) == {"children": "<11"}
    assert faults(few, write_report(few)) == []


# --- reports -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("Cases are rising fast: 688 cases [reported].", "a direction beside another cell"),
        ("Cases fell to 688 cases [reported].", "a direction beside another cell"),
        ("688 cases [reported]. The number is growing.", "a direction beside another cell"),
        ("688 deaths [reported].", "not what the cell counts"),
        ("688 deaths [reported].", "outcome"),
        ("688 infected households [reported].", "not what the cell counts"),
        ("Deaths: 688 cases [reported].", "outcome"),
    ],
)
def test_a_direction_or_a_count_that_no_cell_shows_is_a_fault(said, kind):
    facts = FACTS | {"reported": "688", "trend": "+2% (-20 to +30)"}
    assert kind in kinds(said, facts)
    assert faults(facts, "688 cases [reported].") == []
    assert faults(facts, "688 new cases were [reported].") == []


def test_the_written_report_is_the_good_one_and_has_no_fault():
    assert write_report(FACTS) == GOOD
    assert faults(FACTS, GOOD) == []
    assert missing(FACTS, GOOD) == []
    assert claims(FACTS, GOOD) == sorted(
        [
            "topic: dengue",
            "place: District 9",
            "period: 2015-W36",
            "status: signal",
            "reported: 512",
            "expected: 34",
            "threshold: 88 above",
            "complete: 35",
            "nowcast: 1402 980 2010",
            "trend: 64 31 105 rising",
            "forecast: 2100 900 4800",
        ]
    )


@given(
    st.integers(11, 9999),
    st.integers(0, 99),
    st.integers(0, 9999),
    st.tuples(st.integers(-90, 300), st.integers(0, 90), st.integers(0, 90)),
    st.sampled_from(["signal", "watch", "no signal"]),
)
def test_whatever_the_cells_the_rule_writes_no_fault(reported, expected, upper, trend, status):
    low, high = trend[0] - trend[1], trend[0] + trend[2]
    facts = FACTS | {
        "status": status,
        "reported": str(reported),
        "expected": str(expected),
        "threshold": str(upper),
        "trend": f"{trend[0]:+d}% ({low:+d} to {high:+d})",
    }
    text = write_report(facts)
    assert faults(facts, text) == []
    assert missing(facts, text) == []
    assert len(claims(facts, text)) == 11


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("512 cases", "513 cases", "not the numbers of the cell"),
        ("512 cases", "51 cases", "not the numbers of the cell"),
        ("1402 (980 to 2010)", "1402", "not the numbers of the cell"),
        ("1402 (980 to 2010)", "1402 (2010 to 980)", "not the numbers of the cell"),
        ("+64%", "-64%", "not the numbers of the cell"),
        ("34 expected [expected]", "34 expected [baseline]", "no such cell"),
        ("[forecast].", "[forecast]. That is 15 times more.", "number without a cell"),
        ("Rising", "Falling", "not what the cell shows"),
        ("Rising", "Stable", "not what the cell shows"),
        ("Rising, ", "", "not what the cell shows"),
        ("Rising", "Rising or falling", "not what the cell shows"),
        ("above", "below", "not what the cell shows"),
        ("above", "not above", "not what the cell shows"),
        ("Signal:", "No signal:", "not the computed status"),
        ("Signal:", "This is not a signal:", "not the computed status"),
        ("Signal:", "Watch:", "not the computed status"),
        ("Signal:", "Outbreak:", "outbreak"),
        ("Signal:", "Signal, not an outbreak:", "outbreak"),
        ("to be verified", "an emergency", "outbreak"),
        ("512 cases", "512 cases, twice as many as before", "number in words"),
        ("512 cases", "About half of the 512 cases", "number in words"),
        ("512 cases", "512 cases (34 more)", "not the numbers of the cell"),
    ],
)
def test_a_text_that_departs_from_the_cells_is_caught(old: str, new: str, kind: str):
    assert old in GOOD
    assert kind in kinds(GOOD.replace(old, new, 1))


def test_leaving_out_the_signal_or_the_delay_is_seen():
    assert missing(FACTS, GOOD.replace("Signal: above", "It is above")) == ["status"]
    without = GOOD.replace("Only 35% [complete] are in; expect 1402 (980 to 2010) [nowcast]. ", "")
    assert missing(FACTS, without) == ["complete", "nowcast"]
    assert missing(FACTS, "") == [*FACTS]
    assert missing(FACTS, GOOD.replace("District 9", "another district")) == ["place"]
    assert missing(FACTS, GOOD.replace("2015-W36", "2016-W36")) == ["period"]


def test_the_digits_of_a_place_and_a_week_are_no_numbers_of_a_cell():
    assert faults(FACTS, GOOD.replace("District 9", "district 9")) == []
    assert "not the numbers of the cell" in kinds(GOOD.replace("District 9", "District 8"))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1,402 (980 to 2,010)", ("1402", "980", "2010")),
        ("fewer than 11 cases", ("<11",)),
        ("<11", ("<11",)),
        ("−12% (-30 to +8)", ("-12", "-30", "8")),
        ("0.5 and 3.", ("0.5", "3")),
        ("no number", ()),
    ],
)
def test_numbers_are_read_as_they_stand(text, found):
    assert numbers(text) == found


def test_an_empty_text_claims_nothing_and_has_no_fault_but_says_nothing():
    assert claims(FACTS, "") == []
    assert faults(FACTS, "") == []
    assert Fault("no such cell", "x") in faults(FACTS, "3 [x]")
