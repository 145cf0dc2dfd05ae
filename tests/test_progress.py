import os
import pty
import subprocess
import sys
import time

import pytest

from medtune import progress as module
from medtune.progress import amount, duration, progress, say


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch):
    """A clock that moves only when told to."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def move(seconds: float) -> None:
        now[0] += seconds

    return move


def test_short_work_writes_nothing_into_a_log(capsys, clock):
    with progress("scoring", 3, "examples") as advance:
        clock(1.9)
        advance(3)
    assert capsys.readouterr() == ("", "")


def test_a_log_gets_a_line_in_ten_seconds_at_most_and_a_closing_one(capsys, clock):
    with progress("scoring", 100, "examples") as advance:
        for _ in range(50):
            clock(1)
            advance(2)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "\r" not in captured.err
    assert captured.err.splitlines() == [
        "scoring: 20 of 100 examples, 2 examples/s, 40 s left",
        "scoring: 40 of 100 examples, 2 examples/s, 30 s left",
        "scoring: 60 of 100 examples, 2 examples/s, 20 s left",
        "scoring: 80 of 100 examples, 2 examples/s, 10 s left",
        "scoring: 100 examples in 50 s",
    ]


def test_interrupted_work_says_how_far_it_came(capsys, clock):
    def work() -> None:
        with progress("tuning", 10, "steps") as advance:
            clock(5)
            advance(3)
            raise ValueError("boom")

    with pytest.raises(ValueError, match="boom"):
        work()
    assert capsys.readouterr().err == "tuning: stopped after 3 of 10 steps in 5 s\n"


def test_an_unknown_total_gives_no_time_left(capsys, clock):
    with progress("reading", 0, "rows") as advance:
        clock(12)
        advance(1200)
        clock(1)
    assert capsys.readouterr().err.splitlines() == [
        "reading: 1,200 rows, 100 rows/s",
        "reading: 1,200 rows in 13 s",
    ]


def test_nested_jobs_in_a_log_each_close_their_own_line(capsys, clock):
    with progress("outer", 2, "arms") as outer:
        with progress("inner", 1, "examples") as inner:
            clock(3)
            inner(1)
        outer(2)
    assert capsys.readouterr().err.splitlines() == [
        "inner: 1 examples in 3 s",
        "outer: 2 arms in 3 s",
    ]


def test_say_writes_one_line_to_standard_error(capsys):
    say("[bold]as it is[/bold]")
    assert capsys.readouterr() == ("", "[bold]as it is[/bold]\n")


def test_force_color_does_not_turn_a_log_into_a_terminal(capsys, clock, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress("scoring", 3, "examples") as advance:
        clock(3)
        advance(3)
    assert capsys.readouterr().err == "scoring: 3 examples in 3 s\n"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "0 s"),
        (59.4, "59 s"),
        (185, "3 min 05 s"),
        (7800, "2 h 10 min"),
        (3599.9, "1 h 00 min"),
    ],
)
def test_a_duration_reads_as_words(seconds, words):
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("n", "unit", "words"),
    [
        (92_871_040, "bytes", "92.9 MB"),
        (1_500, "bytes", "1.5 kB"),
        (3.14, "steps", "3.1 steps"),
        (1234.5, "tokens", "1,234 tokens"),
    ],
)
def test_an_amount_has_its_unit(n, unit, words):
    assert amount(n, unit) == words


def on_a_terminal(script: str) -> str:
    """What a script writes to a terminal that is its standard error."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    child = subprocess.Popen([sys.executable, "-c", script], stderr=theirs, env=environment)
    os.close(theirs)
    seen = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # Linux: the other end is closed
            break
        if not piece:
            break
        seen += piece
    os.close(ours)
    assert child.wait() == 0, seen.decode()
    return seen.decode()


def test_a_terminal_shows_bars_nested_and_in_turn():
    seen = on_a_terminal(
        "import time\n"
        "from medtune.progress import progress, say\n"
        "with progress('outer', 2, 'arms') as outer:\n"
        "    for _ in range(2):\n"
        "        with progress('inner', 4, 'examples') as inner:\n"
        "            time.sleep(0.1)\n"
        "            inner(4)\n"
        "        say('[an arm] is done')\n"
        "        outer(1)\n"
        "with progress('next', 1, 'steps') as advance:\n"
        "    advance(1)\n"
    )
    assert "\x1b[" in seen
    assert "4 of 4 examples" in seen
    assert "2 of 2 arms" in seen
    assert "1 of 1 steps" in seen
    assert "examples/s" in seen
    assert seen.count("[an arm] is done") == 2


def test_there_is_one_console_for_all_bars():
    assert module.CONSOLE.stderr
