"""What a page is made of: a few plain values that the template knows how to draw.

A section is a list of blocks. The template holds the look, the sections hold the content; neither
knows the other.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from markupsafe import Markup

Tone = Literal["good", "bad", "unsure", "plain"]
"""How a judgement looks. The colour only repeats what the words say."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table."""

    text: str
    tone: Tone | None = None
    """Draws the text as a badge."""
    colour: str | None = None
    """Draws a patch of this colour before the text, such as the colour of an arm."""
    code: bool = False
    """Draws the text as code: a hash or an id."""
    nowrap: bool = False
    """Keeps the text on one line."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table. `align` has one letter per column: l or r."""

    head: Sequence[str]
    align: str
    rows: Sequence[Sequence[Cell | str]]
    caption: str = ""
    narrow: bool = False
    """Whether it is only as wide as its content."""
    kind: Literal["table"] = "table"


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawing with the three sentences that its reader needs."""

    svg: Markup
    title: str
    shows: str
    read: str
    says: str
    half: bool = False
    """Whether two of them fit side by side."""
    kind: Literal["picture"] = "picture"


@dataclass(frozen=True, slots=True)
class Pair:
    """One or two half-width blocks in a row."""

    blocks: Sequence[Picture | Table]
    kind: Literal["pair"] = "pair"


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    text: str
    kind: Literal["text"] = "text"


@dataclass(frozen=True, slots=True)
class Callout:
    """A sentence that must not be overlooked."""

    title: str
    text: str
    tone: Tone
    kind: Literal["callout"] = "callout"


@dataclass(frozen=True, slots=True)
class Bullets:
    """A short list under a heading."""

    title: str
    items: Sequence[str]
    kind: Literal["bullets"] = "bullets"


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading inside a section."""

    text: str
    kind: Literal["heading"] = "heading"


@dataclass(frozen=True, slots=True)
class Facts:
    """Names with their values, for what is not a table."""

    items: Sequence[tuple[str, str]]
    kind: Literal["facts"] = "facts"


@dataclass(frozen=True, slots=True)
class Token:
    """One token of the first training example."""

    text: str
    id: str
    supervised: bool
    ends_line: bool


@dataclass(frozen=True, slots=True)
class Tokens:
    """A training example as the model sees it."""

    tokens: Sequence[Token] = field(repr=False)
    text: str
    kind: Literal["tokens"] = "tokens"


@dataclass(frozen=True, slots=True)
class FindingCard:
    """One finding of a guard."""

    tone: Tone
    severity: str
    guard: str
    what: str
    details: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Findings:
    """What the guards found, the gravest first."""

    cards: Sequence[FindingCard]
    kind: Literal["findings"] = "findings"


@dataclass(frozen=True, slots=True)
class Code:
    """A text in fixed width."""

    text: str
    kind: Literal["code"] = "code"


Block = (
    Table | Picture | Pair | Text | Callout | Bullets | Heading | Facts | Tokens | Findings | Code
)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report that answers one question."""

    id: str
    title: str
    question: str
    blocks: Sequence[Block]
    """Empty when the stage has not run."""
    command: str = ""
    """The command that fills the section."""
