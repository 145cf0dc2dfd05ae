"""Ethics: every question of the run file's `ethics` section is answered by a person.

It judges that there is an answer, not that the answer is good: a reviewer must read it. "Not
applicable" needs a reason.
"""

import re

from medtune.config import EthicsSection
from medtune.guards.evidence import Evidence
from medtune.records import Finding

FEWEST_WORDS = 3
NOT_APPLICABLE = re.compile(r"^\W*(?:n/?a|not applicable|none)\b\W*", re.IGNORECASE)


def judge(evidence: Evidence) -> list[Finding]:
    """A warning that names what is unanswered."""
    answers = {name: str(getattr(evidence.run.ethics, name)) for name in EthicsSection.model_fields}
    missing = [name for name, text in answers.items() if not _is_answer(text)]
    if not missing:
        return []
    return [
        Finding(
            "ethics",
            "warn",
            "questions of ethics are not answered",
            "run.yaml",
            f"{len(missing)} of {len(answers)}: {', '.join(missing)}",
            "answer each in a sentence under ethics; 'not applicable' needs its reason",
            unmeasured=True,
        )
    ]


def _is_answer(text: str) -> bool:
    """Three words or more, beyond a "not applicable"."""
    return len(NOT_APPLICABLE.sub("", text.strip()).split()) >= FEWEST_WORDS
