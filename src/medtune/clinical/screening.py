"""PHQ-2, PHQ-9 and GAD-7: total, severity, missing items, and the answer that needs a person now.

Sources: PHQ-9, Kroenke 2001, J Gen Intern Med 16:606, doi:10.1046/j.1525-1497.2001.016009606.x;
PHQ-2, Kroenke 2003, Med Care 41:1284; GAD-7, Spitzer 2006, Arch Intern Med 166:1092,
doi:10.1001/archinte.166.10.1092. LOINC 2.78 codes as in HL7 US Core and the HL7 Personal Health
Record guide. The wording of the items is free: "No permission required to reproduce, translate,
display or distribute" (Pfizer, on the forms).

Missing items: of the PHQ-9 up to two may be missing, and the total is then nine times the mean of
the rest (instruction manual of the PHQ; known from secondary sources, not read in the manual). No
published rule for the PHQ-2 and the GAD-7 could be confirmed, so they have no total then. In each
case `at_least`, the sum of what was answered, is certain.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from medtune.clinical.urgency import Urgency
from medtune.errors import DataError

Instrument = Literal["PHQ-2", "PHQ-9", "GAD-7"]
HIGHEST_ANSWER = 3
ANSWERS: Mapping[int, tuple[str, str]] = {
    0: ("LA6568-5", "Not at all"),
    1: ("LA6569-3", "Several days"),
    2: ("LA6570-1", "More than half the days"),
    3: ("LA6571-9", "Nearly every day"),
}
"""LOINC answer code and wording by points."""
STEM = "Over the last 2 weeks, how often have you been bothered by any of the following problems?"
SELF_HARM_ITEM = "44260-8"


@dataclass(frozen=True, slots=True)
class Questionnaire:
    """One instrument: its items by LOINC code in order, its bands, and what may be missing."""

    name: Instrument
    panel: str
    """LOINC code of the panel."""
    total: str
    """LOINC code of the total."""
    items: Mapping[str, str]
    bands: tuple[tuple[int, str], ...]
    """Lowest total of each severity, from low to high."""
    positive: int
    """Total from which the screen is positive."""
    most_missing: int
    """Items that may be missing for a total to be made."""

    @property
    def highest(self) -> int:
        """The highest total."""
        return HIGHEST_ANSWER * len(self.items)

    def severity(self, total: float) -> str:
        """The severity of a total."""
        return next(name for low, name in reversed(self.bands) if total >= low)


PHQ_2 = Questionnaire(
    "PHQ-2",
    "55757-9",
    "55758-7",
    {
        "44250-9": "Little interest or pleasure in doing things",
        "44255-8": "Feeling down, depressed, or hopeless",
    },
    ((0, "negative"), (3, "positive")),
    positive=3,
    most_missing=0,
)
PHQ_9 = Questionnaire(
    "PHQ-9",
    "44249-1",
    "44261-6",
    {
        **PHQ_2.items,
        "44259-0": "Trouble falling or staying asleep, or sleeping too much",
        "44254-1": "Feeling tired or having little energy",
        "44251-7": "Poor appetite or overeating",
        "44258-2": "Feeling bad about yourself - or that you are a failure or have let yourself or "
        "your family down",
        "44252-5": "Trouble concentrating on things, such as reading the newspaper or watching "
        "television",
        "44253-3": "Moving or speaking so slowly that other people could have noticed? Or the "
        "opposite - being so fidgety or restless that you have been moving around a lot more than "
        "usual",
        SELF_HARM_ITEM: "Thoughts that you would be better off dead or of hurting yourself in some "
        "way",
    },
    ((0, "minimal"), (5, "mild"), (10, "moderate"), (15, "moderately severe"), (20, "severe")),
    positive=10,
    most_missing=2,
)
GAD_7 = Questionnaire(
    "GAD-7",
    "69737-5",
    "70274-6",
    {
        "69725-0": "Feeling nervous, anxious or on edge",
        "68509-9": "Not being able to stop or control worrying",
        "69733-4": "Worrying too much about different things",
        "69734-2": "Trouble relaxing",
        "69735-9": "Being so restless that it is hard to sit still",
        "69689-8": "Becoming easily annoyed or irritable",
        "69736-7": "Feeling afraid as if something awful might happen",
    },
    ((0, "minimal"), (5, "mild"), (10, "moderate"), (15, "severe")),
    positive=10,
    most_missing=0,
)
QUESTIONNAIRES: Mapping[str, Questionnaire] = {one.name: one for one in (PHQ_2, PHQ_9, GAD_7)}


@dataclass(frozen=True, slots=True)
class Screening:
    """The result of one questionnaire."""

    instrument: Instrument
    total: float | None
    """None if too many items are missing."""
    at_least: int
    """The sum of what was answered: the total can only be higher."""
    missing: tuple[str, ...]
    """LOINC codes of the items without an answer."""
    prorated: bool
    severity: str | None
    """Of the total, or None without one."""
    positive: bool | None
    """Whether the screen is positive; None if the missing items could decide it."""
    self_harm: int | None
    """Points of item 9 of the PHQ-9; None if it was not asked or not answered."""
    urgency: Urgency | None
    why: str


def score(instrument: str, answers: Mapping[str, int | None]) -> Screening:
    """Score one questionnaire.

    Item 9 of the PHQ-9 from 1 on calls for a safety assessment today, whatever the total and
    whatever is missing. An item 9 without an answer is never read as 0: it must be asked.

    Args:
        instrument: PHQ-2, PHQ-9 or GAD-7.
        answers: Points from 0 to 3 by LOINC code of the item; None or absent is missing.

    Raises:
        DataError: The instrument or an item is unknown, or an answer is not 0, 1, 2 or 3.
    """
    form = QUESTIONNAIRES.get(instrument)
    if form is None:
        raise DataError(f"questionnaire {instrument!r}: not one of {', '.join(QUESTIONNAIRES)}")
    given = _given(form, answers)
    missing = tuple(code for code in form.items if code not in given)
    at_least = sum(given.values())
    total: float | None = None
    if len(missing) <= form.most_missing:
        total = at_least if not missing else len(form.items) * at_least / len(given)
    self_harm = given.get(SELF_HARM_ITEM)
    urgency, why = _urgency(form, total, at_least, self_harm)
    return Screening(
        instrument=form.name,
        total=total,
        at_least=at_least,
        missing=missing,
        prorated=bool(missing) and total is not None,
        severity=None if total is None else form.severity(total),
        positive=_is_positive(form, total, at_least, len(missing)),
        self_harm=self_harm,
        urgency=urgency,
        why=why,
    )


def _given(form: Questionnaire, answers: Mapping[str, int | None]) -> dict[str, int]:
    unknown = sorted(answers.keys() - form.items.keys())
    if unknown:
        raise DataError(f"{form.name}: {', '.join(unknown)}: not items of it (LOINC codes)")
    given = {code: answer for code, answer in answers.items() if answer is not None}
    for code, answer in given.items():
        if isinstance(answer, bool) or answer not in ANSWERS:
            raise DataError(f"{form.name}: item {code}: an answer is 0, 1, 2 or 3 points")
    return given


def _is_positive(
    form: Questionnaire, total: float | None, at_least: int, n_missing: int
) -> bool | None:
    if total is not None:
        return total >= form.positive
    if at_least >= form.positive:
        return True
    return None if at_least + HIGHEST_ANSWER * n_missing >= form.positive else False


def _urgency(
    form: Questionnaire, total: float | None, at_least: int, self_harm: int | None
) -> tuple[Urgency | None, str]:
    known = at_least if total is None else total
    if self_harm:
        found = (Urgency.URGENT, "item 9 is 1 or more: assess safety today, whatever the total")
    elif form is PHQ_9 and self_harm is None:
        found = (Urgency.ROUTINE, "item 9 has no answer: ask it, for it is not 0")
    elif known >= form.positive:
        severity = form.severity(known)
        found = (Urgency.ROUTINE, f"positive screen ({severity}): a clinician should assess it")
    elif total is None:
        found = (None, "too many items are missing for a total")
    else:
        found = (None, "below the threshold of the screen")
    return found
