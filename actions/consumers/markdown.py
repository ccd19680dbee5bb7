"""A tenant's text in a Markdown page, where it is text and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable

from actions.consumers.texts import clean, visible

MAX_CELL = 300
# What begins markup somewhere in a line, links that need no brackets among it.
_MARKUP = re.compile(r"[\\`*_{}\[\]<>()#|!~&$^:@]|\bwww(?=\.)")
# And what does at its beginning only.
_FIRST = re.compile(r"[-+=]|[0-9]+(?=[.)])")


def escape(text: str) -> str:
    """The text on one line, without markup."""
    line = " ".join(clean(text).split())
    line = _MARKUP.sub(_escape, line)
    first = _FIRST.match(line)
    if first is None:
        return line
    number = first[0] if first[0].isdecimal() else ""
    return f"{number}\\{line[len(number) :]}"


def paragraphs(text: str) -> str:
    """The text as paragraphs, without markup."""
    found = [escape(part) for part in re.split(r"\n\s*\n", text)]
    return "\n\n".join(filter(None, found))


def code(text: str) -> str:
    """The text as code, where Markdown's code can hold it; else as text."""
    shown = clean(text, MAX_CELL).replace("\n", " ")
    if not shown.strip() or set("`|\\") & set(shown):
        return escape(shown)
    return f"`{shown}`"


def cell(text: str) -> str:
    """The text in a table."""
    return escape(clean(text, MAX_CELL))


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of cells that are Markdown already."""
    heads = list(heads)
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def block(language: str, text: str) -> str:
    """Lines of code, of which none begins with a fence."""
    return f"```{language}\n{visible(text)}\n```\n"


def _escape(found: re.Match[str]) -> str:
    # A dot may be escaped, a letter may not.
    return "www\\" if found[0] == "www" else f"\\{found[0]}"
