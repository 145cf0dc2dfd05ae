"""The monitor tells changed use from the same use, and says when it cannot tell."""

import contextlib
import random
import sqlite3
from pathlib import Path

import pytest
from planted import HEAD, make_run
from sqlalchemy import insert

from medtune.artifacts import Monitor, Release
from medtune.config import MonitorSection, ServeSection
from medtune.errors import DataError, GateError, MachineError
from medtune.features import (
    FEATURES,
    NO_LABEL,
    Reference,
    summarise_features,
    text_features,
)
from medtune.monitor import monitor
from medtune.monitor.drift import drift_tests, smallest_visible_d
from medtune.monitor.journal import Use, read_use
from medtune.serve.journal import REQUESTS, Row, open_journal

ID = "0123456789abcdef"


def sentence(rng: random.Random, words: int) -> str:
    return " ".join(
        rng.choice(["fever", "no", "pain", "since", "12", "dose"]) for _ in range(words)
    )


def texts(seed: int, n: int, *, words: int = 20) -> list[str]:
    rng = random.Random(seed)
    return [sentence(rng, max(1, round(rng.gauss(words, 5)))) for _ in range(n)]


def answers(seed: int, n: int, *, yes: float = 0.5) -> list[str]:
    rng = random.Random(seed)
    return ["yes" if rng.random() < yes else "no" for _ in range(n)]


def released(out: Path, *, mix: dict[str, int] | None = None, **changed) -> None:
    fields = {
        "id": ID,
        "released": True,
        "scope": "research",
        "reasons": [],
        "findings": [],
        "guards_judged": [],
        "guards_not_built": [],
        "gates": [],
        "intended_use": "triage",
        "not_for": "care",
    }
    Release(**(HEAD | fields | changed)).save(out)
    mix = {"yes": 150, "no": 150, NO_LABEL: 0} if mix is None else mix
    Reference(features=summarise_features(texts(0, 300)), answers=mix).save(out / "release")


def used(url: str, asked: list[str], said: list[str], *, release_id=ID, status=200) -> None:
    """Fill a journal of the server in one transaction, for speed."""
    journal = open_journal(url, release_id)
    rows = [
        {
            "at": HEAD["created"],
            "release_id": release_id,
            "request_id": f"q{number}",
            "status": status,
            "seconds": 0.1,
            "answer": answer,
            **text_features(text),
        }
        for number, (text, answer) in enumerate(zip(asked, said, strict=True))
    ]
    with journal.engine.begin() as connection:
        connection.execute(insert(REQUESTS), rows)
    journal.close()


def look(out: Path, **sections) -> Monitor:
    return monitor(make_run(out, **sections), key="k", inputs={"release": "x"})


def url_of(out: Path) -> str:
    return make_run(out).journal_url


def test_the_same_use_has_not_drifted(out: Path):
    released(out)
    used(url_of(out), texts(1, 200), answers(1, 200))
    found = look(out)
    assert found.drifted == "no"
    assert found.requests == 200
    assert {test.feature for test in found.tests} == {*FEATURES, "answer"}
    assert found.proposal.startswith("Go on.")
    assert Monitor.load(out) == found


def test_longer_input_has_drifted_in_what_changed_and_nothing_else(out: Path):
    released(out)
    used(url_of(out), texts(1, 100, words=35), answers(1, 100))
    found = look(out)
    assert found.drifted == "yes"
    drifted = {test.feature for test in found.tests if test.drifted == "yes"}
    assert drifted >= {"characters", "words"}
    assert drifted.isdisjoint({"non_ascii_share", "answer"})
    assert "Use has changed in: characters, words" in found.proposal


def test_another_language_shows_in_the_characters(out: Path):
    released(out)
    asked = [text.replace("fever", "Fieber über 39 °C") for text in texts(1, 100)]
    used(url_of(out), asked, answers(1, 100))
    drifted = {test.feature for test in look(out).tests if test.drifted == "yes"}
    assert "non_ascii_share" in drifted


def test_another_mix_of_answers_has_drifted(out: Path):
    released(out)
    used(url_of(out), texts(1, 150), answers(1, 150, yes=0.9))
    found = look(out)
    (answer,) = [test for test in found.tests if test.feature == "answer"]
    assert found.drifted == answer.drifted == "yes"
    assert answer.statistic == pytest.approx(0.4, abs=0.08)
    assert answer.reference == "no 50%, yes 50% (n = 300)"


def test_replies_that_state_no_label_count_as_a_change(out: Path):
    released(out)
    said = [None if number % 2 else answer for number, answer in enumerate(answers(1, 100))]
    used(url_of(out), texts(1, 100), said)
    (answer,) = [test for test in look(out).tests if test.feature == "answer"]
    assert answer.drifted == "yes"


def test_few_requests_are_not_enough_to_tell(out: Path):
    released(out)
    used(url_of(out), texts(1, 49, words=90), answers(1, 49))
    found = look(out)
    assert (found.drifted, found.tests, found.requests) == ("not_enough_data", [], 49)
    assert "look again after 1 more" in found.proposal


def test_min_requests_is_the_run_s(out: Path):
    released(out)
    used(url_of(out), texts(1, 49, words=90), answers(1, 49))
    assert look(out, monitor=MonitorSection(min_requests=49)).drifted == "yes"


def test_no_journal_is_not_enough_and_creates_none(out: Path):
    released(out)
    found = look(out)
    assert (found.drifted, found.requests) == ("not_enough_data", 0)
    assert not (out / "journal.sqlite").exists()


def test_another_release_s_requests_do_not_count(out: Path):
    released(out)
    used(url_of(out), texts(1, 200, words=90), answers(1, 200), release_id="f" * 16)
    assert look(out).drifted == "not_enough_data"


def test_refused_requests_do_not_count(out: Path):
    released(out)
    used(url_of(out), texts(1, 200, words=90), answers(1, 200), status=400)
    assert look(out).requests == 0


def test_only_the_latest_requests_are_looked_at(out: Path):
    released(out)
    used(url_of(out), texts(1, 400, words=90), answers(1, 400))
    used(url_of(out), texts(2, 1000), answers(2, 1000))
    found = look(out)
    assert (found.requests, found.drifted) == (1000, "no")


def test_a_task_with_free_answers_has_no_answer_test(out: Path):
    released(out, mix={})
    used(url_of(out), texts(1, 100), [None] * 100)
    assert {test.feature for test in look(out).tests} == set(FEATURES)


def test_a_refused_release_is_not_monitored(out: Path):
    released(out, released=False)
    with pytest.raises(GateError, match="refused"):
        look(out)


def test_a_missing_reference_is_named(out: Path):
    released(out)
    (out / "release" / "reference.json").unlink()
    with pytest.raises(DataError, match=r"reference\.json: missing"):
        look(out)


def test_a_journal_of_another_version_is_named(out: Path):
    released(out)
    with contextlib.closing(sqlite3.connect(out / "journal.sqlite")) as connection:
        connection.execute("CREATE TABLE requests (id INTEGER, release_id TEXT)")
    with pytest.raises(DataError, match="another version"):
        look(out)


def test_a_file_that_is_no_journal_is_named(out: Path):
    released(out)
    (out / "journal.sqlite").write_text("no database at all, whoever looks at it\n" * 30)
    with pytest.raises(MachineError, match=r"serve\.journal"):
        look(out)


def test_an_empty_database_has_no_requests(out: Path):
    released(out)
    (out / "other.sqlite").touch()
    journal = f"sqlite:///{out / 'other.sqlite'}"
    assert look(out, serve=ServeSection(journal=journal)).drifted == "not_enough_data"


def use_of(asked: list[str], said: dict[str, int]) -> Use:
    rows = [text_features(text) for text in asked]
    return Use(len(asked), {name: [row[name] for row in rows] for name in FEATURES}, said)


def test_a_significant_but_tiny_change_does_not_alarm():
    reference = Reference(
        features=summarise_features(texts(0, 5000)), answers={"yes": 2500, "no": 2500}
    )
    use = use_of(texts(1, 5000, words=21), {"yes": 2750, "no": 2250})
    found = drift_tests(reference, use, alpha=0.01)
    tiny = [test for test in found if test.p_adjusted < 0.01]
    assert {test.feature for test in tiny} >= {"words", "answer"}
    assert [test for test in found if test.drifted == "yes"] == []


def test_the_same_use_seldom_alarms_in_a_hundred_looks():
    reference = Reference(
        features=summarise_features(texts(0, 300)), answers={"yes": 150, "no": 150}
    )
    alarms = 0
    for seed in range(1, 101):
        said = answers(seed, 100)
        use = use_of(texts(seed, 100), {"yes": said.count("yes"), "no": said.count("no")})
        alarms += any(t.drifted == "yes" for t in drift_tests(reference, use, alpha=0.01))
    assert alarms <= 5  # 1 expected; 6 or more has a chance of 0.0005


def test_rare_labels_are_pooled_and_one_label_alone_gives_no_test():
    before = {"a": 100, **{f"rare {i}": 1 for i in range(20)}}
    reference = Reference(features={}, answers=before)
    (found,) = drift_tests(reference, Use(120, {}, {"a": 60, "rare 3": 60}), alpha=0.01)
    assert found.drifted == "yes"
    alone = Reference(features={}, answers={"a": 50, NO_LABEL: 0})
    assert drift_tests(alone, Use(50, {}, {"a": 50}), alpha=0.01) == []


def test_the_smallest_visible_distance_shrinks_with_more_requests():
    few, many = smallest_visible_d(300, 50, 0.01), smallest_visible_d(300, 1000, 0.01)
    assert 0 < many < few < 1
    assert smallest_visible_d(1, 1, 0.01) == 1
    # critical value of the two-sample test at alpha = 0.01: 1.628 sqrt((n + m) / nm)
    assert smallest_visible_d(100, 100, 0.01) == pytest.approx(1.628 * 0.02**0.5, abs=0.001)


def test_the_journal_is_read_as_the_server_writes_it(out: Path):
    journal = open_journal(url_of(out), ID)
    journal.write(Row("q1", 200, 0.1, 20, 2, "yes", text_features("ab 12")))
    journal.write(Row("q2", 200, 0.1, 20, 2, None, text_features("x")))
    journal.write(Row("q3", 400, 0.1))
    journal.close()
    use = read_use(url_of(out), ID, latest=10)
    assert use.n == 2
    assert sorted(use.features["characters"]) == [1.0, 5.0]
    assert use.answers == {"yes": 1, NO_LABEL: 1}
