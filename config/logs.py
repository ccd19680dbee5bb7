"""How lines of the log are written."""

from __future__ import annotations

import logging
import re

# What opens an invitation, wherever it stands: in the path of a request that failed, say.
TOKEN = re.compile(r"\binv_[\w-]+")


class Line(logging.Formatter):
    """A line in which no token can be read; of what a client did wrong it is no more than that."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, and the traceback where there is one."""
        if record.name.startswith("django.security."):
            record.exc_info = record.exc_text = None
        return TOKEN.sub("inv_***", super().format(record))
