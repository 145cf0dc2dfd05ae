"""What can go wrong: the ten guards. Stages measure; guards judge what was measured.

A guard is a pure function from artifacts to findings, and no finding means that nothing was found
by what it looks at: each file's docstring says what that is. A guard that could not judge, because
nothing was measured or stated, says so in a finding with `unmeasured`; a release then stays in the
scope "research".
"""

from medtune.guards.compliance import judge as compliance
from medtune.guards.compute import judge as compute
from medtune.guards.data_quality import judge as data_quality
from medtune.guards.ethics import judge as ethics
from medtune.guards.evidence import Evidence, Facts, Guard
from medtune.guards.fairness import judge as fairness
from medtune.guards.generalization import judge as generalization
from medtune.guards.knowledge_decay import judge as knowledge_decay
from medtune.guards.overfitting import judge as overfitting
from medtune.guards.testing import judge as testing
from medtune.guards.transfer import judge as transfer

__all__ = ["GUARDS", "Evidence", "Facts", "Guard"]

GUARDS: dict[str, Guard] = {
    "data_quality": Guard(
        "data_quality",
        "Is the data clean, split without leaks, and enough?",
        data_quality,
    ),
    "overfitting": Guard(
        "overfitting",
        "Did the model learn the task, or the training examples?",
        overfitting,
    ),
    "fairness": Guard(
        "fairness",
        "Is it as good for every group of people, and are pairs that differ only in a group "
        "answered alike where they should be?",
        fairness,
    ),
    "compute": Guard(
        "compute",
        "What did it cost in time and memory, and does it fit this machine?",
        compute,
    ),
    "generalization": Guard(
        "generalization",
        "Does it hold on other sites and tasks, and what did the model forget?",
        generalization,
    ),
    "knowledge_decay": Guard(
        "knowledge_decay",
        "Does it answer with what was superseded since its data was written?",
        knowledge_decay,
    ),
    "ethics": Guard(
        "ethics",
        "Are purpose, consent, justice, transparency and human oversight answered for?",
        ethics,
    ),
    "compliance": Guard(
        "compliance",
        "Are the licences, the intended use and the forbidden use stated?",
        compliance,
    ),
    "transfer": Guard(
        "transfer",
        "Does what was learnt in one domain hold in the next, or harm it?",
        transfer,
    ),
    "testing": Guard(
        "testing",
        "Was the test sealed, complete, large enough, and the conditions fixed as bounds?",
        testing,
    ),
}
