"""Whether a text affirms, denies or only mentions something, of whom, and when.

The rules follow ConText (Harkema 2009, J Biomed Inform 42:839, doi:10.1016/j.jbi.2009.05.002):
cues, a scope that runs to the end of the clause, and words that end it. In a dialogue a question
takes its answer's polarity: "Any chest pain? No." denies chest pain.
"""

import itertools
import re
from typing import Literal, NamedTuple

from medtune.clinical.faithful.tokens import WORD, Span, Token, Turn, sentences, tokens

Polarity = Literal["affirmed", "denied", "mentioned"]

DENIAL = re.compile(
    r"\b(?:no|not|denies|denied|deny|denying|without|never|none|nor|neither|cannot|"
    r"unaware of|refus\w+|declin\w+|negative(?= [a-z])(?! and)|absence of|free of|"
    r"ruled out for|rules out|unable to|lack of|resolved)\b"
    r"|n't\b|\bn t\b",
    re.IGNORECASE,
)
NO_DENIAL = re.compile(
    r"\b(?:no|not) (?:change|only|certain|sure|doubt|significant change|more than|just)\b"
    r"|\bwithout (?:difficulty|relief|problems?|issues?|improvement)\b|\bno problem\b"
    r"|\b(?:no|not),? (?:i|he|she|it|that|they|we|you|but|um|uh)\b|\bdo n't know\b|\bdon't know\b"
    r"|\black of energy\b|\bnot (?:as|so|too) \w+|\bno longer\b(?= than)",
    re.IGNORECASE,
)
DENIAL_AFTER = re.compile(
    r"\b(?:is|are|was|were|were all|both)? ?(?:absent|negative|denied|ruled out|not (?:seen|"
    r"present|"
    r"identified|noted|appreciated|visualized)|none)\b",
    re.IGNORECASE,
)
HEADED_NONE = re.compile(r"[^:.]{2,40}:\s*(?:none|negative|denies|no)\b[\s.]*$", re.IGNORECASE)
END = re.compile(
    r"\b(?:but|however|except|although|though|because|since|which|who|that|still|yet|only|until|"
    r"other than|aside from|apart from|and (?:has|have|had|is|was|reports?|states?|notes?|"
    r"endorses?|"
    r"complains?|admits?|does|he|she|i|the|there|it|they))\b"
    r"|[;:.!?]|,\s+(?:and\s+)?(?:um ,\s+|uh ,\s+)?(?:i|he|she|the|it|there|they|we|you|your|"
    r"his|her|my|our|"
    r"patient|just|so|then|okay|that|this)\b"
    r"|\s-\s|\b(?:alright|all right|okay|so|your|we|i'm|i am|there's|there is|there are|it's|"
    r"you (?:do|have|also|are|can|should)|at least you)\b",
    re.IGNORECASE,
)
QUESTION = re.compile(
    r"\b(?:any\b|have you|do you|did you|does (?:it|that)|are you|is there|was there|how about|"
    r"what about|you (?:had|have|noticed|been having|having)|ever (?:had|noticed|have))",
    re.IGNORECASE,
)
"""Where a question begins that a transcript may have left without its mark."""
WINDOW = 300
"""Characters that are looked back over; it keeps the time linear in the text."""
LONGEST_QUESTION = 20
"""Words at the end of a turn that may be a question without its mark."""
LONGEST_SCOPE = 12
"""Words that a denial covers at the most; transcripts have sentences without an end."""
MAYBE = re.compile(
    r"\b(?:if (?:you|he|she|it|there|the|this|that|symptoms|any)|whether|in case|"
    r"watch (?:out )?for|"
    r"risk of|risk for|evaluate for|rule out|r/o|concern(?:ed)? for|concern(?:ing)? about|possible|"
    r"possibly|could be|might be|may be|return (?:if|for)|call (?:if|us)|should (?:you|he|she)|"
    r"differential|versus|screen(?:ing)? for|check(?:ed)? for|test(?:ed|ing)? for|suspect\w*|"
    r"likely|probable|probably)\b",
    re.IGNORECASE,
)
FAMILY = re.compile(
    r"\b(?:mother|mom|father|dad|brother|sister|sibling|son|daughter|grandmother|grandfather|"
    r"grandma|grandpa|aunt|uncle|cousin|maternal|paternal|family history|family|husband|wife|parent"
    r")(?:'?s)?\b",
    re.IGNORECASE,
)
PLANNED = re.compile(
    r"\b(?:will|we'll|i'll|gonna|going to|plan(?:s|ned)? (?:to|for)|schedul\w+|recommend\w*|order"
    r"(?:ed|ing)?|refer(?:ral|red)?|would like to|want(?:s)? (?:to|you)|let's|let us|consider\w*|"
    r"should (?:get|have|be)|prescrib\w+|follow[- ]?up|next step|needs? (?:a|an|to)|start you|"
    r"continue|return in|upcoming|pending|initiate|advised?)\b",
    re.IGNORECASE,
)
DONE = re.compile(
    r"\b(?:was|were|has been|have been|had been|been) (?:\w+ly )?(?:performed|done|completed|"
    r"obtained|carried out|taken|given|administered|removed|repaired|started|stopped|treated|"
    r"referred|discussed|reviewed|seen)\b|\bunderwent\b|\bhad (?:a|an|his|her|the) \w*"
    r"|\breceived\b|\bstatus post\b|\bs/p\b|\bcompleted\b|\b(?:showed|demonstrated|revealed)\b",
    re.IGNORECASE,
)
PAST = re.compile(
    r"\b(?:history of|h/o|past|previous(?:ly)?|prior|chronic|long[- ]?standing|for (?:many |"
    r"several )?"
    r"years|years ago|since (?:childhood|(?:19|20)\d\d)|diagnosed (?:in|with)|known|old|recurrent|"
    r"for (?:\w+ ){1,3}years)\b",
    re.IGNORECASE,
)
NEW = re.compile(
    r"\b(?:new(?:ly)?|new-onset|acute|first[- ]time|de novo|recent onset|never had)\b",
    re.IGNORECASE,
)
YES = re.compile(
    r"^\W*(?:(?:uh|um|oh|well|so|and|okay|i think|i guess)\W+)*(?:yes|yeah|yep|yup|sure|correct|"
    r"right|that's right|that is correct|mm-?hmm|uh-?huh|definitely(?! not)|"
    r"absolutely(?! not)|exactly|of course|"
    r"i do\b(?! ?n[o']?t)|i have\b(?! ?n[o']?t)|i did\b(?! ?n[o']?t)|i am\b(?! not)|"
    r"it does\b(?! n)|"
    r"it is\b(?! not)|a little|some|sometimes|a bit|every)",
    re.IGNORECASE,
)
NO = re.compile(
    r"^\W*(?:(?:uh|um|oh|well|so|and|okay|i think|i guess)\W+)*(?:no\b|nope|nah|not (?:really|"
    r"at all|"
    r"that i|lately|recently|since|any)|never|none|nothing|negative|i do n[o']?t|i don't|"
    r"i have ?n[o'"
    r"]?t|i haven't|i did ?n[o']?t|i didn't|it does ?n[o']?t|it doesn't|i am not|i'm not|denies|"
    r"neither|uh-uh|huh-uh|absolutely not|definitely not|of course not)",
    re.IGNORECASE,
)


NO_BUT = re.compile(
    r"^\W*(?:no|nope)\b[\s,.]*(?:i (?:have|had|am|do|did|take|get)\b(?! ?n[o']?t| not)|my\b|but\b|"
    r"just\b|only\b|actually\b)",
    re.IGNORECASE,
)


class Word(NamedTuple):
    """A content word with what the text says about it."""

    token: Token
    polarity: Polarity
    is_family: bool


class Statement(NamedTuple):
    """A sentence, read."""

    span: Span
    speaker: str
    turn: int
    words: tuple[Word, ...]
    """Content words only, in order."""
    is_question: bool
    planned: bool
    done: bool
    past: bool
    new: bool


def read(text: str, turns: list[Turn]) -> list[Statement]:
    """The statements of a text, question by question with its answer."""
    found: list[Statement] = []
    for number, turn in enumerate(turns):
        answer = _answer(text, turns, number)
        for span in sentences(text, Span(turn.start, turn.end)):
            found.append(_statement(text, span, turn, number, answer))
    return found


def _answer(text: str, turns: list[Turn], number: int) -> Polarity:
    """What the next speaker answers to this turn."""
    following = turns[number + 1] if number + 1 < len(turns) else None
    if following is None or following.speaker == turns[number].speaker:
        return "mentioned"
    reply = text[following.start : following.end].strip()
    if NO_BUT.match(reply):
        return "mentioned"
    if NO.match(reply):
        return "denied"
    return "affirmed" if YES.match(reply) else "mentioned"


def _statement(text: str, span: Span, turn: Turn, number: int, answer: Polarity) -> Statement:
    sentence = text[span.start : span.end]
    asked_from = _asked_from(sentence, turn, span, answer)
    denied = denied_parts(sentence)
    maybe = [Span(m.start(), _clause_end(sentence, m.end())) for m in MAYBE.finditer(sentence)]
    family = [Span(m.start(), _family_end(sentence, m.end())) for m in FAMILY.finditer(sentence)]
    words: list[Word] = []
    for token in tokens(text, span):
        if not token.is_content:
            continue
        place = token.start - span.start
        polarity: Polarity = "affirmed"
        if place >= asked_from:
            polarity = answer
        elif _inside(place, maybe):
            polarity = "mentioned"
        elif _inside(place, denied):
            polarity = "denied"
        words.append(Word(token, polarity, _inside(place, family)))
    return Statement(
        span, turn.speaker, number, tuple(words), asked_from < len(sentence),
        bool(PLANNED.search(sentence)), bool(DONE.search(sentence)),
        bool(PAST.search(sentence)), bool(NEW.search(sentence)),
    )  # fmt: skip


def _asked_from(sentence: str, turn: Turn, span: Span, answer: Polarity) -> int:
    """Where in a clinician's sentence the question begins; its length if it asks nothing.

    Without a question mark, the last sentence of a turn asks if it sounds like it and the next
    speaker answers yes or no.
    """
    if turn.speaker != "clinician":
        return len(sentence)
    if sentence.rstrip().endswith("?"):
        return 0
    is_last = span.end >= turn.end - 3
    begin = _last_words(sentence, len(sentence), LONGEST_QUESTION)
    cues = [m.start() for m in QUESTION.finditer(sentence, begin)] if is_last else []
    return cues[0] if cues and answer != "mentioned" else len(sentence)


def denied_parts(sentence: str) -> list[Span]:
    """The parts of a sentence that a denial covers, cue and all."""
    harmless = [Span(m.start(), m.end()) for m in NO_DENIAL.finditer(sentence)]
    parts: list[Span] = []
    if HEADED_NONE.match(sentence):
        return [Span(0, len(sentence))]
    for cue in DENIAL.finditer(sentence):
        if not _inside(cue.start(), harmless):
            end = min(
                _clause_end(sentence, cue.end()), _words_on(sentence, cue.end(), LONGEST_SCOPE)
            )
            if cue[0].lower() == "without":
                end = min(end, _words_on(sentence, cue.end(), 4))
            if parts and cue.start() < parts[-1].end:
                parts[-1] = Span(parts[-1].start, max(parts[-1].end, end))
            else:
                parts.append(Span(cue.start(), end))
    for cue in DENIAL_AFTER.finditer(sentence):
        if cue[0].strip().lower() == "none" or _inside(cue.start(), parts):
            continue
        ends = (
            m.end()
            for m in END.finditer(sentence, max(0, cue.start() - WINDOW), cue.start())
            if m[0] != ":"
        )
        begin = max(max(ends, default=0), _last_words(sentence, cue.start(), LONGEST_SCOPE // 2))
        parts.append(Span(begin, cue.end()))
    return parts


def _words_on(sentence: str, place: int, n: int) -> int:
    """Where the next `n` words end."""
    ends = [match.end() for match in itertools.islice(WORD.finditer(sentence, place), n)]
    return ends[-1] if ends else place


def _last_words(sentence: str, place: int, n: int) -> int:
    """Where the last `n` words before a place begin."""
    starts = [match.start() for match in WORD.finditer(sentence, max(0, place - WINDOW), place)]
    return starts[-n:][0] if starts else 0


def _clause_end(sentence: str, place: int) -> int:
    limit = min(place + WINDOW, len(sentence))
    match = END.search(sentence, place, limit)
    return match.start() if match else limit


def _family_end(sentence: str, place: int) -> int:
    match = re.compile(r"[.;]|\bbut\b|\bpatient\b").search(sentence, place)
    return match.start() if match else len(sentence)


def _inside(place: int, parts: list[Span]) -> bool:
    return any(part.start <= place < part.end for part in parts)
