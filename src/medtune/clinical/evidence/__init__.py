"""Evidence from articles: claims that cite a sentence, targets of a disease, gaps in knowledge."""

from medtune.clinical.evidence.claims import (
    Claim,
    Entity,
    Kept,
    Notice,
    article_name,
    keep_sound,
    read_retractions,
)
from medtune.clinical.evidence.gaps import Gap, gaps
from medtune.clinical.evidence.targets import Target, targets

__all__ = [
    "Claim",
    "Entity",
    "Gap",
    "Kept",
    "Notice",
    "Target",
    "article_name",
    "gaps",
    "keep_sound",
    "read_retractions",
    "targets",
]
