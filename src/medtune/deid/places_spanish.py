"""Spanish addresses and institutions."""

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from medtune.deid.document import Document
from medtune.deid.kinds import Kind
from medtune.deid.lexicon import STATE
from medtune.deid.span import Span
from medtune.deid.vocabulary import VOCABULARIES

STREET = 82
"""Above a person's title: `Calle del Dr. Esquerdo, 46` is a street."""
NAMED_STREET = 64
HOSPITAL = 81
ORGANIZATION = 65
ZIP = 67
TOWN = 66

PREFIX = (
    r"(?:calle|c/\.?|avda\b\.?|avenida\b\.?|av\.|avd\b\.?|plaza|pza\b\.?|plza\b\.?|paseo|pso\.|p[º°]\.?"
    r"|carretera|ctra\b\.?|cra\.|camino|ronda|glorieta|travesia|rambla|passeig|carrer|gran via|via"
    r"|bulevar|alameda|urbanizacion|urb\.|poligono|barrio|callejon|pasaje|pje\.|praza|rua|autovia"
    r"|cuesta|colonia|col\.|costanilla|c\.|avinguda|placa|bo\.|parque|carrera)"
)
WORD = r"(?:[^\W\d_][\w'’.ªº-]*+)"
NUMBER = (
    r"(?:(?:n ?[º°o.]{0,2} ?|num\. ?)?\d{1,4}(?: ?[-/y] ?\d{1,4})*(?:[a-z]\b)?|s/n\b|s\.n\.|sn\b"
    r"|km\.? ?\d+(?:[.,]\d+)?)"
)
FLAT = (
    r"(?:(?: ?[,-] ?| )(?:\d{1,3} ?(?:[.]?[ºª°]|o\b|er\b|a\b)?\.?(?:[ -]?[a-z]\b)?"
    r"|[a-z]\b(?![.'/]|-\d)|bajo(?: [a-z]\b)?|piso(?: \d+)?|puerta(?: \w\b)?|portal(?: \d+)?"
    r"|esc\w*\.?(?: \w\b)?|izq\w*\.?|dcha\.?|dch\.?|derecha|izda\.?|local|bloque(?: \w+)?"
    r"|atico|planta|bis)(?!\w))"
)
STOP = (
    r"(?!(?:Avda|Avenida|Av\.|Calle|C/|Plaza|Pza|Pl\.|Paseo|Ctra|Carretera|Camino|Ronda|Rambla|Servicio"
    r"|Secci[oó]n|Unidad|Departamento|Dpto|Correo|E-?[Mm]ail|EMAIL|Tel[eé]fono|Tel|Tel[ef]+|Telfs?|Tfno|Tlfn?o?"
    r"|Fax|Espa[nñ]a|Email|Apartado|Edificio|Jefe|C\.|Tras|En|El|La|Se|NºCol|Fecha)\b)"
)
CAP = rf"{STOP}(?:[A-ZÁÉÍÓÚÑÜÇ][\w'’·-]*|(?:Dr|Dra|Sta|Sto|Ntra|Sra|S|H|U)\.)"
SMALL = r"(?:de|del|la|las|los|el|y|e|i|d'|d’|L'|La|El|San|Santa|\d{1,2})"
NAME = rf"(?:(?:{SMALL} ){{0,3}}[\"“”]?{CAP}[\"”]?)"
CARE = (
    r"(?:Hospital(?:ario|ari|ar)?|Complejo Hospitalario|Complexo Hospitalario|Cl[ií]nica|Sanatorio"
    r"|Policl[ií]nic[ao]|Ciudad Sanitaria|Maternidad|Fundaci[oó]n Hospital)"
)
CENTRE = (
    r"(?:Centro de (?:Salud|Atenci[oó]n Primaria|Especialidades)|Consultorio|C\.S\.|CAP"
    r"|Ambulatorio)"
)
BODY = (
    r"(?:Universidad|Universitat|Universidade|Facultad|Instituto|Institut|Fundaci[oó]n|Fundaci[oó]"
    r"|Asociaci[oó]n|Sociedad|Colegio|Escuela|Ministerio|Consejer[ií]a|Ayuntamiento|Laboratorios?"
    r"|Residencia|Xarxa|Centro de Transfusi[oó]n)"
)


class _Form(NamedTuple):
    kind: Kind
    weight: int
    pattern: re.Pattern[str]
    flat: bool = False
    """Whether the pattern reads the lower-case text; the others need capitals."""


def find_spanish_places(document: Document) -> Iterator[Span]:
    """Yield streets, postal codes with their towns, hospitals and institutions."""
    for form in _forms():
        if not form.flat and document.case != "mixed":
            continue
        for match in form.pattern.finditer(document.flat if form.flat else document.text):
            start, end = match.span("value")
            while end > start and document.text[end - 1] in " ,.;-":
                end -= 1
            if form.kind in ("hospital", "organization"):
                end = _without_town(document, start, end)
            if end > start and (form.kind != "street" or _is_named(document, start, end)):
                yield Span(start, end, form.kind, "address", form.weight)


def _is_named(document: Document, start: int, end: int) -> bool:
    """Whether a street has a name: `por via intravenosa 2 g` has none."""
    if document.case != "mixed":
        return True
    words = re.findall(r"[^\W\d_]+", document.text[start:end])
    small = VOCABULARIES["es"].particles
    if document.flat.startswith(("c.", "via"), start):  # degrees Celsius, `C.P.`, a way of giving
        before = document.text[max(0, start - 2) : start].rstrip()
        name = [word for word in words[1:] if len(word) > 2]  # noqa: PLR2004  `nº`, a floor, a door
        plain = all(word[0].isupper() or word.lower() in small for word in name)
        return plain and bool(name) and not before.endswith(tuple("0123456789º°o"))
    is_short = document.text[start : start + 3].lower().startswith(("c/", "c.", "av", "pz", "ct"))
    is_whole = bool(words) and len(words[0]) > 1 and document.flat[start : start + 3] != "via"
    named = any(word[0].isupper() for word in words[1:])
    return named or (is_short and len(words) > 1) or (is_whole and words[0][0].isupper())


def _without_town(document: Document, start: int, end: int) -> int:
    """The end of an institution's name, without the town and the street that follow it."""
    first, last = document.token_at(start), document.token_at(end)
    particles = VOCABULARIES["es"].particles
    for i in range(first + 2, last):
        is_town = document.bits(document.words[i]) & STATE
        goes_on = i + 1 < last and document.low[i + 1] in particles
        if is_town and not goes_on:
            return document.ends[i if document.low[i - 1] in particles else i - 1]
    return end


@cache
def _forms() -> tuple[_Form, ...]:
    street = rf"(?<!\w){PREFIX} ?(?:{WORD} ){{0,7}}?{WORD}"
    return (
        _Form("street", STREET, re.compile(
            rf"(?P<value>{street}(?:,? |,){NUMBER}{FLAT}{{0,5}})(?!\w)"
        ), flat=True),
        _Form("street", NAMED_STREET, re.compile(
            rf"(?P<value>(?<!\w)(?i:{PREFIX}) ?{NAME}(?: {NAME}){{0,3}})"
        )),
        _Form("street", HOSPITAL - 1, re.compile(
            rf"(?P<value>{CAP}(?: {NAME}){{0,3}},? (?i:{NUMBER}))"
            r"(?=[ ,.()–-]{1,3}(?:E-)?\d{4,5}\b)"
        )),
        _Form("zip", ZIP, re.compile(
            r"(?<![\d.,/-])(?P<value>(?:E-)?(?:0[1-9]|[1-4]\d|5[0-2])\d{3})"
            rf"(?=[ .,–)-]{{1,3}}(?:\(?{CAP}))"
        )),
        _Form("city", TOWN, re.compile(
            rf"(?<![\d.,/])\d{{5}}[ .,–)-]{{1,3}}\(?(?P<value>{CAP}(?:[ -]{NAME}){{0,3}})"
        )),
        _Form("city", TOWN - 2, re.compile(
            rf"\d{{5}}[ .,–)-]{{1,3}}{CAP}(?:[ -]{NAME}){{0,3}}[.,]? ?\(?"
            rf"(?P<value>{CAP}(?: {NAME}){{0,2}})"
            r"(?=[.,)]? ?\(?(?:Espa[nñ]a|E-?mail|Email|Correo|Tel|Tfno|Tlf|Fax))"
        )),
        _Form("city", TOWN - 3, re.compile(
            rf"(?<=[.,] )(?P<value>{CAP}(?: {NAME}){{0,2}})(?=[.,]? \(?España)"
        )),
        _Form("hospital", HOSPITAL, re.compile(rf"(?P<value>{CARE}(?: {NAME}){{1,6}})")),
        _Form("hospital", HOSPITAL, re.compile(rf"(?P<value>{CENTRE}(?: {NAME}){{1,4}})")),
        _Form("organization", ORGANIZATION, re.compile(rf"(?P<value>{BODY}(?: {NAME}){{1,5}})")),
    )  # fmt: skip
