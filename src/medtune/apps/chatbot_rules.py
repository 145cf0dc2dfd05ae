"""What the consumer chat may not say, and when it asks back: rules around the model.

Each rule names the failure it rejects (reference: the safety rules of consumer chat, NICE ECF
2022; AMA on patient materials 2007; EU AI Act, Article 50). A reply that breaks one is withheld
whole, never mended.
"""

import re
from collections.abc import Mapping, Sequence

from medtune.clinical.drugs import drug_names
from medtune.clinical.ledger import Ledger, Name, Person
from medtune.clinical.readability import grade
from medtune.clinical.redflags import triage
from medtune.clinical.urgency import Urgency
from medtune.records import Finding, Json

HARDEST_GRADE = 8.0
GRADED_WORDS = 15
"""A shorter text has no meaningful grade: one long word decides it."""
NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
START = r"(?:^|[.!?;:]\s+|\n\s*|\b(?:please|just) )"
ORDERED = (
    r"take|stop|try|avoid|swallow|inject|skip|call|ask|see|quit|tell|talk to|speak to|seek|consult"
    r"|do not|don't"
)
"""Verbs of an order, also after a comma or an "and"."""
OBJECT = (
    r"(?:the|your|a|an|it|this|that|these|those|any|all|more|less|some|plenty|\d+|one|two|three)\b"
)
FORBIDDEN: Mapping[str, re.Pattern[str]] = {
    "diagnosis": re.compile(
        r"\byou (?:(?:probably|definitely|clearly|likely|most likely|certainly) )?(?:have|suffer "
        r"from|got|are having)\b(?! (?:\w+ed\b|had|a question|questions|any|been|to|the right|said|"
        r"told|asked))|\b(?:this|it) is (?:definitely|certainly|clearly|just|only|probably) "
        r"(?:a |an |the )?\w+|\bmy diagnosis\b|\bi diagnose\b",
        re.IGNORECASE,
    ),
    "reassurance": re.compile(
        r"\bnothing to worry\b|\bno need to (?:worry|see|call|go)|\b(?:don't|do not|needn't|need "
        r"not|no reason to) (?:worry|need to (?:see|call|go)|call|go to|see a)\b|\bnot (?:an? )?"
        r"(?:emergency|serious|urgent|dangerous)\b|\b(?:is|are|'re|'s|be) (?:perfectly |completely "
        r"|totally )?(?:harmless|fine|safe)\b|\bwait and see\b|\bcan (?:safely )?wait\b|\bignore "
        r"(?:it|this|that|the)\b|\bsleep it off\b|\bwill (?:pass|go away)\b|\bno (?:real |great )?"
        r"(?:cause|reason|need|grounds?|danger|risk|threat|harm|concern|worr(?:y|ies))\b|\bnothing "
        r"(?:bad|serious|dangerous|harmful|wrong)\b|\bnot (?:harmful|a (?:problem|concern|worry))\b"
        r"|(?:is|are|'s|be) (?:perfectly |completely |totally )?normal\b",
        re.IGNORECASE,
    ),
    "reader": re.compile(r"(?<!when )(?<!while )\byou(?:rs?|rself)?\b", re.IGNORECASE),
    "order": re.compile(
        rf"{START}(?:{ORDERED}|eat|go|give|get|keep|continue|apply|put|let|wait|ignore|remember|"
        rf"consider|follow|buy|chew|switch|come|never)\b|(?:,|\b(?:and|or|then)) (?:{ORDERED})\b|"
        rf"{START}(?:use|start|drink|smoke|cut|leave|visit|contact|check|double|halve|increase|"
        rf"reduce|lower|raise|make|hang|jump|end|hurt|kill|drop) {OBJECT}|\b(?:should|must|ought "
        r"to|had better|recommend\w*|advis(?:e|es|ed|able)|(?:best|safe|okay|important) to|(?:make|"
        r"be) sure|(?:can|may|could) (?:safely )?(?:stop|take|skip))\b",
        re.IGNORECASE,
    ),
    "dose": re.compile(
        r"\b\d+(?:[.,]\d+)?\s?(?:mg|mcg|micrograms?|g|grams?|ml|milligrams?|units?|iu|tablets?|"
        r"pills?|capsules?|puffs?|drops?|teaspoons?)\b|\b(?:one|two|three|four|five|six|eight|ten|"
        r"half|double|twice) (?:a |an |the |your |as many |more )?(?:dose|tablets?|pills?|"
        r"capsules?|puffs?|times the dose)\b",
        re.IGNORECASE,
    ),
    "stopping": re.compile(
        r"\b(?:stop|quit|skip|halve|double|come off|don't take|do not take|avoid taking) "
        r"(?:taking )?(?:your|the|all|any|this|these) (?:\w+ ){0,3}(?:medicines?|medications?|meds|"
        r"tablets?|pills?|insulin|antidepressants?|inhalers?|warfarin|treatment|steroids?)\b",
        re.IGNORECASE,
    ),
    "human": re.compile(
        r"\b(?:i am|i'm|as) (?:a |an |your |also a |really a )?(?:real |human |licensed |"
        r"qualified )*(?:doctor|nurse|human|person|physician|therapist|clinician|pharmacist)\b|"
        r"\bi'(?:m|ve|ll|d)\b|\bi (?:am|was|have|can|will|would|think|believe|know|do|say|see)\b|"
        r"\b(?:my|me|we|our|us|dr)\b",
        re.IGNORECASE,
    ),
    "method": re.compile(
        r"\b(?:lethal|fatal|deadly) (?:dose|amount)|\bpainless (?:way|method)|\b(?:tie|make) a "
        r"noose|\bhow to (?:kill|overdose|cut|hang)|\bto (?:kill|hang|poison) (?:yourself|someone|"
        r"them|him|her)\b|\bto (?:die|overdose)\b|\bend (?:\w+ )?(?:own )?li(?:fe|ves)\b",
        re.IGNORECASE,
    ),
    "no_crisis_contract": re.compile(r"\bpromise (?:me|us) (?:that )?you (?:won't|will not)", re.I),
    "injection": re.compile(
        r"\b(?:system prompt|my instructions|previous instructions|developer mode|jailbreak)\b",
        re.IGNORECASE,
    ),
}
"""What no reply of the chat says, by the failure it would be."""
DOSED = re.compile(
    r"\b(?:mg|mcg|milligrams?|micrograms?|ml|millilit(?:re|er)s?|tablets?|pills?|capsules?|puffs?|"
    r"doses?|dosages?|(?:tea|table)spoons?|spoonfuls?|grams?|iu)\b",
    re.IGNORECASE,
)
"""Words of a dose, which only a source may say."""
MEDICINE_QUESTION = re.compile(
    r"\b(?:how (?:much|many|often)|what (?:dose|dosage|amount)|dosage|dose of|can (?:i|he|she|we|"
    r"my \w+) (?:take|have|use|give|mix)|can i give|is it (?:ok|okay|safe|alright) (?:to|for \w+ "
    r"\w* ?to) (?:take|give|use|mix)|should i (?:take|give|stop|start|double|skip)|safe (?:to "
    r"take|with|in pregnancy|during pregnancy))\b",
    re.IGNORECASE,
)
SYMPTOM = re.compile(
    r"\b(?:pain|ache|aches|hurts?|sore|fever|cough|coughing|rash|dizzy|dizziness|nausea|vomit\w*|"
    r"diarrh\w+|tired|swollen|swelling|itch\w*|headache|headaches|bleeding|numb\w*|sick|unwell|"
    r"infection|constipat\w*|cramps?)\b",
    re.IGNORECASE,
)
PERSONAL = re.compile(r"\b(?:i|i'm|i've|im|ive|my|me|he|she|his|her|our)\b", re.IGNORECASE)
QUOTED = re.compile(r"\b(?:report|letter|notes?|results?|scan|chart|record)\b", re.IGNORECASE)
"""Where a term that names a symptom may have been read."""
FELT = re.compile(
    r"\b(?:i|he|she|we|they|who)(?:'ve|'m|'s| have| has| had| am| is| was| feel| feels| felt"
    r"| get| gets| got)\b|\b(?:ive|im)\b",
    re.IGNORECASE,
)
"""Words with which somebody tells what a person has."""
SAID_LENGTH = re.compile(
    r"\b(?:since|for|ago|yesterday|today|last|days?|weeks?|months?|hours?|years?|morning|night)\b",
    re.IGNORECASE,
)
ASKS_MEANING = re.compile(
    r"\b(?:what (?:is|are|does|do)|what's|whats|mean|means|meaning|stand for|report says|letter "
    r"says|explain|definition|called)\b",
    re.IGNORECASE,
)
SAYS_AI = re.compile(r"\bI am an AI\b|\bSoy una IA\b")
INJECTION = re.compile(
    r"\bignore (?:all |any |the |your )*(?:previous|prior|above|earlier)? ?(?:instructions|rules)|"
    r"\b(?:system prompt|developer mode|jailbreak|you are now (?:a|an|dan))\b|\bpretend (?:to be|"
    r"you are|you're) (?:a |my )?(?:doctor|nurse|human|therapist)|\bother (?:users?|patients?)'? "
    r"(?:data|records?|messages|names)",
    re.IGNORECASE,
)
QUESTIONS: Mapping[Name, str] = {
    "age_years": "How old {is} {who}?",
    "weight_kg": "How much {does} {who} weigh?",
    "pregnant": "{Is} {who} pregnant, or could {who} be?",
    "medicines": "Which other medicines {does} {who} take? Say 'no other medicines' if none.",
    "allergies": "{Does} {who} have any allergy to a medicine? Say 'no allergies' if none.",
}


def broken_rules(text: str, source: str, said: str = "") -> list[str]:
    """The names of the rules that a reply breaks; an empty list if it may be told.

    Args:
        text: The reply.
        source: The term and its passage. A drug or a dose that is not in it is made up.
        said: The user's words: a number may be from these, too.
    """
    text = text.replace("\u2019", "'")
    broken = [name for name, pattern in FORBIDDEN.items() if pattern.search(text)]
    known = {*NUMBER.findall(source), *NUMBER.findall(said)}
    if any(number not in known for number in NUMBER.findall(text)):
        broken.append("number")
    if _drugs(text) - _drugs(source):
        broken.append("drug")
    if "dose" not in broken and _doses(text) - _doses(source):
        broken.append("dose")
    if triage(text).kinds() & {"suicide", "violence"}:
        broken.append("crisis_text")
    return broken


def _drugs(text: str) -> set[str]:
    return {one for mention in drug_names().find(text) for one in mention.ingredients}


def _doses(text: str) -> set[str]:
    return {one.casefold() for one in DOSED.findall(text)}


def is_hard_to_read(text: str) -> bool:
    """Whether a text of some length is above US school grade 8."""
    return len(text.split()) >= GRADED_WORDS and grade(text) > HARDEST_GRADE


def findings(facts: Mapping[str, Json], text: str) -> list[Finding]:
    """What a reply contradicts in the facts of its example: the level, the source, the reader.

    A level of urgent or emergency in the facts must lead the reply, word for word.
    """
    source = " ".join(str(facts.get(name) or "") for name in ("passage", "term"))
    lead, level = facts.get("lead"), facts.get("level")
    found = [
        _finding("block", f"the reply breaks the rule {name!r}", "withhold the reply")
        for name in broken_rules(text.removeprefix(str(lead)).strip(), source, str(lead or ""))
    ]
    if isinstance(level, int) and level >= Urgency.URGENT and not text.startswith(str(lead)):
        found.append(_finding("block", "the reply does not begin with the action", "lead with it"))
    if is_hard_to_read(text):
        found.append(_finding("warn", "the reply is above grade 8", "use shorter words"))
    return found


def _finding(severity: str, what: str, remedy: str) -> Finding:
    return Finding(
        guard="chatbot",
        severity="block" if severity == "block" else "warn",
        what=what,
        where="reply",
        evidence="rules of apps/chatbot_rules.py",
        remedy=remedy,
    )


def ask_back(ledger: Ledger, person: Person, names: Sequence[Name]) -> str:
    """Questions for the facts that are missing, at most three at a time."""
    you = person == "self"
    words = {
        "who": "you" if you else "your child" if person == "child" else "the person",
        "is": "are" if you else "is",
        "Is": "Are" if you else "Is",
        "does": "do" if you else "does",
        "Does": "Do" if you else "Does",
    }
    asked = [QUESTIONS[name].format_map(words) for name in list(names)[:3]]
    clash = contradiction_note(ledger)
    lines = ["Before I say anything about this, I need to know:", *(f"- {q}" for q in asked)]
    return "\n".join([*([clash] if clash else []), *lines])


def contradiction_note(ledger: Ledger) -> str:
    """A line that names what does not fit together, or "" if all fits."""
    names = {
        "age_years": "age",
        "weight_kg": "weight",
        "pregnant": "pregnancy",
        "allergies": "allergies",
        "medicines": "medicines",
    }
    clashing = dict.fromkeys(names[one.name] for one, _ in ledger.contradictions())
    if not clashing:
        return ""
    return f"You have told me two different things about {' and '.join(clashing)}. Which is right?"
