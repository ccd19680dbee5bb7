"""Names of types: identifiers in TypeScript and in Python, each given once."""

from __future__ import annotations

import re
import unicodedata

# What the generated text means by these words is not to be changed by a type of that name.
RESERVED = frozenset(
    [
        *("Any", "Array", "Dict", "False", "List", "Literal", "None", "NotRequired", "Object"),
        *("Optional", "Record", "Required", "True", "TypeAlias", "TypedDict", "Union"),
    ]
)
MAX_NAME = 60


class Names:
    """The names that are given out for one contract."""

    def __init__(self) -> None:
        # By how they look in small letters: a file system or a reader may not tell them apart.
        self._given: set[str] = set()
        # By wanted name, the last number: many may want the same one.
        self._numbers: dict[str, int] = {}

    def give(self, wanted: str) -> str:
        """A name of its own that looks like what is wanted."""
        name = as_name(wanted)
        number, given = self._numbers.get(name.lower(), 1), name
        while given.lower() in self._given:
            number += 1
            given = f"{name}{number}"
        self._numbers[name.lower()] = number
        self._given.add(given.lower())
        return given


def as_name(text: str) -> str:
    """`send-email.v2` as `SendEmailV2`; letters of other scripts are left out."""
    letters = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = re.findall("[A-Za-z0-9]+", letters)
    name = "".join(word[0].upper() + word[1:] for word in words)[:MAX_NAME]
    if not name or name[0].isdigit() or name in RESERVED:
        name = f"Type{name}"
    return name
