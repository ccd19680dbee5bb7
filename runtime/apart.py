"""Work on what a tenant wrote, in a process of its own that limits can end.

A validator, a prover or a generator holds the interpreter while it works, and neither its steps
nor its memory can be bounded from inside. `run` starts `python -m module`, which reads its case
from standard input, calls `limit`, and writes what it finds to standard output.
"""

from __future__ import annotations

import logging
import resource
import subprocess
import sys
from pathlib import Path

logger = logging.getLogger(__name__)

ROOT = Path(__file__).parent.parent
MEMORY = 1_500_000_000
MOST_CHARACTERS = 4_000


class EndedError(Exception):
    """The process ended before its work did; `told` is what it had written by then."""

    def __init__(self, told: bytes | None) -> None:
        super().__init__("It ended before its work did.")
        self.told = told or b""


class LateError(EndedError):
    """The time that it had by the clock was over."""


class LimitError(EndedError):
    """It would have taken more of the processor, or of memory, than it may."""


class CrashError(EndedError):
    """It failed by itself, which is logged."""


def run(module: str, case: bytes, *, seconds: float) -> bytes:
    """What the module writes about the case; an `EndedError` where it does not come to its end."""
    try:
        done = subprocess.run(  # noqa: S603 -- a module of ours, and no shell
            [sys.executable, "-m", module],
            cwd=ROOT,
            input=case,
            capture_output=True,
            timeout=seconds,
            check=True,
        )
    except subprocess.TimeoutExpired as error:
        raise LateError(error.stdout) from error
    except subprocess.CalledProcessError as error:
        raise _explain(error) from error
    return done.stdout


def _explain(error: subprocess.CalledProcessError) -> EndedError:
    """Whether a limit ended it or it failed by itself.

    The end of its computing time comes as a signal, as does the end of its stack; that of its
    memory may come as Python's own error.
    """
    said = (error.stderr or b"").decode(errors="replace").strip()
    if error.returncode < 0 or said.rpartition("\n")[2].startswith("MemoryError"):
        return LimitError(error.stdout)
    logger.error(
        "%s ended with %d: %s", " ".join(error.cmd), error.returncode, said[-MOST_CHARACTERS:]
    )
    return CrashError(error.stdout)


def limit(*, seconds: int) -> None:
    """From here on, this process has so much of the processor, and 1.5 GB of memory."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
