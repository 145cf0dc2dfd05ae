"""Examples without identifiers: the first thing the data stage does, if it is asked to."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from medtune.artifacts import DEIDENTIFICATION, Check
from medtune.config import Run
from medtune.deid.files.record import pseudonym
from medtune.deid.kinds import Kind
from medtune.deid.replace import deidentify
from medtune.deid.report import DeidScore, load_score
from medtune.deid.surrogate.choose import Method, surrogate
from medtune.deid.surrogate.key import Key, key_file
from medtune.deid.tagger.choose import open_tagger
from medtune.records import Application, Example, Json

LEAST_RECALL = 0.99
MOST_LEAKS = 0.01
"""What the bounds must reach for the check to pass: our own choice. No law names a number."""


@dataclass(frozen=True)
class Cleaner:
    """Replaces the identifiers of examples and counts them. The patient is the example's group."""

    method: Method
    key: Key
    names: frozenset[str]
    """Of `id` and `group`, those that the user's columns give: they become pseudonyms."""
    choices: Callable[[Example], Sequence[str]] | None
    """The replies that are allowed, where they are few."""
    score: DeidScore | None = None
    replaced: Counter[Kind] = field(default_factory=Counter[Kind])

    def clean(self, example: Example) -> Example:
        """The example with surrogates in every field, in a free target, and in its date."""
        pairs: dict[str, str] = {}
        fields = {name: self._text(text, example, pairs) for name, text in example.fields.items()}
        own = self.key.patient(example.group)
        new = replace(
            example,
            fields=fields,
            id=pseudonym(self.key, example.id) if "id" in self.names else example.id,
            group=pseudonym(self.key, example.group) if "group" in self.names else example.group,
            time=surrogate(example.time, "date", self.method, own) if example.time else None,
        )
        return replace(new, target=self._target(example, new, pairs))

    def _text(self, text: str, example: Example, pairs: dict[str, str]) -> str:
        """A text without identifiers; what was replaced by what is added to `pairs`."""
        clean = deidentify(text, example.group, self.method, self.key)
        for one in clean.changes:
            pairs[text[one.start : one.end]] = clean.text[one.new_start : one.new_end]
            self.replaced[one.kind] += 1
        return clean.text

    def _target(self, old: Example, new: Example, pairs: dict[str, str]) -> Json:
        """The target, so that it still fits its fields: a label stays, a quote follows its text."""
        if self.choices is not None and old.target in self.choices(new):
            return old.target
        return self._follow(old.target, old, pairs)

    def _follow(self, value: Json, example: Example, pairs: dict[str, str]) -> Json:
        if isinstance(value, list):
            return [self._follow(part, example, pairs) for part in value]
        if isinstance(value, dict):
            return {name: self._follow(part, example, pairs) for name, part in value.items()}
        if not isinstance(value, str):
            return value
        known = "|".join(re.escape(text) for text in sorted(pairs, key=len, reverse=True))
        parts = re.split(f"({known})", value) if known else [value]
        free = self.choices is None
        return "".join(
            pairs.get(part) or (self._text(part, example, {}) if free else part) for part in parts
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
        return Check(
            name=DEIDENTIFICATION,
            topic="origin",
            outcome="pass" if reached else "warn",
            found=f"{done}; on {self.score.n_notes:,} annotated notes {recall.value:.1%} were "
            f"covered (at least {recall.low:.1%}), and {leaks.value:.1%} of the notes had a leak "
            f"(at most {leaks.high:.1%})",
            remedy=""
            if reached
            else "train a tagger on annotated notes, or have people read these",
            figures=figures | {"recall_low": recall.low, "leak_high": leaks.high},
        )


def cleaner_for(run: Run, app: Application) -> Cleaner | None:
    """What `data.deidentify` asks for; None if it asks for nothing.

    Raises:
        ConfigError: The key file is none, or others may read it; the tagger does not fit.
        DataError: The tagger or the score cannot be read.
    """
    section = run.data.deidentify
    if section is None:
        return None
    columns = {"id": run.task.id, "group": run.task.group} if run.task else {}
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
    )
