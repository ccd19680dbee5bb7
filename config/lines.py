"""Lines of the log: each begins with us, whatever others have written into it."""

from __future__ import annotations

import logging
import textwrap
from typing import Any


class LineFormatter(logging.Formatter):
    """A message is one line; the lines of a traceback are indented, as no line of a message is."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 -- logging's own name
        """The line, in which nothing breaks it, moves the cursor or turns the text around."""
        return escape(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 -- logging's own name
        """Its lines, set in."""
        return _set_in(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802 -- logging's own name
        """Its lines, set in."""
        return _set_in(super().formatStack(stack_info))


def escape(text: str) -> str:
    r"""The text with what cannot be printed as Python writes it: `\n`, `\x1b`, `\u202e`."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def _set_in(text: str) -> str:
    return textwrap.indent("\n".join(map(escape, text.split("\n"))), "  ")
