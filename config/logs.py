"""Lines of the log: each begins with us, whatever others have written into it."""

from __future__ import annotations

import logging
import re
import textwrap
from typing import Any

# What opens an invitation, wherever it stands: in the path of a request that failed, say.
TOKEN = re.compile(r"\binv_[\w-]+")


class Line(logging.Formatter):
    """A message is one line, in which no token can be read; a traceback's lines are set in.

    Of what a client did wrong there is no more than the line.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line, and the traceback where there is one."""
        if record.name.startswith("django.security."):
            record.exc_info = record.exc_text = None
        return TOKEN.sub("inv_***", super().format(record))

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
