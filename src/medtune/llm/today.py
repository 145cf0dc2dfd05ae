"""One day for all prompts, for chat templates that write today's date (Llama 3.2 and 4, others).

With today's, a tuning could not go on after midnight, and what is served would not be what was
trained.
"""

from typing import Final

_DAY: Final = {"%Y": "2024", "%m": "07", "%d": "26", "%B": "July", "%b": "Jul", "%A": "Friday"}
"""The day that Llama's own template writes where no clock is at hand."""


def on_one_day(template: str) -> str:
    """The template with its own `strftime_now`; unchanged if it does not ask for the date."""
    if "strftime_now" not in template:
        return template
    written = "".join(f" | replace('{sign}', '{text}')" for sign, text in _DAY.items())
    return "{% macro strftime_now(form) %}{{ form" + written + " }}{% endmacro %}" + template
