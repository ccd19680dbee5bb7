"""The gateway protocol: a signed request around the parameters, and an answer in words.

The body is `{"action_name", "parameters", "timestamp", "signature"}`, and `"test": true` where it
is only a try. There is one canonical form: keys sorted at every depth by their code points, no
space, text in raw UTF-8, `signature` as the last member. What is signed are the bytes sent without
`,"signature":"<hex>"`, with HMAC-SHA256 under the key's own text in UTF-8.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import orjson

from config.strictjson import MAX_DEPTH
from destinations.attempts import Attempt
from destinations.outcomes import Outcome, Verdict
from destinations.outward.outbound import KEPT_BYTES, is_readable

NO_KEY = "The organization has no signing key, and nothing is sent unsigned: create one."
NO_OBJECT = "The input is not an object, and nothing else can be the parameters of a gateway call."
NOT_READABLE = "The webhook succeeded, but its answer is no JSON object with `result` and `error`."
TOO_LARGE = (
    f"The webhook succeeded, but its answer is over {KEPT_BYTES} bytes, or nested more than "
    f"{MAX_DEPTH} deep: was it an error?"
)


def find_hindrance(attempt: Attempt) -> Outcome | None:
    """Why there is no request to be made of it; None where there is one."""
    if not attempt.payload.lstrip().startswith(b"{"):
        return Outcome(Verdict.PERMANENT, NO_OBJECT, sent=False)
    if not attempt.keys.signing:
        return Outcome(Verdict.OURS, NO_KEY, said=False, sent=False)
    return None


def write_request(attempt: Attempt) -> bytes:
    """The signed body. While a key changes, its former secret signs, so that receivers learn the
    next one in time."""
    said = {
        "action_name": attempt.variant,
        "parameters": orjson.loads(attempt.payload),
        "timestamp": attempt.unix_now(),
    }
    return seal(said | ({"test": True} if attempt.is_test else {}), attempt.keys.signing[-1])


def seal(said: dict[str, Any], key: str) -> bytes:
    """The canonical bytes of a request, with its signature as the last member."""
    signed = orjson.dumps(said, option=orjson.OPT_SORT_KEYS)
    signature = hmac.new(key.encode(), signed, hashlib.sha256).hexdigest()
    return signed[:-1] + f',"signature":"{signature}"}}'.encode()


def read_answer(body: bytes, status: int | None = None) -> Outcome:
    """What a 2xx means: a failure where it names an `error`, else a success with its `result`."""
    if not body.strip():
        return Outcome(Verdict.ACK, status=status)
    if not is_readable(body):
        return _unclear(TOO_LARGE, status)
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        said = None
    if not isinstance(said, dict):
        return _unclear(NOT_READABLE, status)
    error = said.get("error")
    if error is not None and error != "":
        words = error if isinstance(error, str) else orjson.dumps(error).decode()
        return Outcome(Verdict.NACK, words, status=status)
    result = said.get("result")
    given = None if result is None else orjson.dumps(result).decode()
    return Outcome(Verdict.ACK, status=status, result=given)


def _unclear(message: str, status: int | None) -> Outcome:
    """A failure that may be none: called again, it might do it again."""
    return Outcome(Verdict.PERMANENT, message, status=status, said=False, sent=True)
