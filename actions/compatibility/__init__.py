"""Whether contracts accept each other's payloads; `docs/compatibility.md` says how it is judged."""

from __future__ import annotations

from actions.compatibility.checks import TOO_LATE, compare_apart
from actions.compatibility.reports import (
    Direction,
    Finding,
    Kind,
    OpenContent,
    Policy,
    Report,
    Verdict,
)

__all__ = [
    "TOO_LATE",
    "Direction",
    "Finding",
    "Kind",
    "OpenContent",
    "Policy",
    "Report",
    "Verdict",
    "compare_apart",
]
