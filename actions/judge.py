"""Judging what may take long, in a process of its own that can be ended.

`python -m actions.judge` reads one case and writes its faults; who calls it by `judge_apart`
waits two seconds, or as long as its call has left, and no other request waits with it.
"""

from __future__ import annotations

import sys
import time

import orjson

from config import validation
from config.errors import Fault
from runtime import apart

SECONDS = 2
# For all that one call hands in.
SECONDS_A_CALL = 5
TOO_LONG = Fault(
    "INVALID_INPUT",
    "Judging it by its contract takes too long: it is too large or too intricate.",
    "/input",
)
TOO_LATE = Fault(
    "NOT_JUDGED_IN_TIME",
    f"The {SECONDS_A_CALL} seconds for judging one call were over: send it again, with fewer.",
    "/input",
)
FAILED = Fault("JUDGE_FAILED", "Judging it by its contract failed, which is our error.", "/input")


def set_deadline() -> float:
    """Until when a call that begins now may be judged, on this process's monotonic clock."""
    return time.monotonic() + SECONDS_A_CALL


def is_over(deadline: float) -> bool:
    """Whether nothing may be judged any more but what costs next to nothing."""
    return time.monotonic() >= deadline


def judge_apart(dialect: str, schema: bytes, body: bytes, deadline: float) -> list[Fault]:
    """The faults of a payload, or as many as two seconds tell, or what is left of them."""
    seconds = min(SECONDS, deadline - time.monotonic())
    if seconds <= 0:
        return [TOO_LATE]
    case = b'{"dialect":%b,"schema":%b,"payload":%b}' % (orjson.dumps(dialect), schema, body)
    untold = TOO_LONG if seconds == SECONDS else TOO_LATE
    try:
        told = apart.run("actions.judge", case, seconds=seconds)
    except apart.CrashError as ended:
        told, untold = ended.told, FAILED
    except apart.EndedError as ended:
        told = ended.told
    lines = told.split(b"\n")[:-1]
    if not lines:
        return [untold]
    return [Fault(*fault) for fault in orjson.loads(lines[-1])]


def main() -> None:
    """Read a case from standard input; write its first fault, then all of them, a line each."""
    apart.limit(seconds=SECONDS)
    case = orjson.loads(sys.stdin.buffer.read())
    validator = validation.compile_schema(case["schema"], dialect=case["dialect"])
    for every in (False, True):
        faults = validation.find_faults(
            validator, case["payload"], code="INVALID_INPUT", at=("input",), every=every
        )
        told = [(fault.code, fault.message, fault.pointer) for fault in faults]
        sys.stdout.buffer.write(orjson.dumps(told) + b"\n")
        sys.stdout.buffer.flush()
        if not faults:
            return


if __name__ == "__main__":
    main()
