"""What a plain (unquoted) text of YAML means: the core schema of YAML 1.2, and no surprise.

`yes`, `on`, `2020-01-01`, `12:30` and `1_000` are texts, and so are digits that begin with a
zero, which readers of YAML 1.1 take for octal: `0123`.
"""

from __future__ import annotations

import math
import re
from typing import Any

from yaml import ScalarNode
from yaml.resolver import Resolver

Scalar = str | int | float | bool | None

_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NO_NUMBER = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_INTEGERS = range(-(2**63), 2**64)
# Digits of the longest integers, in base 8; longer ones need not be counted out.
_LONGEST = 24
_TEXT = "tag:yaml.org,2002:str"
# As YAML 1.1 has them; PyYAML's resolver knows them not.
_SHORT_WORDS = frozenset("yYnN")
_yaml_1_1: Any = Resolver()


def resolve(text: str) -> Scalar:
    """The value of a plain text; `ValueError` says why JSON has none for it."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text) or _BASED.fullmatch(text):
        number = int(text[:_LONGEST], 0)
        if len(text) > _LONGEST or number not in _INTEGERS:
            raise ValueError(f"The integer {text[:_LONGEST]} does not fit 64 bits.")
        return number
    if _FLOAT.fullmatch(text) or _NO_NUMBER.fullmatch(text):
        value = math.inf if "n" in text.lower() else float(text)
        if math.isinf(value):
            raise ValueError(f"JSON has no number {text[:_LONGEST]}; quote it if it is a text.")
        return value
    return text


def is_plain(text: str) -> bool:
    """Whether a text that is written plain is read as this text, by readers of YAML 1.1 too."""
    try:
        if not isinstance(resolve(text), str) or text in _SHORT_WORDS:
            return False
    except ValueError:
        return False
    return bool(_yaml_1_1.resolve(ScalarNode, text, (True, False)) == _TEXT)
