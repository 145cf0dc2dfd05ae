"""The language model: find it, choose its numerics, load it, render for it, score and generate.

Names are loaded on first use, because the numerics of a process must be applied before torch is
imported: `find_model`, `choose_numerics`, `apply_numerics`, then anything else. `generate` and
`predict` are in the modules of the same name, which would hide them here.
"""

import logging
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from medtune.llm.generate import stream
    from medtune.llm.load import LanguageModel, load_model
    from medtune.llm.numerics import Numerics, apply_numerics, choose_numerics
    from medtune.llm.render import Rendered, Renderer, Reply, load_renderer
    from medtune.llm.score import score_replies
    from medtune.llm.source import ModelFolder, find_model

__all__ = [
    "LanguageModel",
    "ModelFolder",
    "Numerics",
    "Rendered",
    "Renderer",
    "Reply",
    "apply_numerics",
    "choose_numerics",
    "find_model",
    "load_model",
    "load_renderer",
    "score_replies",
    "stream",
]

# Where it is installed, PEFT imports it, and it tells of a kernel that is not used here.
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)

_HOME = {
    "LanguageModel": "load",
    "ModelFolder": "source",
    "Numerics": "numerics",
    "Rendered": "render",
    "Renderer": "render",
    "Reply": "render",
    "apply_numerics": "numerics",
    "choose_numerics": "numerics",
    "find_model": "source",
    "load_model": "load",
    "load_renderer": "render",
    "score_replies": "score",
    "stream": "generate",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
