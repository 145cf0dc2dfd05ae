"""How far a long job is, on standard error: a bar on a terminal, plain lines in a log.

A log gets at most one line in ten seconds and a closing one, no carriage returns, and nothing at
all from work that took under two seconds.
"""

import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

LINE_EVERY_S = 10.0
WORTH_A_LINE_S = 2.0
CONSOLE = Console(stderr=True)
"""One for all bars: rich stacks nested bars of the same console, and follows `sys.stderr`."""


@dataclass
class _Meter:
    """Counts the work done and words it."""

    what: str
    total: int
    """0 if not known beforehand."""
    unit: str
    """A plural noun; "bytes" are shown as kB or MB."""
    started: float
    """Reading of the monotonic clock."""
    done: int = 0

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    @property
    def amount(self) -> str:
        if not self.total:
            return amount(self.done, self.unit)
        if self.unit == "bytes":
            return f"{amount(self.done, self.unit)} of {amount(self.total, self.unit)}"
        return f"{self.done:,} of {self.total:,} {self.unit}"

    @property
    def pace(self) -> str:
        """Rate and time left, or an empty string before there is a rate."""
        if not self.done or self.seconds <= 0:
            return ""
        rate = self.done / self.seconds
        text = f"{amount(rate, self.unit)}/s"
        if self.total > self.done:
            text += f", {duration((self.total - self.done) / rate)} left"
        return text

    def line(self) -> str:
        return f"{self.what}: " + ", ".join(part for part in (self.amount, self.pace) if part)

    def closing_line(self, *, ended_well: bool) -> str:
        end = "" if ended_well else "stopped after "
        done = amount(self.done, self.unit) if ended_well else self.amount
        return f"{self.what}: {end}{done} in {duration(self.seconds)}"


@contextmanager
def progress(what: str, total: int, unit: str) -> Generator[Callable[[int], None]]:
    """Give `advance(n)`, to be called when `n` more of `total` are done.

    Args:
        what: The job in a few words, such as "scoring the sealed test".
        total: How much there is to do; 0 if that is not known.
        unit: What is counted, as a plural noun. "bytes" are shown as kB or MB.
    """
    meter = _Meter(what, total, unit, time.monotonic())
    show = _bar if sys.stderr.isatty() and CONSOLE.is_terminal else _lines
    with show(meter) as advance:
        yield advance


def say(text: str) -> None:
    """Write one plain line to standard error, above any bar."""
    if sys.stderr.isatty() and CONSOLE.is_terminal:
        CONSOLE.print(text, markup=False, highlight=False, emoji=False, soft_wrap=True)
    else:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def duration(seconds: float) -> str:
    """Seconds in words, such as "41 s", "3 min 05 s" or "2 h 10 min"."""
    whole = round(seconds)
    if whole < 60:  # noqa: PLR2004  seconds in a minute
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:  # noqa: PLR2004  minutes in an hour
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def amount(n: float, unit: str) -> str:
    """A number with its unit, such as "12.5 MB", "3.1 examples" or "1,200 tokens"."""
    if unit == "bytes":
        return f"{n / 1e6:,.1f} MB" if n >= 1e6 else f"{n / 1e3:,.1f} kB"  # noqa: PLR2004  SI prefixes
    small = n != int(n) and n < 100  # noqa: PLR2004  three digits are enough of a rate
    return f"{n:,.1f} {unit}" if small else f"{n:,.0f} {unit}"


@contextmanager
def _bar(meter: _Meter) -> Generator[Callable[[int], None]]:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[amount]}", markup=False),
        TextColumn("{task.fields[pace]}", markup=False),
    )
    with Progress(*columns, console=CONSOLE, refresh_per_second=4) as bar:
        task = bar.add_task(
            meter.what, total=meter.total or None, amount=meter.amount, pace=meter.pace
        )

        def advance(n: int) -> None:
            meter.done += n
            bar.update(task, completed=meter.done, amount=meter.amount, pace=meter.pace)

        yield advance


@contextmanager
def _lines(meter: _Meter) -> Generator[Callable[[int], None]]:
    spoke = meter.started

    def advance(n: int) -> None:
        nonlocal spoke
        meter.done += n
        now = time.monotonic()
        if now - spoke >= LINE_EVERY_S and meter.done != meter.total:
            spoke = now
            say(meter.line())

    ended_well = False
    try:
        yield advance
        ended_well = True
    finally:
        if meter.seconds > WORTH_A_LINE_S:
            say(meter.closing_line(ended_well=ended_well))
