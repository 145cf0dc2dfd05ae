"""Serve: answer for a release on this machine, in OpenAI's chat shape, and keep a journal."""

from medtune.serve.app import create_app
from medtune.serve.rails import Rails, rails_of, told_of
from medtune.serve.server import serve, serve_rules, serving
from medtune.serve.voice import Spoken, Voice

__all__ = [
    "Rails",
    "Spoken",
    "Voice",
    "create_app",
    "rails_of",
    "serve",
    "serve_rules",
    "serving",
    "told_of",
]
