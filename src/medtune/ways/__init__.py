"""Ways to ask: what is put around a question, by the same code in every stage and in the server.

A way is weights, a prompt and what is searched. `decide` finds the prompts, `evaluate` and
`predict` put records by one, `serve` puts conversations by it.
"""

from medtune.ways.asking import Asking, Put, always, frame_of, prompt_of
from medtune.ways.library import Library, library, question_of, read_passages
from medtune.ways.wording import wordings

__all__ = [
    "Asking",
    "Library",
    "Put",
    "always",
    "frame_of",
    "library",
    "prompt_of",
    "question_of",
    "read_passages",
    "wordings",
]
