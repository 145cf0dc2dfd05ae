"""The table of the eight: what counts as a win, and what is said of an arm that was not run."""

import importlib.util
from pathlib import Path

import pytest

PATH = Path(__file__).parents[1] / "benchmarks" / "applications.py"
spec = importlib.util.spec_from_file_location("applications", PATH)
applications = importlib.util.module_from_spec(spec)
spec.loader.exec_module(applications)


def summary(**better: str) -> dict:
    return {
        "verdict": "yes",
        "recommendation": "tune",
        "metric": "accuracy",
        "n_test": 40,
        "arms": {"tuned": [0.8, 0.7, 0.9]} | {arm: [0.5, 0.4, 0.6] for arm in better},
        "tuned_against": {
            arm: {"difference": [0.3, 0.1, 0.5], "p_adjusted": 0.012, "better": one}
            for arm, one in better.items()
        },
    }


def test_a_difference_that_is_not_shown_is_no_win():
    won = summary(zero_shot="yes", few_shot="yes", classical="no")
    not_told = summary(zero_shot="yes", few_shot="not_enough_data")
    assert applications.wins(won)
    assert not applications.wins(not_told)
    assert not applications.wins(summary(classical="yes"))
    text = "\n".join(applications.table({"a": won, "b": not_told}))
    assert "in 1 of 2 applications" in text
    assert "Not in b: not shown against few_shot." in text


def test_an_arm_that_was_not_run_is_named_so():
    text = "\n".join(applications.table({"a": summary(zero_shot="yes")}))
    assert text.count("not run") == 3
    assert "0.800 (0.700 to 0.900)" in text


def test_writing_replaces_the_tables_and_nothing_else():
    page = f"head\n{applications.START}\nold\n{applications.END}\ntail\n"
    once = applications.put(page, ["new"])
    assert once == applications.put(once, ["new"])
    assert once.startswith("head\n")
    assert once.endswith("\ntail\n")
    assert "old" not in once
    with pytest.raises(AssertionError):
        applications.put("a page without marks", ["new"])


def test_every_application_has_a_run_file_that_the_table_can_take():
    missing = [
        name
        for name in applications.APPS
        if not (applications.ROOT / "configs" / f"{name}.yaml").is_file()
    ]
    assert missing == []


def test_the_page_has_the_marks():
    page = applications.PAGE.read_text(encoding="utf-8")
    assert page.index(applications.START) < page.index(applications.END)
