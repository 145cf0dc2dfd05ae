"""A talk as one HTML page: each turn, what was told and by whom, the triage, and the ledger.

The words told are those that the served chat would tell: a fixed reply of the rules, or the model's
reply after it was judged. A record of the data stands for a talk of one question on its term.
"""

import json
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from medtune.apps import chatbot_talk as talk
from medtune.apps.turns import user_turns
from medtune.clinical.helplines import UNKNOWN, Place, place
from medtune.clinical.ledger import Ledger, read_ledger
from medtune.clinical.redflags import Triage
from medtune.errors import DataError
from medtune.records import Example, Message, View

PEOPLE = {"self": "the writer", "child": "the child", "other": "somebody else"}
FACTS = {
    "age_years": "age, years",
    "pregnant": "pregnant",
    "weight_kg": "weight, kg",
    "medicines": "medicines",
    "allergies": "allergies",
}
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>A talk with its triage</title><style>
body {{ font: 15px/1.5 system-ui, sans-serif; color: #1f2933; max-width: 70rem; margin: 2rem auto;
  padding: 0 1rem }}
.turn {{ display: grid; grid-template-columns: 3fr 2fr; gap: 1rem; margin: .8rem 0 }}
.said {{ background: #eef2f7; border-radius: 8px; padding: .5rem .8rem; white-space: pre-line }}
.told {{ background: #e6f2ea; border-radius: 8px; padding: .5rem .8rem; margin: .4rem 0 0 2rem;
  white-space: pre-line }}
.withheld {{ background: #fdecea; border-radius: 8px; padding: .5rem .8rem;
  margin: .4rem 0 0 2rem }}
.why {{ border-left: 4px solid #9aa3b0; padding-left: .7rem }} .why b {{ display: block }}
.emergency {{ border-color: #b3261e }} .urgent {{ border-color: #d55e00 }}
.routine {{ border-color: #b98900 }} .self-care {{ border-color: #2b7a4b }}
small, .note {{ color: #52606d }} table {{ border-collapse: collapse }}
th, td {{ border: 1px solid #cbd2d9; padding: .3rem .6rem; text-align: left }}
</style></head><body><h1>A talk with its triage</h1>
<p class="note">Left: the talk. Right: what the rules computed before the model was asked. No red
flag means that no rule was met, not that all is well.</p>
{turns}<h2>Ledger</h2>{ledger}</body></html>
"""


class Step(NamedTuple):
    """One turn of the user, with what came of it."""

    said: str
    told: str
    by: str
    withheld: str
    """The model's reply, where it was not told as it is; "" otherwise."""
    broken: Sequence[str]
    found: Triage


def draw_talk(view: View, library: talk.Library | None = None, code: str = UNKNOWN) -> str:
    """The page of a record, or of a talk of one's own in the field `messages`.

    Args:
        view: The record, and others whose passages are sources as well.
        library: The passages that the served chat answers from.
        code: The place whose numbers are told.

    Raises:
        DataError: `messages` is no list of role and content, or has no turn of the user.
    """
    messages = _messages(view)
    beside = talk.library([one for one in view.records if "passage" in one.fields])
    sources, where = {**beside, **(library or {})}, place(code)
    turns = [one.content for one in messages if one.role == "user"]
    steps = [
        _step(messages[: number + 1], _reply_after(messages, number), sources, where)
        for number, one in enumerate(messages)
        if one.role == "user"
    ]
    if not steps:
        raise DataError(f"record {view.record.id!r}: no turn of the user to draw")
    return PAGE.format(
        turns="".join(map(_turn, steps)),
        ledger=_ledger(read_ledger(turns)),
    )


def _messages(view: View) -> list[Message]:
    """The talk of a record: its own, or a question on its term with the model's wording."""
    one = view.record
    if "messages" in one.fields:
        return _own(one)
    answer = view.answers.get(one.id)
    told = str(answer) if answer is not None else _reference(one)
    return [Message("user", f"What does {one.fields['term']} mean?"), Message("assistant", told)]


def _reference(one: Example) -> str:
    return str(one.target[0]) if isinstance(one.target, list) and one.target else ""


def _own(one: Example) -> list[Message]:
    try:
        listed = json.loads(one.fields["messages"])
        return [Message(turn["role"], str(turn["content"])) for turn in listed]
    except (ValueError, TypeError, KeyError):
        raise DataError(
            f"record {one.id!r}: messages is a list of objects with role and content"
        ) from None


def _reply_after(messages: Sequence[Message], number: int) -> str | None:
    following = messages[number + 1 : number + 2]
    return following[0].content if following and following[0].role == "assistant" else None


def _step(heard: Sequence[Message], reply: str | None, sources: talk.Library, where: Place) -> Step:
    turns = ["\n".join(turn) for turn in user_turns(heard)]
    said, found = heard[-1].content, talk.red_flags(heard)
    judged = talk.before(sources, where, heard)
    if isinstance(judged, str):
        return Step(said, judged, "by rule; the model was not asked", "", (), found)
    if reply is None:
        return Step(said, "", "the model was to answer; no reply is at hand", "", (), found)
    source = talk.find_source(turns, sources)
    broken = talk.reply_faults(reply, source, turns)
    told = talk.after(sources, where, heard, reply)
    by = "by rule, for the model's reply was withheld" if broken else "the model's, as judged"
    return Step(said, told, by, reply if broken else "", broken, found)


def _turn(step: Step) -> str:
    withheld = (
        f'<div class="withheld"><b>Withheld</b> ({escape(", ".join(step.broken))}): '
        f"{escape(step.withheld)}</div>"
        if step.withheld
        else ""
    )
    told = f'<div class="told">{escape(step.told)}<br><small>{step.by}</small></div>'
    return (
        f'<div class="turn"><div><div class="said">{escape(step.said)}</div>{withheld}{told}</div>'
        f"{_triage(step.found)}</div>"
    )


def _triage(found: Triage) -> str:
    level = "" if found.level is None else str(found.hits[0].rule.level)
    rules = "".join(
        f"<li>{escape(hit.rule.title)} <small>{escape(hit.rule_id)}, {hit.who}, turn "
        f"{hit.turn + 1}</small></li>"
        for hit in found.hits
    )
    silenced = "".join(
        f"<li><small>{escape(hit.rule_id)}: {hit.status}, {hit.who}</small></li>"
        for hit in found.silenced
    )
    quiet = (
        f"<p><small>Silenced by their context:</small></p><ul>{silenced}</ul>" if silenced else ""
    )
    head = f"Triage: {level}" if level else "Triage: no rule was met"
    return f'<div class="why {level}"><b>{head}</b><ul>{rules}</ul>{quiet}</div>'


def _ledger(ledger: Ledger) -> str:
    if not ledger.facts:
        return "<p>No fact was told.</p>"
    clashing = {fact for pair in ledger.contradictions() for fact in pair}
    rows = "".join(
        f"<tr><td>{one.turn + 1}</td><td>{PEOPLE[one.person]}</td><td>{FACTS[one.name]}</td>"
        f"<td>{escape(one.value.removesuffix('.00'))}"
        f"{' <b>contradicted</b>' if one in clashing else ''}</td></tr>"
        for one in ledger.facts
    )
    head = "<tr><th>Turn</th><th>Of</th><th>Fact</th><th>Told</th></tr>"
    return f"<table>{head}{rows}</table>"
