"""What a file that cannot be read is refused with, and how much of one is read at all."""

from __future__ import annotations

from config.errors import DomainError

# Of a file, looked at before it is read.
MAX_BYTES = 64 * 1024 * 1024
# Of all that is read at a time, and of what reading takes besides (bundles/reading/memory.py).
MAX_MEMORY = 170_000_000
# In characters: who goes through the file again has one of them at a time.
MAX_TEXT = 1_048_576
MAX_FILES = 10_000


class UnreadableError(DomainError):
    """What a file holds is at fault; the message begins with its name and the line."""

    code = "UNREADABLE"


class NoFileError(UnreadableError):
    """There is nothing that could be read: no such file, no file at all, or not for us."""


def too_large(at: str) -> UnreadableError:
    """The refusal of what would take more memory than there is for it."""
    return UnreadableError(
        f"{at}: this is too large to be read at a time: a file has at most "
        f"{MAX_BYTES // 2**20} MiB, and what is read takes at most {MAX_MEMORY // 10**6} MB of "
        "memory, files of a folder together. Import it in parts, each with a command of its own."
    )


def too_long(at: str) -> UnreadableError:
    """The refusal of a text, or a key, that is longer than they are read."""
    return UnreadableError(f"{at}: a text is longer than {MAX_TEXT:,} characters.")
