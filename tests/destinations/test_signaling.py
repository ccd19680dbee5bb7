"""What an answer says of its action: `signaling.read_signal`, `default_outcome`."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from destinations.outcomes import Outcome, Verdict
from destinations.signaling import default_outcome, read_signal

DAY, HALF_DAY = 86_400, 43_200


def by_header(word, value=None):
    headers = {"x-arklow-signaling": word}
    return headers if value is None else headers | {"x-arklow-signaling-val": value}


def by_body(signal, *value):
    said = {"signal": signal} | ({"value": value[0]} if value else {})
    return orjson.dumps({"done": 1, "__arklow__": said})


def shorten(outcome):
    return outcome and (outcome.verdict, outcome.seconds)


@pytest.mark.parametrize(
    ("word", "verdict"),
    [("ack", Verdict.ACK), ("nack", Verdict.NACK), ("mod_ack", Verdict.WAIT)],
)
def test_each_signal_is_read_from_the_header_and_from_the_body(word, verdict):
    assert shorten(read_signal(by_header(word), b"")) == (verdict, None)
    assert shorten(read_signal(by_header(word, "5"), b"")) == (verdict, 5)
    assert shorten(read_signal({}, by_body(word))) == (verdict, None)
    assert shorten(read_signal({}, by_body(word, 5))) == (verdict, 5)


def test_a_nack_says_so():
    assert read_signal(by_header("nack"), b"").message == "nack"


@pytest.mark.parametrize("word", ["ACK", " ack ", "Ack"])
def test_a_signal_word_is_read_in_any_case(word):
    assert read_signal(by_header(word), b"").verdict is Verdict.ACK


@pytest.mark.parametrize("word", ["", "acknowledge", "modack", "ack,nack", "true", "\udcff"])
def test_an_unknown_word_is_no_signal(word):
    assert read_signal(by_header(word), b"") is None
    assert word == "\udcff" or read_signal({}, by_body(word)) is None


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        (by_header("nack", "5"), by_body("ack"), (Verdict.NACK, 5)),
        (by_header("mod_ack"), by_body("mod_ack", 7), (Verdict.WAIT, None)),  # not mixed
        (by_header("nonsense"), by_body("ack"), None),
        ({"x-arklow-signaling-val": "5"}, by_body("nack"), (Verdict.NACK, None)),  # no header word
    ],
)
def test_headers_win_over_the_body(headers, body, expected):
    assert shorten(read_signal(headers, body)) == expected


@pytest.mark.parametrize(
    ("word", "said", "seconds"),
    [
        ("nack", "0", 0),
        ("nack", "86400", DAY),
        ("nack", "86401", DAY),  # clamped
        ("nack", "9" * 400, DAY),
        ("mod_ack", "0", 0),
        ("mod_ack", "43200", HALF_DAY),
        ("mod_ack", "43201", HALF_DAY),  # clamped
        ("mod_ack", " 7 ", 7),
        ("nack", "-1", None),  # negative
        ("nack", "1.0", None),  # no integer
        ("nack", "1e2", None),
        ("nack", "+1", None),
        ("nack", "", None),
        ("nack", "soon", None),
        ("mod_ack", "٣", None),  # a digit, though not ASCII
        ("mod_ack", "\udcff", None),
    ],
)
def test_a_value_in_a_header_is_clamped_or_ignored(word, said, seconds):
    assert read_signal(by_header(word, said), b"").seconds == seconds


@pytest.mark.parametrize(
    ("word", "said", "seconds"),
    [
        ("nack", 0, 0),
        ("nack", DAY + 1, DAY),
        ("nack", 2**64 - 1, DAY),
        ("mod_ack", HALF_DAY + 1, HALF_DAY),
        ("mod_ack", "7", 7),  # a string of digits, as in the header
        ("nack", -1, None),
        ("nack", 1.5, None),
        ("nack", 1.0, None),
        ("nack", True, None),
        ("nack", None, None),
        ("nack", [5], None),
        ("nack", {"seconds": 5}, None),
    ],
)
def test_a_value_in_the_body_is_clamped_or_ignored(word, said, seconds):
    assert read_signal({}, by_body(word, said)).seconds == seconds


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"ok",
        b"{}",
        b'{"signal": "ack"}',  # not below __arklow__
        b'{"__arklow__": null}',
        b'{"__arklow__": "ack"}',
        b'{"__arklow__": []}',
        b'{"__arklow__": {}}',
        b'{"__arklow__": {"signal": null}}',
        b'{"__arklow__": {"signal": ["ack"]}}',
        b'{"__arklow__": {"signal": {"a": 1}}}',
        b'{"__arklow__": {"Signal": "ack"}}',
        b'["__arklow__"]',
        b'"__arklow__"',
        b'[{"__arklow__": {"signal": "ack"}}]',  # not on top
        b'{"__arklow__": {"signal": "ack"}',  # cut off
        b'{"__arklow__": {"signal": "ack"}}\xff',
        b'{"__arklow__": {"signal": "ack", "x": "\xff"}}',
        b'\xef\xbb\xbf{"__arklow__": {"signal": "ack"}}',
        b'{"__arklow__":' + b"[" * 30_000,
        b"\0__arklow__\0",
    ],
)
def test_a_body_that_says_nothing_is_no_signal(body):
    assert read_signal({}, body) is None


@given(
    st.dictionaries(
        st.sampled_from(["x-arklow-signaling", "x-arklow-signaling-val"]),
        st.one_of(st.sampled_from(["ack", "nack", "mod_ack"]), st.text(), st.integers().map(str)),
    ),
    st.one_of(
        st.binary(),
        st.recursive(
            st.none() | st.booleans() | st.integers(-1, 2**63) | st.floats() | st.text(),
            lambda inner: (
                st.lists(inner)
                | st.dictionaries(st.sampled_from(["__arklow__", "signal", "value"]), inner)
            ),
        ).map(orjson.dumps),
    ),
)
def test_whatever_a_destination_answers_gives_an_outcome_or_none(headers, body):
    outcome = read_signal(headers, body)
    if outcome is not None:
        most = HALF_DAY if outcome.verdict is Verdict.WAIT else DAY
        assert outcome.seconds is None or 0 <= outcome.seconds <= most


@pytest.mark.parametrize(
    ("signaling", "verdict"),
    [
        (None, Verdict.WAIT),
        ({"enabled": True, "default": "ack"}, Verdict.ACK),
        ({"enabled": True, "default": "mod_ack"}, Verdict.WAIT),
        ({"enabled": False}, Verdict.WAIT),
        ({"enabled": False, "default": "ack"}, Verdict.WAIT),
        ({"enabled": False, "default": "mod_ack"}, Verdict.WAIT),
    ],
)
def test_a_silent_success_is_an_ack_only_where_that_is_configured(signaling, verdict):
    config = {"url": "https://a.example"} | ({} if signaling is None else {"signaling": signaling})
    assert default_outcome(config) == Outcome(verdict)
