"""What an answer means for an action whose caller waits for it: it is over, well or not.

A 2xx whose JSON names an `error` that is not empty has failed, whatever it signals. Of what has
failed nothing is tried again: the caller is told, and decides.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import orjson

from config.strictjson import MAX_DEPTH
from destinations.outcomes import TAKEN, Outcome, Verdict
from destinations.outward.outbound import KEPT_BYTES, is_readable
from dispatch import retries
from dispatch.retries import Ending

UNREADABLE = (
    f"The answer is longer than {KEPT_BYTES:,} bytes, or nested more than {MAX_DEPTH} deep: nobody "
    "can tell whether it names an error; it may have been done."
)


class Said(NamedTuple):
    """What an answer says of how it went: `result` is JSON."""

    result: str | None = None
    error: str = ""


def end(record_id: int, outcome: Outcome) -> Ending:
    """The end of the only attempt; one that a `mod_ack` leaves open waits for its settlement."""
    said = read(outcome)
    if outcome.verdict not in TAKEN:
        if said.error:
            told = "" if outcome.status in range(200, 300) else f"HTTP {outcome.status}: "
            outcome = replace(outcome, message=told + said.error)
    elif not is_readable(outcome.answer):
        outcome = _failed(outcome, Verdict.AMBIGUOUS, UNREADABLE, sent=True)
    elif said.error:
        outcome = _failed(outcome, Verdict.PERMANENT, said.error)
    elif not (outcome.verdict is Verdict.WAIT and outcome.said):
        # No signal, and no error: it has succeeded, whatever the destination's default is.
        outcome = replace(outcome, verdict=Verdict.ACK, said=True, seconds=None)
    return _end(record_id, outcome, said.result)


def _failed(
    outcome: Outcome, verdict: Verdict, message: str, *, sent: bool | None = None
) -> Outcome:
    """What seemed to be a success, and is none."""
    return Outcome(verdict, message, status=outcome.status, sent=sent, reply=outcome.reply)


def _end(record_id: int, outcome: Outcome, result: str | None) -> Ending:
    if outcome.verdict in TAKEN:
        ending = retries.end_attempt(record_id, 0, 0, outcome)
    else:
        ending = retries.fail(record_id, 0, outcome, counted=True)
        if is_ambiguous(outcome):
            ending.detail = {**(ending.detail or {}), "ambiguous": True}
    ending.result = result
    return ending


def is_ambiguous(outcome: Outcome) -> bool:
    """Whether it may have been done although it has failed."""
    unknown = not outcome.said and outcome.sent is not False
    return unknown or outcome.verdict is Verdict.AMBIGUOUS


def read(outcome: Outcome) -> Said:
    """What an answer says, in the `result` and the `error` of its JSON, or as a whole."""
    if outcome.result is not None:
        return Said(outcome.result)
    if not outcome.answer or not is_readable(outcome.answer):
        return Said()
    try:
        value = orjson.loads(outcome.answer)
    except orjson.JSONDecodeError:
        text = outcome.answer.decode("utf-8", "replace").replace("\0", "\ufffd")
        return Said(orjson.dumps(text).decode())
    if not isinstance(value, dict):
        return Said(orjson.dumps(value).decode())
    shown = value["result"] if "result" in value else _without_signal(value)
    return Said(orjson.dumps(shown).decode(), _read_error(value.get("error")))


def _without_signal(value: dict[str, Any]) -> Any:
    """The answer without what is said to us alone."""
    rest = {name: part for name, part in value.items() if name not in {"__arklow__", "error"}}
    return rest or None


def _read_error(error: Any) -> str:
    if not error:
        return ""
    return error if isinstance(error, str) else orjson.dumps(error).decode()
