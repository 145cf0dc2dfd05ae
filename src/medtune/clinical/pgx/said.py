"""Hold a reply against the computed facts: what it contradicts, and what it leaves out.

Doubt counts against the reply. A sentence that stands in the facts, or in their fixed explanation,
is right. Where the computed action is to avoid the drug or to take another, the check is closed: a
sentence of the reply's own must be a plain refusal of this very drug (`refusal`), or say nothing of
medicine or test in words that the facts do not hold. For the other actions but the usual dose, a
sentence that speaks of the medicine or of the test must be such a refusal, or have a word that fits
the action and none that takes it back ("but", "safe"). A number with its unit, an allele, a
phenotype or a drug that the facts do not hold is a contradiction, too.

So a careful sentence in unusual words is refused as well.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache

from medtune.clinical.pgx.advice import drugs
from medtune.clinical.pgx.explain import ASK, explanation
from medtune.clinical.pgx.facts import objects, strings, texts
from medtune.clinical.pgx.outside import phenotypes
from medtune.clinical.pgx.phenotype import PAIRS, SCORED
from medtune.records import Finding, Json

DOWNGRADE = "less careful than computed"
OMITTED = "the computed caution is missing"
STRANGE = "a sentence that the facts do not hold"
DOSE = "a dose that is not in the looked-up text"
PHENOTYPE = "another phenotype than computed"
ALLELE = "an allele that was not found"
DRUG = "a drug that the facts do not name"
UNSAFE = frozenset({DOWNGRADE, OMITTED, DOSE})
"""The findings that could harm a patient."""
REMEDY = "show the fixed explanation of the computed result instead of the reply"

SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")
MEDICINE = r"(?:medicines?|drugs?|medications?)"
GIVE = r"(?:take|use|give|start|prescribe)"
ELSE = (
    rf"(?:ask for|ask your doctor for|choose|use|consider|select|prescribe|give|take) "
    rf"(?:(?:an )?alternative(?: {MEDICINE})?|another {MEDICINE}|(?:a )?different {MEDICINE})"
)
CLOSED = frozenset({"avoid", "alternative"})
"""The actions for which a sentence must be one of a few forms."""
WARNS = re.compile(
    r"\b(?:avoid\w*|alternative\w*|contraindicat\w*|another|(?:not|no|never|n't)\W+(?:\w+\W+){0,3}?"
    r"(?:be|tak\w+|us\w+|giv\w+|start\w*|prescri\w+|recommend\w*|a\sgood|clear\w*|tell|known?))\b",
    re.IGNORECASE,
)
"""Whether a sentence of the facts, whatever the action, is one of caution."""
FITTING: Mapping[str, re.Pattern[str]] = {
    action: re.compile(rf"\b(?:{words})\b", re.IGNORECASE)
    for action, words in {
        "reduce": r"reduc\w+|lower\w*|less|decreas\w+|smaller",
        "measure": r"measur\w+|tested|activity",
        "monitor": r"monitor\w*|watch\w*|caution\w*|careful\w*|clos\w+|check\w*|aware|risk|"
        "levels|signs?",
        "none": r"unknown|unclear|uncertain|indeterminate|no recommendation",
    }.items()
}
"""What a sentence in the reply's own words must have, by the action that is not closed."""
NEUTRAL = frozenset(("the", "this", "patient", "is", "has", "a", "an", "of", "for", "in", "with"))
"""Words that a sentence about the result may have beside those of the facts."""
TAKES_BACK = re.compile(
    r"""
    \b(?: but | however | still | anyway | nevertheless | nonetheless | though | although | yet
        | despite | regardless | unless | except | even\ so
        | safe\w* | fine | okay | ok | harmless | suitable | tolerat\w+ | effective
        | usual\w* | standard | normal\w* | regular | routine | full | same | unchanged | label\w*
        | continu\w+ | proceed | go\ ahead | keep
        | ignor\w+ | disregard\w* | overrid\w+ | overrul\w+ | skip\w* | forget
        | wrong\w* | mistak\w+ | erroneous | outdated | obsolete | false | exaggerat\w*
        | overcautious | optional | unnecessar\w+ | needless\w* | irrelevant )\b
    | \b(?: no | not | never | nothing | without | hardly | neither | isn't | don't | doesn't
        | needn't | won't )\W+(?:[\w'-]+\W+){0,6}?
      (?: avoid\w* | reduc\w+ | lower\w* | alternative\w* | contraindicat\w* | caution\w*
        | risk\w* | danger\w* | harm\w* | unsafe | toxic\w* | problem\w* | concern\w* | worr\w+
        | need\w* | necessary | required | reason\w* | apply | applies | matter\w* | relevant
        | adjust\w* | chang\w+ | measur\w+ | stop\w* | withh\w+ld\w* | another | other | wait\w* )\b
    | \b(?: avoid\w* | stop\w* | quit\w* | ceas\w+ | instead\ of | rather\ than )
      \W+(?:[\w'-]+\W+){0,3}?
      (?: avoid\w* | alternative\w* | another | other | reduc\w+ | lower\w* | withh\w+ld\w* )\b
    | \b(?: avoid\w* | alternative\w* | reduc\w+ | caution\w* | risk\w* | danger\w* | harm\w*
        | warning\w* | tests? | results? | recommendation\w* | guideline\w* | alert\w* | advice
        | medicine | drug )
      \W+(?:[\w'-]+\W+){0,2}?(?: not | no | never | nothing | isn't | doesn't )\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
SPEAKS = re.compile(
    r"""
    \b(?: it | this | that | medicines? | medications? | drugs? | tablets? | pills? | therapy
        | dos(?:e[sd]?|age|ing) | tak(?:e[sn]?|ing) | us(?:e[sd]?|ing) | giv(?:e[sn]?|ing) | have
        | start\w* | prescri\w+ | continu\w* | administ\w+ | treat\w* | tolerat\w+ | benefit\w*
        | results? | tests? | genes? | genotypes? | phenotypes? | warnings? | alerts? | caution\w*
        | recommend\w* | guidelines? | advice | safe\w* | fine | okay | ok | harmless
        | yes | sure | certainly | of\ course | usual\w* | appl(?:y|ies) | allow\w* | permit\w*
        | clear(?:ed|ance)? | approv\w+ | green | eligible | indicated | choice | option | go
        | can | may | might | should | must | could | would | will )\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
MORE = re.compile(
    r"\b(?:increas\w+|rais\w+|higher|more|extra|additional|larger|bigger|escalat\w+|maximum)\b"
    r"[^.;!?]{0,30}\b(?:dos(?:e|es|age)|amount|tablets?|pills?|of it)\b",
    re.IGNORECASE,
)
OPENS = (SPEAKS, WARNS, TAKES_BACK, MORE)
"""What shows that a sentence is about taking the drug or about the test."""
UNIT = (
    r"mg/m2/day|mg/kg/day|mg/day|mg/m2|mg/kg|ng/ml|mg|mcg|µg|ug|g|ml|units?|iu|%|percent|times|"
    r"-?fold|tablets?|pills?|capsules?|drops?"
)
QUANTITY = re.compile(
    rf"(?<![\w*.:])(\d+(?:\.\d+)?)(?:\s*(?:-|–|to|or)\s*(\d+(?:\.\d+)?))?\s*({UNIT})?(?!\w)",
    re.IGNORECASE,
)
AMOUNT_IN_WORDS = re.compile(
    r"\b(?:half|halv\w+|doubl\w+|twice|tripl\w+|quarter|thirds?|tenfold|(?:one|two|three|four|five|"
    r"six|eight|ten|twenty|forty|fifty|hundred)\b(?:\s\w+)?\s(?:mg|milligrams?|grams?|times|tablets?"
    r"|pills?|percent))\b",
    re.IGNORECASE,
)
PLAIN_DOSE = re.compile(
    r"\b(?:usual|standard|normal|regular|same)(?=\W+(?:starting\W+)?dos)", re.IGNORECASE
)
"""What "monitor" allows: such a dose, with care."""
STAR = re.compile(r"\*\d+[A-Z]?(?::\d+)?(?:x\d+)?")


def contradictions(facts: Mapping[str, Json], text: str) -> list[Finding]:
    """What a reply says against the facts, or leaves out that must be said; empty if nothing."""
    return [
        Finding(
            guard="pharmacogenomics",
            severity="warn" if what == DRUG else "block",
            what=what,
            where="reply",
            evidence=evidence,
            remedy=REMEDY,
        )
        for what, evidence in dict.fromkeys(_found(facts, text))
    ]


def _found(facts: Mapping[str, Json], text: str) -> Iterator[tuple[str, str]]:
    action, known = str(facts["action"]), _all(facts)
    trusted = {_plain(s) for s in _sentences("\n".join([*texts(facts), explanation(facts)]))}
    said = [_plain(sentence) for sentence in _sentences(text)]
    of_its_own = [sentence for sentence in said if sentence not in trusted]
    for sentence in of_its_own:
        if _less_careful(facts, sentence):
            yield DOWNGRADE, f"computed: {action}"
        elif action in CLOSED and not (_refuses(facts, sentence) or _is_of(known, sentence)):
            yield STRANGE, f"computed: {action}"
    if action in CLOSED or action in FITTING:
        warned = any(s in trusted and s != _plain(ASK) and WARNS.search(s) for s in said)
        if not warned and not any(_fits(facts, one) or _refuses(facts, one) for one in said):
            yield OMITTED, f"computed: {action}"
    yield from ((DOSE, amount) for amount in _amounts_not_in(known, text))
    yield from ((PHENOTYPE, name) for name in _phenotypes_not_in(known, text))
    yield from ((ALLELE, star) for star in STAR.findall(text) if star not in STAR.findall(known))
    named = sorted(set(_names(drugs()).findall(_plain(text))))
    yield from ((DRUG, drug) for drug in named if drug not in _plain(known))


def _less_careful(facts: Mapping[str, Json], sentence: str) -> bool:
    """Whether a sentence in the reply's own words may allow what the facts do not."""
    action, drug = str(facts["action"]), str(facts["drug"])
    if _refuses(facts, sentence):
        return False
    if action not in CLOSED and action not in FITTING:
        return action != "increase" and MORE.search(sentence) is not None
    if action == "monitor":
        sentence = PLAIN_DOSE.sub("", sentence)
    if _fits(facts, sentence):
        return MORE.search(sentence) is not None or TAKES_BACK.search(sentence) is not None
    named = re.search(rf"\b{re.escape(drug)}\b", sentence, re.IGNORECASE)
    return named is not None or any(p.search(sentence) for p in OPENS)


def _refuses(facts: Mapping[str, Json], sentence: str) -> bool:
    """Whether a sentence is one of the forms of `refusal`."""
    return refusal(str(facts["drug"])).fullmatch(sentence) is not None


def _fits(facts: Mapping[str, Json], sentence: str) -> bool:
    """Whether a sentence has a word that fits the action."""
    fitting = FITTING.get(str(facts["action"]))
    return fitting is not None and fitting.search(sentence) is not None


def _is_of(known: str, sentence: str) -> bool:
    """Whether a sentence has no word, but a few neutral ones, that the facts do not have."""
    words, there = (set(re.findall(r"[\w*:-]+", _metabolizer(t))) for t in (sentence, known))
    return words <= there | NEUTRAL


@cache
def refusal(drug: str) -> re.Pattern[str]:
    """The whole sentences that refuse a drug, or ask for another, and can be read in no other way.

    Nothing may follow but the next refusal: what comes after "do not take it" may limit it ("on an
    empty stomach", "late").
    """
    it = rf"(?:{re.escape(drug)}|it|(?:this|the|that) {MEDICINE})"
    ways = (
        rf"(?:please )?(?:do not|don't|never|you (?:should|must) not) {GIVE} {it}",
        rf"{it} (?:should|must) (?:not be (?:taken|used|given|started|prescribed)|be avoided)",
        rf"{it} is (?:contraindicated|not recommended|not advised|not suitable|not a good choice)",
        rf"avoid (?:(?:the use of|using|taking|giving) )?{it}",
    )
    one, then = (
        rf"(?:{'|'.join(ways)})(?: (?:for|in) (?:you|(?:this|the) patient))?",
        "(?:,? and|,|, so)",
    )
    return re.compile(rf"(?:{one}(?:{then} {one})*(?:{then} {ELSE})?|{ELSE})(?: instead)?", re.I)


def _amounts_not_in(known: str, text: str) -> Iterator[str]:
    """Numbers with another unit than there, numbers that are not there, and amounts in words."""
    pairs = set(_amounts(known))
    numbers = {number for number, _ in pairs}
    for number, unit in _amounts(text):
        if (number, unit) not in pairs and (unit or number not in numbers):
            yield f"{number} {unit}".strip()
    for words in AMOUNT_IN_WORDS.findall(text):
        if words.casefold() not in known.casefold():
            yield words.casefold()


def _amounts(text: str) -> Iterator[tuple[str, str]]:
    """Every number with its unit, each end of a range with the unit of the range."""
    for first, second, unit in QUANTITY.findall(text):
        plain = unit.casefold().replace("percent", "%").replace("mcg", "ug").replace("µg", "ug")
        yield from ((f"{float(n):g}", plain.removesuffix("s")) for n in (first, second) if n)


def _phenotypes_not_in(known: str, text: str) -> Iterator[str]:
    """Names of phenotypes that stand in the text only; at each place the longest name counts."""
    words, there = (_metabolizer(t) for t in (text, known))
    names = _names(_phenotype_names())
    allowed = set(names.findall(there))
    yield from (name for name in names.findall(words) if name not in allowed)


@cache
def _names(names: tuple[str, ...]) -> re.Pattern[str]:
    """Finds whole names, the longest at each place."""
    longest_first = sorted((name.casefold() for name in names), key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(re.escape(name) for name in longest_first)})(?!\w)")


@cache
def _phenotype_names() -> tuple[str, ...]:
    return tuple({name for gene in (*PAIRS, *SCORED) for name in phenotypes(gene)})


def _sentences(text: str) -> list[str]:
    return [part for part in (one.strip() for one in SENTENCE.split(text)) if part]


def _all(facts: Mapping[str, Json]) -> str:
    """Everything that the facts say, as one text."""
    genes = [str(value) for gene in objects(facts["genes"]) for value in gene.values()]
    named = [str(facts["drug"]), *strings(facts["medications"])]
    return "\n".join([*texts(facts), explanation(facts), *genes, *named])


def _plain(text: str) -> str:
    """Without case, white space, end marks and the headings of the two parts."""
    words = " ".join(text.casefold().split()).strip(" .;")
    return re.sub(r"^(?:clinician|patient): ?", "", words)


def _metabolizer(text: str) -> str:
    """The plain text, in one spelling."""
    return re.sub(r"metaboli[sz]er", "metabolizer", _plain(text))
