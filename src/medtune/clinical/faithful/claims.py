"""What a draft affirms or denies, on which side, of whom and when, against the source."""

import re
from collections.abc import Iterator, Sequence
from functools import cache

from medtune.clinical.faithful.assertion import Statement, Word
from medtune.clinical.faithful.kinds import Fault, fault
from medtune.clinical.faithful.source import Place, Reading, Side
from medtune.clinical.faithful.tokens import TABLES, Span, stem, synonym_rows
from medtune.clinical.phrases import listed
from medtune.clinical.table import read_table
from medtune.records import Severity

GENERIC = frozenset(
    listed("""pain symptom problem issue normal exam examination mild severe moderate significant
    sign
    evidence area side positive negative change increas decreas treatment medication physical
    other good bad better wors continu follow disease condition concern difficulty any acute
    chronic recent level start stop help work time episod due control regular general associated
    extremity known past history prior previou current review system family social medical
    surgical discuss question answer plan visit evaluation evaluat show reveal demonstrat
    symptomatic complaint use intact acute_abnormality""")
)
"""Words too common to decide alone whether the source speaks of the same thing."""
ALIKE = 3
"""Content words that a sentence of the source shares with one of the draft that is like it."""
HEADING_WORDS = 5
COMMON = 2
"""A single word in more statements of the source than this decides nothing."""
ASSERTION = re.compile(
    r"\b(?:reports?|endorses?|complains? of|positive for|there (?:is|are|was|were)|admits?(?: to)?|"
    r"has|had|experienc\w+|shows?|demonstrates?|reveals?|history of|allergic to)\b",
    re.IGNORECASE,
)
CLAUSE = re.compile(r"[.;]|\bbut\b|\bwhich\b|\bthat\b|\bwhen\b|\bbecause\b", re.IGNORECASE)
EVENTS = frozenset(
    listed("""mri ct x-ray ultrasound ecg echocardiogram biopsy colonoscopy endoscopy surgery
    injection
    catheterization stress physical_therapy mammogram culture bloodwork lab referral spirometry
    laparoscopy cholecystectomy angiogram transfusion urinalysis""")
)
ILLNESSES = frozenset(
    listed("""cancer diabetes hypertension stroke asthma arthritis depression copd gerd dementia
    alzheimer""")
)
FEMALE = re.compile(
    r"\b(?:female|woman|lady|girl|ms\.?|mrs\.?|miss|ma'am|gravida)(?![\w])", re.IGNORECASE
)
MALE = re.compile(r"\b(?:male|man|gentleman|boy|mr\.?|sir|bud)(?![\w])", re.IGNORECASE)
MEDICAL = re.compile(
    r"(?<!diagn)(?<!progn)(?:itis|osis|emia|oma|opathy|ectomy|ostomy|otomy|uria|algia|cillin|"
    r"mycin|coccus|cocci|ococcal"
    r"|plasty|scopy|gram|cele|plegia|paresis|rrhea|rrhagia|megaly|penia|philia|trophy|malacia|"
    r"stenosis|sclerosis|virus|bacter|trichomona|syndrome|genic|lysis|pnea|phagia|uric|ulin|"
    r"phrenia|asthenia|plasma|lithiasis|infarct|thromb\w*|embol\w*)$"
)
SHORTEST_TERM = 6


@cache
def _findings() -> frozenset[str]:
    rows = read_table(TABLES / "findings.csv", ("word",)).rows
    names = {row["name"].replace(" ", "_") for row in synonym_rows()}
    return frozenset({stem(row["word"]) for row in rows} | names)


def _is_finding(word: Word) -> bool:
    """Whether a word can stand alone for a symptom, a sign or an illness."""
    name = word.token.stem
    return name not in GENERIC and (name in _findings() or bool(MEDICAL.search(name)))


def negations(draft: Reading, source: Reading) -> Iterator[Fault]:
    """What the draft affirms and the source only denies, and the other way round.

    The unit is a run of content words that stand together ("chest pain"); if the source lacks the
    run, its words are looked for one by one, unless they are common. A denial of what the source
    does not speak of at all is "unasked".
    """
    for number, statement in enumerate(draft.statements):
        runs = () if is_heading(draft, statement) else _runs(draft.text, statement)
        for run in runs:
            polarity = run[0].polarity
            if polarity == "mentioned":
                continue
            places = _places(run, source)
            weak = not places and (polarity == "denied" or _is_asserted(draft, statement, run))
            places = places or (_rare(run, source) if weak else [])
            at = Span(run[0].token.start, run[-1].token.end)
            if not places:
                if polarity == "denied" and _is_clinical(run) and not _any_place(run, source):
                    yield fault("unasked", number, at)
                continue
            theirs = {place.word.polarity for place in places}
            opposite = "denied" if polarity == "affirmed" else "affirmed"
            if theirs == {opposite}:
                token = places[0].word.token
                severity: Severity | None = "note" if weak else None
                yield fault("negation", number, at, Span(token.start, token.end), severity)


def _is_asserted(draft: Reading, statement: Statement, run: Sequence[Word]) -> bool:
    """Whether a word such as "reports" or "there is" stands before the run in its clause."""
    before = draft.text[statement.span.start : run[0].token.start]
    cue = [m.end() for m in ASSERTION.finditer(before)]
    return bool(cue) and not CLAUSE.search(before, cue[-1])


def _runs(text: str, statement: Statement) -> Iterator[Sequence[Word]]:
    """Content words with nothing but a space or hyphen between them and the same polarity."""
    run: list[Word] = []
    for word in statement.words:
        if run:
            gap = text[run[-1].token.end : word.token.start]
            if gap.strip(" -") or word.polarity != run[-1].polarity:
                yield run
                run = []
        run.append(word)
    if run:
        yield run


def _places(run: Sequence[Word], source: Reading) -> list[Place]:
    """Where the source speaks of the run: its last word, in statements that hold all its words.

    A word that stands alone decides only if it is a finding.
    """
    stems = [word.token.stem for word in run if word.token.stem not in GENERIC] or [
        run[-1].token.stem
    ]
    found = [source.places.get(stem, ()) for stem in stems]
    together = set.intersection(*({p.statement for p in places} for places in found))
    if len(stems) == 1 and not _is_clinical(run):
        return []
    return [place for place in found[-1] if place.statement in together]


def _rare(run: Sequence[Word], source: Reading) -> list[Place]:
    """Where the source has the run's last word that it rarely has."""
    for word in reversed(run):
        places = source.places.get(word.token.stem, ())
        n = len({place.statement for place in places})
        if word.token.stem not in GENERIC and 0 < n <= COMMON:
            return list(places)
    return []


def _is_clinical(run: Sequence[Word]) -> bool:
    return any(_is_finding(word) for word in run)


def _any_place(run: Sequence[Word], source: Reading) -> bool:
    return any(
        part in source.places
        for word in run
        if word.token.stem not in GENERIC
        for part in (word.token.stem, *word.token.stem.split("_"))
    )


def is_heading(draft: Reading, statement: Statement) -> bool:
    """Whether a line is a heading: a few words, no full stop, or all in capitals."""
    text = draft.text[statement.span.start : statement.span.end]
    is_line = draft.text[statement.span.end : statement.span.end + 1] in ("", "\n", ":")
    few = len(text.split()) <= HEADING_WORDS and not text.endswith(".")
    return text.isupper() or (few and is_line and text.rstrip(":").istitle())


def sides(draft: Reading, source: Reading) -> Iterator[Fault]:
    """A side must be the source's side of the same part of the body."""
    for mine in draft.sides:
        at, part = mine.span, mine.stems - GENERIC
        theirs = [one for one in source.sides if part & (one.stems - GENERIC)]
        if theirs:
            theirs = _closest(draft, mine, theirs, source)
            named = {one.side for one in theirs}
            if mine.side not in named and not _covers(mine.side, named):
                yield fault("laterality", mine.statement, at, theirs[0].span)
        elif mine.side != "both" and not _side_said(mine, source):
            yield fault("laterality", mine.statement, at)


def _closest(draft: Reading, mine: Side, theirs: list[Side], source: Reading) -> list[Side]:
    """Of the source's sides of a part, those in the statements most like the draft's sentence.

    Where none shares three words or more with it, all of them: both knees may be meant.
    """
    here = {word.token.stem for word in draft.statements[mine.statement].words}
    shared = [
        len(here & {word.token.stem for word in source.statements[one.statement].words})
        for one in theirs
    ]
    most = max(shared)
    if most < ALIKE:
        return theirs
    return [one for one, n in zip(theirs, shared, strict=True) if n == most]


def _covers(side: str, named: set[str]) -> bool:
    """Both sides hold each, and left with right makes both."""
    return "both" in named or (side == "both" and {"left", "right"} <= named)


def _side_said(mine: Side, source: Reading) -> bool:
    return any(one.side in (mine.side, "both") for one in source.sides)


def sexes(draft: Reading, source: Reading) -> Iterator[Fault]:
    """The patient's sex must be the source's."""
    theirs = {"female": _words(FEMALE, source.text), "male": _words(MALE, source.text)}
    for name, pattern, other in (("female", FEMALE, "male"), ("male", MALE, "female")):
        if theirs[other] and not theirs[name]:
            for match in pattern.finditer(draft.text):
                at = Span(match.start(), match.end())
                yield fault("person", draft.statement_at(at.start), at, theirs[other][0])


def relatives(draft: Reading, source: Reading) -> Iterator[Fault]:
    """A relative's illness must not become the patient's."""
    for number, statement in enumerate(draft.statements):
        if _under_family(draft.text, statement.span.start):
            continue
        for word in statement.words:
            places = source.places.get(word.token.stem, ())
            if (
                places
                and word.polarity == "affirmed"
                and not word.is_family
                and word.token.stem not in GENERIC
                and all(p.word.is_family and p.word.polarity == "affirmed" for p in places)
                and (MEDICAL.search(word.token.stem) or "_" in word.token.stem or _is_illness(word))
            ):
                at = Span(word.token.start, word.token.end)
                token = places[0].word.token
                yield fault("person", number, at, Span(token.start, token.end))


def _words(pattern: re.Pattern[str], text: str) -> list[Span]:
    return [Span(m.start(), m.end()) for m in pattern.finditer(text)]


def _is_illness(word: Word) -> bool:
    return word.token.stem in ILLNESSES


def _under_family(text: str, place: int) -> bool:
    """Whether the sentence stands under a heading of family history."""
    headings = re.findall(r"(?:^|\n)[ \t]*([A-Z][A-Za-z ]{3,40}?)[ \t]*(?::|\n)", text[:place])
    return bool(headings) and "family" in headings[-1].lower()


def statuses(draft: Reading, source: Reading) -> Iterator[Fault]:
    """A plan of the source must not be written as done."""
    for number, statement in enumerate(draft.statements):
        if not statement.done or statement.planned:
            continue
        for word in statement.words:
            places = source.places.get(word.token.stem, ()) if word.token.stem in EVENTS else ()
            theirs = [source.statements[place.statement] for place in places]
            if theirs and all(one.planned and not one.done and not one.past for one in theirs):
                at = Span(word.token.start, word.token.end)
                yield fault("status", number, at, theirs[0].span)


def onsets(draft: Reading, source: Reading) -> Iterator[Fault]:
    """What the source has as old must not be written as new."""
    for number, statement in enumerate(draft.statements):
        if not statement.new or statement.past:
            continue
        for word in statement.words:
            places = source.places.get(word.token.stem, ())
            theirs = [source.statements[place.statement] for place in places]
            if (
                theirs
                and word.polarity == "affirmed"
                and word.token.stem not in GENERIC
                and all(one.past and not one.new for one in theirs)
            ):
                at = Span(word.token.start, word.token.end)
                yield fault("onset", number, at, theirs[0].span)


def terms(draft: Reading, source: Reading) -> Iterator[Fault]:
    """A medical term, or a name within a sentence, that the source does not have at all."""
    for number, statement in enumerate(draft.statements):
        for word in statement.words:
            token = word.token
            written = draft.text[token.start : token.end]
            if (
                word.polarity == "denied"
                or token.stem in source.places
                or len(written) < SHORTEST_TERM
            ):
                continue
            if MEDICAL.search(written.lower()) and token.stem not in GENERIC:
                yield fault("term", number, Span(token.start, token.end))
