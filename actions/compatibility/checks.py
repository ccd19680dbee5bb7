"""Two contracts, compared in a process that can be ended."""

from __future__ import annotations

import json
import time
from typing import Any

from actions.compatibility.reports import (
    Direction,
    Finding,
    Kind,
    OpenContent,
    Report,
    Verdict,
)
from actions.compatibility.rules import RULES
from runtime import apart

# For one comparison, which computes for five of them at most, on a busy machine.
SECONDS = 15


def _untold(name: str) -> Report:
    rule = RULES[name]
    told = (rule.name(narrows=True, added=True), rule.message(narrows=True, added=True))
    finding = Finding(told[0], Kind.UNPROVED, told[1], "", "")
    return Report(Verdict.INDETERMINATE, (finding,))


TOO_LATE, FAILED = _untold("late"), _untold("failed")


def compare_apart(
    old: Any,
    new: Any,
    *,
    direction: Direction,
    open_content: OpenContent = OpenContent.STRICT,
    deadline: float | None = None,
) -> Report:
    """The report on two admitted schemas, judged in a process that may compute for five seconds.

    With a `deadline`, a reading of the monotonic clock, it is ended then if that comes first.
    A process that fails by itself is logged, and its report says so.
    """
    seconds = SECONDS if deadline is None else min(SECONDS, deadline - time.monotonic())
    if seconds <= 0:
        return TOO_LATE
    case = {"old": old, "new": new, "direction": direction, "open_content": open_content}
    try:
        told = apart.run("actions.compatibility.apart", json.dumps(case).encode(), seconds=seconds)
    except apart.CrashError:
        return FAILED
    except apart.EndedError:
        return TOO_LATE
    return _read(json.loads(told))


def _read(told: dict[str, Any]) -> Report:
    findings = (
        Finding(**{**finding, "kind": Kind(finding["kind"])}) for finding in told["findings"]
    )
    return Report(Verdict(told["verdict"]), tuple(findings))
