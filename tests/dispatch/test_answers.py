"""What answers mean to somebody who waits for them: a table."""

from __future__ import annotations

import orjson
import pytest

from destinations.outcomes import Outcome, Verdict
from destinations.outward.outbound import KEPT_BYTES
from dispatch import answers
from dispatch.models import Status


def answered(body=b"", verdict=Verdict.WAIT, **fields):
    """A 2xx without a signal, unless the fields say more."""
    fields = {"status": 200, "said": False} | fields
    return Outcome(verdict, answer=body, **fields)


def end(outcome):
    ending = answers.end(7, outcome)
    result = None if ending.result is None else orjson.loads(ending.result)
    ambiguous = bool((ending.detail or {}).get("ambiguous"))
    return ending.status, result, ending.error, ambiguous


@pytest.mark.parametrize(
    ("outcome", "result"),
    [
        (answered(), None),
        (answered(b'{"result": "sent", "error": ""}'), "sent"),
        (answered(b'{"result": {"id": 7}}'), {"id": 7}),
        (answered(b'{"result": "sent", "error": null}'), "sent"),
        # Signalled.
        (answered(b'{"result": "sent"}', Verdict.ACK, said=True), "sent"),
        (answered(b'{"__arklow__": {"signal": "ack"}}', Verdict.ACK, said=True), None),
        # What has no `result` is one.
        (answered(b'{"id": 7, "error": ""}'), {"id": 7}),
        (answered(b"[1, 2]"), [1, 2]),
        (answered(b"OK"), "OK"),
        # What no column could hold.
        (answered(b"O\0K \xff"), "O\ufffdK \ufffd"),
        (answered(b'{"result": "a\\u0000b"}'), "a\0b"),
        # Of a tool.
        (Outcome(Verdict.ACK, result='{"content": []}'), {"content": []}),
    ],
)
def test_a_2xx_without_an_error_has_succeeded(outcome, result):
    assert end(outcome) == (Status.SUCCEEDED, result, "", False)


@pytest.mark.parametrize(
    ("outcome", "error"),
    [
        (answered(b'{"result": "", "error": "No such user"}'), "No such user"),
        (answered(b'{"error": {"code": 7}}'), '{"code":7}'),
        (answered(b'{"error": true}'), "true"),
        # Whatever it signals.
        (answered(b'{"error": "No"}', Verdict.ACK, said=True), "No"),
        (answered(b'{"error": "No"}', Verdict.WAIT, said=True, seconds=60), "No"),
        (answered(b'{"error": "a\\u0000b"}'), "ab"),
    ],
)
def test_an_error_that_is_not_empty_has_failed(outcome, error):
    status, _, told, ambiguous = end(outcome)

    assert (status, told, ambiguous) == (Status.FAILED, error, False)


@pytest.mark.parametrize(
    ("outcome", "error", "ambiguous"),
    [
        (answered(b"", Verdict.NACK, said=True, message="nack", seconds=5), "nack", False),
        (Outcome(Verdict.PERMANENT, "HTTP 410", status=410), "HTTP 410", False),
        (Outcome(Verdict.UNAVAILABLE, "HTTP 503", 5, 503), "HTTP 503", False),
        (Outcome(Verdict.RATE_LIMITED, "HTTP 429", 5, 429), "HTTP 429", False),
        # As the sample server does it.
        (
            Outcome(Verdict.UNAVAILABLE, "HTTP 500: {…", None, 500, answer=b'{"error": "Down"}'),
            "HTTP 500: Down",
            False,
        ),
        (Outcome(Verdict.UNAVAILABLE, "No connection", said=False, sent=False), "No conn", False),
        (Outcome(Verdict.REFUSED, "Refused address", said=False, sent=False), "Refused", False),
        (Outcome(Verdict.OURS, "Credential 7 is", said=False, sent=False), "Credential", False),
        (Outcome(Verdict.AMBIGUOUS, "Sent, but", said=False, sent=True), "Sent, but", True),
        # A fault of ours, at whatever moment.
        (Outcome(Verdict.OURS, "Fault of Waybill", said=False), "Fault", True),
    ],
)
def test_everything_else_has_failed_and_is_not_tried_again(outcome, error, ambiguous):
    status, _, told, is_ambiguous = end(outcome)

    assert (status, is_ambiguous) == (Status.FAILED, ambiguous)
    assert told.startswith(error)


def test_a_mod_ack_leaves_it_open_for_as_long_as_it_says():
    ending = answers.end(7, answered(b'{"result": 1}', said=True, seconds=300))

    assert (ending.status, ending.delay, ending.result) == (Status.ACK_WAIT, 300, "1")


@pytest.mark.parametrize(
    "body",
    [
        b'{"result": "' + b"x" * KEPT_BYTES + b'", "error": "No"}',
        b"[" * 65 + b"]" * 65,
    ],
)
def test_an_answer_that_cannot_be_read_is_ambiguous(body):
    status, result, error, ambiguous = end(answered(body[:KEPT_BYTES], Verdict.ACK, said=True))

    assert (status, result, ambiguous) == (Status.FAILED, None, True)
    assert error.endswith("it may have been done.")


def test_a_failure_that_cannot_be_read_stays_that_failure():
    failed = answered(b"x" * KEPT_BYTES, Verdict.PERMANENT, said=True, status=410, message="Gone")

    assert end(failed) == (Status.FAILED, None, "Gone", False)
