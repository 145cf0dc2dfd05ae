"""Who is in the data, with which labels and gaps, and where the records are from."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from faults import Fault
from faults.data.content import by
from faults.data.notes import LABELS, clean, says
from medtune.data.checks import origin, people
from medtune.data.checks.proxy import proxies
from medtune.records import Example

Notes = list[Example]
POPULATION = {"sex": {"female": 0.5, "male": 0.5}}


def _representation(notes: Notes) -> str:
    return says(people.representation(notes, POPULATION, "census 2020"))


def _rates(notes: Notes) -> str:
    return says(people.label_rates(notes, LABELS))


def kept(wanted: Callable[[int, Example], bool]) -> Callable[[Notes], Notes]:
    """Keep only some of the records."""
    return lambda notes: [e for n, e in enumerate(notes) if wanted(n, e)]


def _told_by_ward(notes: Notes) -> Notes:
    wards = {"female": "gynaecology", "male": "urology"}
    return [replace(e, fields={**e.fields, "ward": wards[e.subgroups["sex"]]}) for e in notes]


def _gap(notes: Notes) -> Notes:
    return [
        replace(e, fields={**e.fields, "albumin_g_dl": ""})
        if e.subgroups["sex"] == "female" and n % 3
        else e
        for n, e in enumerate(notes)
    ]


def _licences(notes: Notes) -> str:
    found = {"a.csv": Counter(e.licence for e in notes)}
    return says(origin.licences(found)) or says(origin.restrictions(found))


FAULTS = (
    Fault(
        "a group far from its share of the population",
        kept(lambda n, e: e.subgroups["sex"] == "male" or n % 4 == 0),
        clean,
        _representation,
    ),
    Fault(
        "a group too small to be tested",
        kept(lambda n, e: e.subgroups["site"] == "north" or n % 9 == 0),
        lambda folder: [*clean(folder), *(replace(e, id=f"{e.id}b") for e in clean(folder))],
        by(people.sizes),
    ),
    Fault(
        "a label that one group gets more often",
        kept(lambda n, e: e.subgroups["sex"] == "male" or e.target == "renal" or n % 5 == 0),
        clean,
        _rates,
    ),
    Fault("a field that is empty for one group", _gap, clean, by(people.missing)),
    Fault("a field that gives the group away", _told_by_ward, clean, by(partial(proxies, seed=0))),
    Fault(
        "records without a licence",
        lambda notes: [replace(e, licence="") if n % 50 == 0 else e for n, e in enumerate(notes)],
        clean,
        _licences,
    ),
    Fault(
        "a licence that forbids some uses",
        lambda notes: [replace(e, licence="CC BY-NC 4.0") for e in notes],
        clean,
        _licences,
    ),
)
