"""The talk of the consumer chat: what is done before the model speaks, and before it is heard.

Red flags come first, then what must be refused, then what is missing, then a source, without which
the model is not asked. A reply that breaks a rule is withheld whole, and the source's own words are
told instead.
"""

import re
from collections.abc import Mapping, Sequence

from medtune.apps.chatbot_rules import (
    ASKS_MEANING,
    FELT,
    INJECTION,
    MEDICINE_QUESTION,
    PERSONAL,
    QUOTED,
    SAID_LENGTH,
    SAYS_AI,
    SYMPTOM,
    ask_back,
    broken_rules,
    contradiction_note,
    is_hard_to_read,
)
from medtune.apps.turns import user_turns
from medtune.clinical.helplines import Place, is_spanish, lead
from medtune.clinical.ledger import Ledger, person_asked_about, read_ledger
from medtune.clinical.redflags import Triage, triage_talk
from medtune.clinical.urgency import Urgency
from medtune.records import Example, Message

INSTRUCTION = "Say what the medical term means in a few plain words that anyone can read."
TRAINED = re.compile(r"Term: (.+)\nSource: .+", re.DOTALL)
DISCLOSURE = "I am an AI, not a clinician, and I can be wrong."
DISCLOSE_EVERY = 10
"""Turns of the user after which the disclosure is told again: the server has no clock."""
LONGEST_TERM = 12
NO_SOURCE = (
    "I have no source on that, so I will not guess. I can say what a medical term means: write it "
    "as it stands in your report. For all else, please ask your doctor or pharmacist."
)
WITHHELD = (
    "I cannot answer that safely, so I hold my answer back. Please ask your doctor or pharmacist. "
    "Here is what my source says, word for word."
)
MEDICINE = (
    "I do not give doses, and I do not say which medicines go together. Show a pharmacist or "
    "doctor what you told me: they can answer this today."
)


Library = Mapping[str, Example]
"""Examples by their term and by each of their plain wordings, in lower case."""


def library(examples: Sequence[Example]) -> Library:
    """The passages that the chat may answer from."""
    found: dict[str, Example] = {}
    for example in examples:
        plain = example.target if isinstance(example.target, list) else []
        for name in (*map(str, plain), example.fields["term"]):
            found[name.casefold()] = example
    return found


def model_prompt(fields: Mapping[str, str]) -> list[Message]:
    """What the model reads: the term and the passage that the answer is to come from."""
    return [
        Message("system", INSTRUCTION),
        Message("user", "Term: {term}\nSource: {passage}".format_map(fields)),
    ]


def find_source(turns: Sequence[str], sources: Library) -> Example | None:
    """The passage on the longest term that the last turns name, the last turn first."""
    for turn in reversed(turns[-3:]):
        words = re.findall(r"[a-z0-9]+(?:[-'][a-z0-9]+)*", turn.casefold())
        for size in range(min(len(words), LONGEST_TERM), 0, -1):
            for start in range(len(words) - size + 1):
                found = sources.get(" ".join(words[start : start + size]))
                if found is not None:
                    return found
    return None


def before(sources: Library, where: Place, messages: Sequence[Message]) -> str | list[Message]:
    """A fixed reply, or the messages in the form the model was trained on.

    Order: red flags; then what must be refused; then what is missing; then a source, without which
    the model is not asked.
    """
    turns, found = _turns(messages), red_flags(messages)
    if (trained := _trained(turns[-1], sources)) is not None and not found.hits:
        return trained
    ledger = read_ledger(turns)
    if found.level is not None and found.level >= Urgency.URGENT:
        spanish = is_spanish(turns[-1])
        return _framed(str(lead(found, where, spanish=spanish)), messages, where)
    source = find_source(turns, sources)
    fixed = _fixed(turns, ledger, found, source)
    if fixed is not None:
        return _framed("\n\n".join([*_lead_of(found, where), fixed]), messages, where)
    assert source is not None, "without a source there is a fixed reply"
    return model_prompt(source.fields)


def red_flags(messages: Sequence[Message]) -> Triage:
    """The red flags of all that the user sent since the last reply."""
    return triage_talk(user_turns(messages))


def _trained(turn: str, sources: Library) -> list[Message] | None:
    """A turn in the form of the training data, if it holds what the library has on its term."""
    match = TRAINED.fullmatch(turn)
    source = sources.get(match[1].casefold()) if match else None
    asked = model_prompt(source.fields) if source else []
    return asked if asked and asked[-1].content == turn else None


def _fixed(
    turns: Sequence[str], ledger: Ledger, found: Triage, source: Example | None
) -> str | None:
    """The refusal, the question back, or the word that there is no source; None to go on."""
    last = turns[-1]
    asked = any(MEDICINE_QUESTION.search(turn) for turn in turns[-3:])
    has_symptom = _tells_symptom(last)
    asks_meaning = ASKS_MEANING.search(last) and not MEDICINE_QUESTION.search(last)
    if INJECTION.search(last):
        told = "I cannot do that. " + NO_SOURCE
    elif source is not None and not has_symptom and (asks_meaning or not asked):
        told = None
    elif asked:
        person = person_asked_about(turns, MEDICINE_QUESTION)
        missing = ledger.missing(person)
        told = ask_back(ledger, person, missing) if missing else MEDICINE
    elif found.level is None and has_symptom and not SAID_LENGTH.search(last):
        told = "How long have you had this, how bad is it, and is it getting worse?"
    elif found.level is None and has_symptom:
        told = "I cannot tell what causes this. Please speak with a doctor or nurse. " + NO_SOURCE
    else:
        told = NO_SOURCE if source is None else None
    return told


def _tells_symptom(turn: str) -> bool:
    """Whether somebody tells of a symptom of a person, and does not just quote a report."""
    is_quoted = QUOTED.search(turn) and not FELT.search(turn)
    return bool(SYMPTOM.search(turn) and PERSONAL.search(turn) and not is_quoted)


def after(sources: Library, where: Place, messages: Sequence[Message], text: str) -> str:
    """What is told instead of the model's reply: never a reply that breaks a rule.

    A reply that breaks one is withheld whole and the source's own words are told. The action of a
    red flag leads, whatever the model wrote.
    """
    turns = _turns(messages)
    source = find_source(turns, sources)
    passage = source.fields["passage"] if source is not None else ""
    body = text.strip()
    if not body or reply_faults(body, source, turns):
        body = f"{WITHHELD}\n\n{passage}" if passage else NO_SOURCE
    elif source is not None and body.casefold() != source.fields["term"].casefold():
        body = f"{source.fields['term']}: {body[0].upper()}{body[1:]}"
    if is_hard_to_read(body) and WITHHELD not in body:
        body += "\n\nIf this is hard to read, ask me to put it another way."
    if source is not None:
        body += f"\n\nSource: {source.fields['source']}."
    found = red_flags(messages)
    clash = contradiction_note(read_ledger(turns))
    parts = [*_lead_of(found, where), *([clash] if clash else []), body]
    return _framed("\n\n".join(parts), messages, where)


def reply_faults(text: str, source: Example | None, turns: Sequence[str]) -> list[str]:
    """The names of the rules that a reply of the model breaks."""
    known = f"{source.fields['term']}. {source.fields['passage']}" if source else ""
    return broken_rules(text, known, " ".join(turns))


def _lead_of(found: Triage, where: Place) -> list[str]:
    told = lead(found, where)
    return [told] if told is not None else []


def _framed(text: str, messages: Sequence[Message], where: Place) -> str:
    """The text, with what an earlier crisis asks for and the disclosure."""
    lines, turns = [text], user_turns(messages)
    if len(turns) > 1 and "suicide" in triage_talk(turns[:-1]).kinds() and "?" not in text:
        lines.insert(
            0,
            "You told me something hard before. Are you safe right now? You can reach "
            f"{' or '.join(where.crisis)} at any time.",
        )
    if len(turns) % DISCLOSE_EVERY == 1 and not SAYS_AI.search(text):
        lines.append(DISCLOSURE)
    return "\n\n".join(lines)


def _turns(messages: Sequence[Message]) -> list[str]:
    return ["\n".join(turn) for turn in user_turns(messages)]
