"""How hard a text is to read: the US school grade by Flesch and Kincaid, with our own syllables.

Source: Kincaid 1975, Derivation of new readability formulas for Navy enlisted personnel, Research
Branch Report 8-75: grade = 0.39 words per sentence + 11.8 syllables per word - 15.59. Patient
material should be at grade 6 to 8 (AMA, Health literacy and patient safety, 2007; NIH, Clear
communication, 2021). Syllables are counted by rules of English spelling, not by a dictionary.
"""

import re

WORD = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)?")
SENTENCE_END = re.compile(r"(?<!\d)[.!?]+(?=\s|$)|\n{2,}|[.!?]+(?=\s|$)|\n\s*[-*]\s")
VOWELS = re.compile(r"[aeiouy]+")
SILENT_ES = re.compile(r"(?<=[^aeiouylsxzcg])es$|(?<=[aeiouy]l)es$")
SILENT_ED = re.compile(r"(?<=[^aeiouydt])ed$")
FEWER = re.compile(
    r"cial|tia|cius|cious|giu|[^l]ion|[ctgx]iou|cian|sia$|.ely$|^every|evening|business|gue$"
)
MORE = re.compile(
    r"ia|riet|dien|iu|io|ii|[aeiouym]bl$|[aeiou]{3}|ism$|([^aeiouy])\1l$|[^l]lien"
    r"|[^gq]ua[^auieo]|uie|useum|uous|[aeiouy]ing$|rea$|dea$|deo$|cien|creat|ereal|nausea|[lr]ui[nd]"
    r"|betes|thm$|onic$"
)


def syllables(word: str) -> int:
    """Syllables of one English word, at least one.

    Groups of vowels, less the silent ones, with the endings that Fast's Lingua::EN::Syllable (1999)
    corrects and some more.
    """
    text = re.sub(r"[^a-z]", "", word.lower())
    text = SILENT_ED.sub("d", SILENT_ES.sub("s", text.replace("qu", "q")))
    groups = len(VOWELS.findall(re.sub(r"(?<=[^l])e$|(?<=[aeiouy]l)e$", "", text)))
    groups += len(MORE.findall(text)) - len(FEWER.findall(text))
    return max(groups, 1)


def grade(text: str) -> float:
    """The Flesch-Kincaid grade of a text; 0.0 if it has no word.

    Telephone numbers and other numbers are no words. A line of a list ends a sentence.
    """
    words = WORD.findall(text)
    if not words:
        return 0.0
    parts = [part for part in SENTENCE_END.split(text) if WORD.search(part)]
    per_sentence = len(words) / max(len(parts), 1)
    per_word = sum(map(syllables, words)) / len(words)
    return 0.39 * per_sentence + 11.8 * per_word - 15.59
