"""Energy and CO2 of a training, estimated by codecarbon from its bundled tables.

The power is measured where the machine tells it (RAPL, NVML), else taken from the processor's
thermal design power and its load; CO2 follows from the yearly electricity mix of the country. It
is the whole machine's, other work on it included, and it is an estimate. The offline tracker opens
no connection; nothing is written but our own record.

Source: codecarbon 3.3, https://github.com/mlco2/codecarbon.
"""

import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import NamedTuple, Protocol, cast

from medtune.errors import ConfigError

TASK = "tune"


class Data(Protocol):
    """What codecarbon says of a task."""

    energy_consumed: float
    emissions: float


class Tracker(Protocol):
    """As much of codecarbon's tracker as is used."""

    def start_task(self, task_name: str) -> None:
        """Begin to measure."""

    def stop_task(self) -> Data:
        """End, and say what was used."""
        ...


class Energy(NamedTuple):
    """What was used since the last question."""

    kwh: float
    co2_kg: float
    """CO2 equivalents."""


@contextmanager
def energy(country: str | None) -> Generator[Callable[[], Energy]]:
    """Give a function that says what this machine used since it was asked last; nothing if None."""
    if country is None:
        yield lambda: Energy(0.0, 0.0)
        return
    tracker = _tracker(country)
    tracker.start_task(TASK)

    def used() -> Energy:
        found = tracker.stop_task()
        tracker.start_task(TASK)
        return Energy(found.energy_consumed, found.emissions)

    try:
        yield used
    finally:
        tracker.stop_task()


def refuse_unknown(country: str | None) -> None:
    """Make sure that energy can be estimated, where a country is named.

    Raises:
        ConfigError: codecarbon is not installed or does not know the country.
    """
    if country is None:
        return
    if find_spec("codecarbon") is None:
        raise ConfigError(
            "compute.country: the estimate of energy and CO2 needs codecarbon; install it with "
            'pip install -e ".[energy]", or leave the key out'
        )
    known = import_module("codecarbon.input").DataSource().get_global_energy_mix_data()
    if country not in known:
        raise ConfigError(
            f"compute.country: codecarbon has no electricity mix of {country!r}; write the "
            "ISO 3166-1 alpha-3 code of the country, such as ESP"
        )


def _tracker(country: str) -> Tracker:
    logging.getLogger("codecarbon").setLevel(logging.CRITICAL)
    # What its own settings files could switch on is named here, so that it is off.
    made = import_module("codecarbon").OfflineEmissionsTracker(
        country_iso_code=country,
        region=None,
        cloud_provider=None,
        cloud_region=None,
        electricitymaps_api_token=None,
        output_methods=[],
        allow_multiple_runs=True,
        log_level="critical",
    )
    return cast("Tracker", made)
