"""Find every identifier in a text: forms, labels, dates, places, people, and a tagger if given."""

from collections.abc import Iterable, Iterator

from medtune.deid.address import complete
from medtune.deid.dates import find_dates
from medtune.deid.document import Document, read
from medtune.deid.extras import find_extras
from medtune.deid.fields import find_fields
from medtune.deid.kinds import Language
from medtune.deid.patterns import find_forms
from medtune.deid.people import find_people
from medtune.deid.places import find_places
from medtune.deid.places_english import find_english_places
from medtune.deid.places_spanish import find_spanish_places
from medtune.deid.span import Span, resolve
from medtune.deid.tagger import Tagger


def find(
    text: str, language: Language, known: Iterable[str] = (), tagger: Tagger | None = None
) -> list[Span]:
    """Every identifier in a text, in order of place, none overlapping.

    A tagger decides where something begins and ends and of what kind it is; what only the rules
    found stays, for a leak costs more than a word too many.

    Args:
        text: The text.
        language: Its language.
        known: Names that it may hold.
        tagger: A tagger for this language.
    """
    document = read(text, language)
    proposed = resolve(candidates(document, known), text)
    if tagger is None or not document.words:
        return proposed
    return resolve([*tagger.tag(document, proposed), *proposed], text)


def candidates(document: Document, known: Iterable[str] = ()) -> Iterator[Span]:
    """What the rules propose, before overlaps are resolved."""
    yield from find_forms(document.text, document.language)
    yield from find_fields(document)
    yield from find_dates(document)
    yield from find_extras(document)
    local = find_english_places if document.language == "en" else find_spanish_places
    places = [*find_places(document), *local(document)]
    yield from places
    yield from complete(document, places)
    yield from find_people(document, known)
