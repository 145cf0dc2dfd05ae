"""What the words of one language are, and how a labelled field is written."""

from typing import Literal, NamedTuple

from medtune.deid.kinds import Kind

Reads = Literal["code", "digits", "name", "line", "places", "word", "age"]
"""How the value after a label is read. `code`: letters and digits, at least two digits. `digits`:
digits, perhaps grouped. `name`: words that begin with a capital. `line`: up to the end of the line
or sentence. `places`: the same, divided at commas and slashes. `word`: one word.
`age`: a number and its unit."""


class Field(NamedTuple):
    """A label and the kind of what follows it, such as `MRN:` and a number."""

    kind: Kind
    label: str
    """A pattern, matched without regard to case, at the start of a word."""
    reads: Reads
    colon: bool = False
    """Whether the label counts only with a colon; without it other words may stand between."""


class Vocabulary(NamedTuple):
    """The words of one language. All are lower case without accents unless said otherwise."""

    fields: tuple[Field, ...]
    titles: dict[str, str]
    """Forms of address before a name, and whom they name: `clinician` or `person`."""
    credentials: frozenset[str]
    """Letters after a clinician's name, as written."""
    cues: frozenset[str]
    """One or two words after which a capitalized unknown word is a name."""
    namings: frozenset[str]
    """Verbs of naming, which a pronoun may divide from the name: `named him`."""
    pronouns: frozenset[str]
    verbs: frozenset[str]
    """One or two words before which an unknown word at the start of a sentence is a name."""
    belongings: frozenset[str]
    """What a person has, after the genitive: `Jesenko's mother`."""
    place_cues: frozenset[str]
    """Words after which a place is likely."""
    moves: frozenset[str]
    """Words for coming, going and living: what follows their preposition is a place."""
    particles: frozenset[str]
    """Words within a name."""
    not_names: frozenset[str]
    """Words that are in the tables of names and hardly ever meant as one in a note."""
    ambiguous: frozenset[str]
    """Words that are names as well, beyond those of the tables of words."""
    eponym_heads: frozenset[str]
    """Nouns that make the name before (English) or after (Spanish) them a term of medicine."""
    eponyms: frozenset[str]
    """Names that in a note mean the disease, the sign, the device or the drug."""
    months: dict[str, int]
    weekdays: frozenset[str]
    street_words: frozenset[str]
    units: frozenset[str]
    """Words for a flat, a floor, a box."""
    hospital_words: frozenset[str]
    organization_words: frozenset[str]
    """Words that end (English) or begin (Spanish) the name of an organization."""
    kin: frozenset[str]
    sex: dict[str, str]
    """Words for a person's sex, and which."""
