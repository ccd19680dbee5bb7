"""Crashes of processes that judge something apart, as against the ends that limits put to them."""

from __future__ import annotations

import logging
import subprocess

logger = logging.getLogger(__name__)

MOST_CHARACTERS = 4_000


def is_crash(error: subprocess.CalledProcessError) -> bool:
    """Whether a process failed by itself, which is logged; else a limit has ended it.

    That of its computing time comes as a signal, as does the end of its stack; that of its memory
    may come as Python's own error.
    """
    told = (error.stderr or b"").decode(errors="replace").strip()
    if error.returncode < 0 or told.rpartition("\n")[2].startswith("MemoryError"):
        return False
    logger.error(
        "%s ended with %d: %s", " ".join(error.cmd), error.returncode, told[-MOST_CHARACTERS:]
    )
    return True
