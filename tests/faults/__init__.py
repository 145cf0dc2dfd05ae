"""Faults planted on purpose, and the check of the product that must find each.

A family is a module `tests/faults/<family>.py`, or a package with such modules, that holds a tuple
`FAULTS`. All families are found by walking this package, so a new one is a new file and changes no
other. `tests/test_faults.py` runs them, `benchmarks/faults.py` counts them; see docs/faults.md.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Fault(Generic[T]):
    """One way for work to be wrong, with its clean twin.

    The check is always one of the product, never code of the test: what it says must come from
    `src/`. The clean twin goes through the same check and must pass without a word.
    """

    name: str
    """What is wrong, in a few words that read after "finds": "a patient in two splits"."""
    plant: Callable[[T], T]
    """The same work with the fault in it. It may change files that `clean` wrote."""
    clean: Callable[[Path], T]
    """Work without the fault. It may write to the empty folder it is given."""
    found: Callable[[T], str]
    """What the check says against the work, or "" if it passes. Never text of a record."""
    slow: bool = False
    """Whether it needs the embedded model: then only the e2e tests and the benchmark run it."""


def families() -> dict[str, tuple[Fault, ...]]:
    """The faults of every family, by the dotted name of its module below this package."""
    found: dict[str, tuple[Fault, ...]] = {}
    for module in walk_packages(__path__, prefix=f"{__name__}."):
        faults = getattr(import_module(module.name), "FAULTS", ())
        if faults:
            found[module.name.removeprefix(f"{__name__}.")] = tuple(faults)
    return found
