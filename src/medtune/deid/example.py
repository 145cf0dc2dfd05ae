"""Examples without identifiers: the first thing the data stage does, if it is asked to."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from medtune import __version__
from medtune.artifacts import DEIDENTIFICATION, Check
from medtune.config import Run
from medtune.deid.files.record import Owner, deidentify_record, names_of, pseudonym
from medtune.deid.kinds import Kind
from medtune.deid.replace import deidentify
from medtune.deid.report import DeidScore, load_score
from medtune.deid.surrogate.choose import Method, surrogate
from medtune.deid.surrogate.key import Key, key_file
from medtune.deid.tagger.choose import identity, open_tagger
from medtune.records import Application, Example, Json

LEAST_RECALL = 0.99
MOST_LEAKS = 0.01
"""What the bounds must reach for the check to pass: our own choice. No law names a number."""
SHORT = 3
"""A number of so few digits says nothing of where it came from."""


@dataclass(frozen=True)
class Cleaner:
    """Replaces the identifiers of examples and counts them. The patient is the example's group."""

    method: Method
    key: Key
    names: frozenset[str]
    """Of `id` and `group`, those that the user's rows give: they become pseudonyms."""
    choices: Callable[[Example], Sequence[str]] | None
    """The replies that are allowed, where they are few."""
    score: DeidScore | None = None
    tagger: str | None = None
    """Which one: to know whether the score was measured with it."""
    replaced: Counter[Kind] = field(default_factory=Counter[Kind])

    def clean(self, example: Example) -> Example:
        """The example with surrogates in its fields, its attributes, a free target, its date."""
        pairs: dict[str, str] = {}
        names = names_of(example.fields)
        own = self.key.patient(example.group)
        new = replace(
            example,
            fields=self._record(example.fields, Owner(example.group, None, names), pairs),
            subgroups=self._record(example.subgroups, Owner("", None, names), {}),
            id=pseudonym(self.key, example.id) if "id" in self.names else example.id,
            group=pseudonym(self.key, example.group) if "group" in self.names else example.group,
            time=surrogate(example.time, "date", self.method, own) if example.time else None,
        )
        return replace(new, target=self._target(example, new, names, pairs))

    def _record(
        self, values: Mapping[str, str], owner: Owner, pairs: dict[str, str]
    ) -> dict[str, str]:
        """Named texts without identifiers; what was replaced by what is added to `pairs`.

        Attributes to report by have no patient: two patients of one site stay of one site.
        """
        record: dict[str, Json] = dict(values)
        clean, found = deidentify_record(record, owner, self.method, self.key)
        texts = {name: str(value) for name, value in clean.items()}
        for one in found:
            if len(one.old) > SHORT or not one.old.isdigit():  # `95` of an age may be a dose
                pairs[one.old] = texts[one.field][one.change.new_start : one.change.new_end]
            self.replaced[one.change.kind] += 1
        return texts

    def _text(self, text: str, example: Example, names: Sequence[str]) -> str:
        """A text of a target without identifiers."""
        clean = deidentify(text, example.group, self.method, self.key, names)
        self.replaced.update(one.kind for one in clean.changes)
        return clean.text

    def _target(
        self, old: Example, new: Example, names: Sequence[str], pairs: Mapping[str, str]
    ) -> Json:
        """The target, so that it still fits its fields: a label stays, a quote follows its text."""
        if self.choices is not None and old.target in self.choices(new):
            return old.target
        return self._follow(old.target, old, names, pairs)

    def _follow(
        self, value: Json, example: Example, names: Sequence[str], pairs: Mapping[str, str]
    ) -> Json:
        if isinstance(value, list):
            return [self._follow(part, example, names, pairs) for part in value]
        if isinstance(value, dict):
            return {n: self._follow(part, example, names, pairs) for n, part in value.items()}
        if not isinstance(value, str):
            return value
        known = "|".join(re.escape(text) for text in sorted(pairs, key=len, reverse=True))
        parts = re.split(rf"(?<!\w)({known})(?!\w)", value) if known else [value]
        free = self.choices is None
        return "".join(
            pairs.get(part) or (self._text(part, example, names) if free else part)
            for part in parts
        )

    def check(self) -> Check:
        """What was replaced, and what was measured on annotated notes, for the data card."""
        kinds = ", ".join(f"{kind} {count:,}" for kind, count in self.replaced.most_common())
        done = f"{self.replaced.total():,} identifiers were replaced ({kinds or 'none found'})"
        figures = {str(kind): float(count) for kind, count in self.replaced.items()}
        if self.score is None:
            return Check(
                name=DEIDENTIFICATION,
                topic="origin",
                outcome="warn",
                found=f"{done}; how many were missed was not measured",
                remedy="annotate a sample of these records, run medtune deid-score on it, and set "
                "data.deidentify.measured to what it writes",
                figures=figures,
            )
        leaks, recall = self.score.leak_rate, self.score.recall["all"]
        reached = leaks.high <= MOST_LEAKS and recall.low >= LEAST_RECALL
        other = self._other_setup(self.score)
        return Check(
            name=DEIDENTIFICATION,
            topic="origin",
            outcome="pass" if reached and not other else "warn",
            found=f"{done}; on {self.score.n_notes:,} annotated notes {recall.value:.1%} were "
            f"covered (at least {recall.low:.1%}), and {leaks.value:.1%} of the notes had a leak "
            f"(at most {leaks.high:.1%})"
            + (f"; but the {' and the '.join(other)} was another than here" if other else ""),
            remedy=_remedy(reached, other),
            figures=figures | {"recall_low": recall.low, "leak_high": leaks.high},
        )

    def _other_setup(self, score: DeidScore) -> list[str]:
        """In what the score was measured otherwise than these records were cleaned."""
        pairs = {
            "language": (score.language, self.method.language),
            "policy": (score.policy, self.method.policy),
            "tagger": (score.tagger, self.tagger),
            "version of medtune": (score.medtune_version, __version__),
        }
        return [name for name, (measured, used) in pairs.items() if measured != used]


def _remedy(reached: bool, other: Sequence[str]) -> str:
    if other:
        return "run medtune deid-score again, as these records are cleaned"
    return "" if reached else "train a tagger on annotated notes, or have people read these"


def cleaner_for(run: Run, app: Application) -> Cleaner | None:
    """What `data.deidentify` asks for; None if it asks for nothing.

    Raises:
        ConfigError: The key file is none, or others may read it; the tagger does not fit.
        DataError: The tagger or the score cannot be read.
    """
    section = run.data.deidentify
    if section is None:
        return None
    is_own = any(not source.is_public for source in run.data.sources)
    columns = {"id": "id", "group": "group"} if is_own else {}
    if run.task is not None:
        columns = {"id": run.task.id, "group": run.task.group}
    method = Method(
        section.language,
        shift_dates=section.shift_dates,
        today=date.today(),
        tagger=open_tagger(section.tagger, section.language),
    )
    return Cleaner(
        method,
        key_file(section.key),
        frozenset(name for name, column in columns.items() if column is not None),
        app.choices,
        load_score(section.measured) if section.measured else None,
        identity(section.tagger),
    )
