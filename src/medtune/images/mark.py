"""How a message says where an image stands: its hash between two object replacement characters.

The character U+FFFC has no other use in text (Unicode 15, section 23.8). A mark in a text from
outside is refused where it comes in, for it would name another's image.
"""

import re
from typing import Final

SIGN: Final = "\N{OBJECT REPLACEMENT CHARACTER}"
MARK: Final = re.compile(f"{SIGN}([0-9a-f]{{64}}){SIGN}")


def image_mark(name: str) -> str:
    """The mark of the image with this hash."""
    return f"{SIGN}{name}{SIGN}"


def image_names(text: str) -> list[str]:
    """The hashes of the images that a text marks, in order."""
    return MARK.findall(text)
