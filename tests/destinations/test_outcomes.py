"""The answer table and `Retry-After`: `outcomes.judge_answer`, `read_retry_after`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from destinations.outcomes import Outcome, Verdict, judge_answer, read_retry_after

PERMANENT = {400, 405, 406, 410, 411, 413, 414, 415, 422, 431}


def expected_verdict(status):
    """The answer table of the design, once more."""
    if status == 429:
        return Verdict.RATE_LIMITED
    if status in {408, 425} or status >= 500:
        return Verdict.UNAVAILABLE
    return Verdict.PERMANENT if status in PERMANENT else Verdict.REFUSED


@pytest.mark.parametrize("status", [200, 201, 202, 204, 206, 226, 299])
def test_a_success_is_left_to_the_signals(status):
    assert judge_answer(status, retry_after="5", said="no") is None


@pytest.mark.parametrize("status", [*range(300, 600), 999])
def test_every_other_status_has_its_row(status):
    outcome = judge_answer(status, retry_after=None, said="because")

    assert outcome.verdict is expected_verdict(status)
    assert (outcome.status, outcome.seconds) == (status, None)
    assert outcome.message.startswith(f"HTTP {status}: because")


@pytest.mark.parametrize(
    ("status", "seconds"),
    [
        (429, 7),
        (503, 7),
        (408, 7),
        (401, 7),  # refused: retried, so it may say when
        (302, 7),
        (400, None),  # over: there is nothing to wait for
        (422, None),
    ],
)
def test_retry_after_is_read_where_there_is_a_retry(status, seconds):
    assert judge_answer(status, retry_after="7", said="").seconds == seconds


@pytest.mark.parametrize(
    ("status", "hint"), [(307, "redirects are not followed"), (403, "authorization")]
)
def test_a_refusal_says_what_the_destination_must_change(status, hint):
    assert hint in judge_answer(status, retry_after=None, said="").message


def test_of_what_the_answer_says_a_start_is_kept():
    assert len(judge_answer(500, retry_after=None, said="x" * 10_000).message) < 250


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        ("a\0b", "ab"),  # PostgreSQL holds no NUL
        ("a\ud800b", "a?b"),  # nor a lone surrogate
        ("x" * 2_000, "x" * 1_000),
        ("✓", "✓"),
    ],
)
def test_a_message_is_what_a_text_column_can_hold(message, kept):
    assert Outcome(Verdict.REFUSED, message).message == kept


# --- Retry-After ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("1", 1),
        (" 30 ", 30),
        ("86400", 86_400),
        ("86401", 86_400),  # clamped
        ("9" * 400, 86_400),
        (None, None),
        ("", None),
        ("-1", None),  # negative
        ("1.5", None),  # no integer
        ("1e3", None),
        ("0x10", None),
        ("+5", None),
        ("٣", None),  # a digit, though not ASCII
        ("²", None),
        ("soon", None),
        ("5 seconds", None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),  # past
        ("Thu, 01 Jan 1970 00:00:00", 0),  # without a zone: UTC
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400),  # clamped
        ("Fri, 31 Dec 9999 23:59:59 -2359", 86_400),
        ("Sat, 01 Jan 0001 00:00:00 +2359", 0),
        ("Thu, 32 Jan 2026 00:00:00 GMT", None),
        ("Thu, 01 Jan 99999 00:00:00 GMT", None),
        ("Thu, 01 Jan 2026 25:00:00 GMT", None),
        ("Thu, 01 Jan 2026 00:00:00 +999999999999999999999", None),
        ("2026-01-01T00:00:00Z", None),  # no HTTP date
    ],
)
def test_retry_after_is_read_as_seconds(text, seconds):
    assert read_retry_after(text) == seconds


@pytest.mark.parametrize(("ahead", "seconds"), [(90, 90), (3_600, 3_600), (200_000, 86_400)])
def test_an_http_date_ahead_is_the_time_until_then(ahead, seconds):
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=ahead), usegmt=True)
    assert seconds - 2 <= read_retry_after(at) <= seconds


@pytest.mark.parametrize(
    ("date", "seconds"),
    [
        # The clock that named the moment counts, however wrong it is.
        ("Thu, 01 Jan 2026 00:00:00 GMT", 90),
        ("Thu, 01 Jan 2026 01:00:00 +0100", 90),
        ("Thu, 01 Jan 2026 00:02:00 GMT", 0),
        # Without a date, or with none that means something, it is ours: that was long ago.
        (None, 0),
        ("yesterday", 0),
    ],
)
def test_an_http_date_is_as_far_ahead_as_the_answers_own_date_says(date, seconds):
    assert read_retry_after("Thu, 01 Jan 2026 00:01:30 GMT", date) == seconds


DATES = st.builds(
    "{}, {:02} {} {} {}:{:02}:{:02} {}".format,
    st.sampled_from(["Mon", "Sunday", ""]),
    st.integers(0, 40),
    st.sampled_from(["Jan", "Feb", "Dec", "Foo"]),
    st.integers(-1, 10**20),
    st.integers(0, 99),
    st.integers(0, 99),
    st.integers(0, 99),
    st.sampled_from(["GMT", "+0000", "-9999", "+" + "9" * 30, "EST", "", "-"]),
)


@given(st.one_of(st.text(), DATES))
def test_whatever_a_destination_writes_gives_seconds_or_none(text):
    seconds = read_retry_after(text)
    assert seconds is None or 0 <= seconds <= 86_400
