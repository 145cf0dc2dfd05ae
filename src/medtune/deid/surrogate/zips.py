"""Postal codes: three digits of a US code stay where enough people share them.

45 CFR 164.514(b)(2)(i)(B): the first three digits may stay if, by the current data of the Census
Bureau, more than 20,000 people live in all codes that begin with them; else they become 000.
"""

import re

from medtune.deid.kinds import Language
from medtune.deid.surrogate.key import Key
from medtune.deid.surrogate.numbers import code

_SMALL = "036 059 102 202 203 204 205 369 556 692 753 772 821 823 878 879 884 893"
SMALL = frozenset(_SMALL.split())
"""Prefixes with at most 20,000 people. Source: 2020 Census, Demographic and Housing Characteristics
File, table P1 (total population) by ZIP Code Tabulation Area, summed over the first three digits;
as compiled on 2026-09-22 from data.census.gov in github.com/peopleworks/Silueta (commit fadd0dd),
not downloaded here from the Census Bureau. It agrees with the 2010 list in the documentation of
Microsoft's FHIR anonymizer, to which the 2020 count adds 202, 204, 753 and 772. The 17 prefixes of
the guidance of HHS (26 November 2012) are of the 2000 census and not to be used any more."""
_NOBODY = (
    "008 055 192 213 269 311 332 340 343 345 348 353 375 399 419 428 429 459 509 517 518 519 "
    "529 533 536 552 555 568 569 578 579 589 621 632 642 643 649 659 663 682 694 695 696 697 "
    "698 699 702 709 715 732 733 742 771 817 818 819 839 842 848 849 854 858 861 862 866 867 "
    "868 869 872 876 885 886 887 888 889 892 896 899 901 909 929 938 942 962 963 964 965 966 "
    "969 987"
)
NOBODY = frozenset(_NOBODY.split()) | frozenset(f"{n:03d}" for n in (*range(6), *range(90, 100)))
"""Prefixes without any tabulation area in the same table: nobody was counted, so none may stay."""


def postal_code(key: Key, text: str, language: Language) -> str:
    """What may stay of a postal code."""
    if language == "en" and re.fullmatch(r"\d{5}(?:-\d{4})?", text.strip()):
        prefix = text.strip()[:3]
        return "000" if prefix in SMALL | NOBODY else prefix
    return code(key, text)
