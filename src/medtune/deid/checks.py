"""Check digits: does a number obey the rule of its kind? Spaces, dots and dashes do not count.

Sources beside each function. A number that obeys is an identifier even without a label.
"""

import re

SEPARATORS = str.maketrans("", "", " .-/")
DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
NPI_PREFIX = "80840"
IBAN_LENGTHS = {
    "AD": 24, "AT": 20, "BE": 16, "BG": 22, "CH": 21, "CY": 28, "CZ": 24, "DE": 22, "DK": 18,
    "EE": 20, "ES": 24, "FI": 18, "FR": 27, "GB": 22, "GR": 27, "HR": 21, "HU": 28, "IE": 22,
    "IL": 23, "IS": 26, "IT": 27, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "MC": 27, "MT": 31,
    "NL": 18, "NO": 15, "PL": 28, "PT": 25, "RO": 24, "SA": 24, "SE": 24, "SI": 19, "SK": 24,
    "SM": 27, "TR": 26,
}  # fmt: skip
"""SWIFT IBAN registry, the commoner countries; other countries are checked by remainder alone."""


def compact(text: str) -> str:
    """The number without its separators, in capitals."""
    return text.translate(SEPARATORS).upper()


def luhn(digits: str) -> bool:
    """Whether the last digit is the Luhn check digit of the others (ISO/IEC 7812-1, annex B)."""
    if not digits.isdigit():
        return False
    total = 0
    for place, character in enumerate(reversed(digits)):
        value = int(character) * (1 + place % 2)
        total += value - 9 if value > 9 else value  # noqa: PLR2004  casting out nines
    return total % 10 == 0


def is_card(text: str) -> bool:
    """A payment card: 13 to 19 digits, Luhn."""
    digits = compact(text)
    return 13 <= len(digits) <= 19 and luhn(digits)  # noqa: PLR2004  ISO/IEC 7812-1


def is_npi(text: str) -> bool:
    """A US National Provider Identifier: Luhn with the prefix 80840 (45 CFR 162.406; CMS 2008)."""
    digits = compact(text)
    return bool(re.fullmatch(r"[12]\d{9}", digits)) and luhn(NPI_PREFIX + digits)


def is_iban(text: str) -> bool:
    """An IBAN: length of its country, remainder 1 modulo 97 (ISO 13616, ISO 7064)."""
    number = compact(text)
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", number):
        return False
    if IBAN_LENGTHS.get(number[:2], len(number)) != len(number):
        return False
    return int("".join(str(int(c, 36)) for c in number[4:] + number[:4])) % 97 == 1


def is_ssn(text: str) -> bool:
    """A US Social Security number that can have been issued (SSA, POMS RM 10201.030, 2011)."""
    digits = compact(text)
    return bool(re.fullmatch(r"(?!000|666|9)\d{3}(?!00)\d{2}(?!0000)\d{4}", digits))


def is_dni(text: str) -> bool:
    """A Spanish DNI or NIE with its letter (Real Decreto 1553/2005; Orden INT/2058/2008)."""
    number = compact(text)
    if not re.fullmatch(r"[XYZ\d]\d{7}[A-Z]", number):
        return False
    digits = number[:-1].translate(str.maketrans("XYZ", "012"))
    return DNI_LETTERS[int(digits) % 23] == number[-1]


def is_nass(text: str) -> bool:
    """A Spanish social security number: province, number, and the remainder modulo 97.

    Source: Tesorería General de la Seguridad Social; below 10 million the number joins the
    province as province * 10,000,000 + number.
    """
    digits = compact(text)
    if not re.fullmatch(r"\d{12}", digits):
        return False
    province, number, check = int(digits[:2]), int(digits[2:10]), int(digits[10:])
    joined = province * 10**7 + number if number < 10**7 else province * 10**8 + number
    return 1 <= province <= 66 and joined % 97 == check  # noqa: PLR2004  66 is the last issued


def is_nhs(text: str) -> bool:
    """An English NHS number: modulo 11 (NHS Data Dictionary, NHS NUMBER)."""
    digits = compact(text)
    if not re.fullmatch(r"\d{10}", digits):
        return False
    total = sum(int(c) * (10 - place) for place, c in enumerate(digits[:9]))
    return (11 - total % 11) % 11 == int(digits[9])


def is_dea(text: str) -> bool:
    """A DEA registration number: two letters, six digits, a check digit (DEA, 21 CFR 1301)."""
    number = compact(text)
    if not re.fullmatch(r"[ABCDEFGHJKLMPRSTUX][A-Z9]\d{7}", number):
        return False
    d = [int(c) for c in number[2:]]
    return (d[0] + d[2] + d[4] + 2 * (d[1] + d[3] + d[5])) % 10 == d[6]


def is_vin(text: str) -> bool:
    """A vehicle identification number with its check digit (49 CFR 565.15)."""
    number = compact(text)
    if not re.fullmatch(r"[A-HJ-NPR-Z0-9]{17}", number):
        return False
    letters = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", "12345678123457923456789", strict=True))
    values = [int(letters.get(c, c)) for c in number]
    weights = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
    rest = sum(v * w for v, w in zip(values, weights, strict=True)) % 11
    return number[8] == ("X" if rest == 10 else str(rest))  # noqa: PLR2004  X stands for ten
