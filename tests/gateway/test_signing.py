"""The canonical form of a gateway request, held by the published vectors and by receivers."""

from __future__ import annotations

import hashlib
import hmac
import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import strictjson
from destinations import gateway
from destinations.attempts import Attempt
from destinations.keys import Keys
from tests.gateway import receivers

KEY = "test-hmac-key-0001"
MAIL = {"body": "Hello", "recipient": "user@example.com", "subject": "Hi"}
# What our form produces: the bytes that are signed, and the hex.
CANONICAL = [
    (
        {"action_name": "ping", "parameters": {}},
        '{"action_name":"ping","parameters":{},"timestamp":1700000000}',
        "43dcabf85a04aacdbe24d1b2ba92f52af2a1a2a973ff29de5b0cfe34852f3dcc",
    ),
    (
        {"action_name": "send_email", "parameters": MAIL},
        '{"action_name":"send_email","parameters":{"body":"Hello","recipient":"user@example.com",'
        '"subject":"Hi"},"timestamp":1700000000}',
        "23e8e40852446a50e2561463dc438dac623183e8eacb6ea615c6e806ba4750c9",
    ),
    # Whatever the order in which the parameters were handed in.
    (
        {
            "action_name": "send_email",
            "parameters": {name: MAIL[name] for name in ("recipient", "subject", "body")},
        },
        '{"action_name":"send_email","parameters":{"body":"Hello","recipient":"user@example.com",'
        '"subject":"Hi"},"timestamp":1700000000}',
        "23e8e40852446a50e2561463dc438dac623183e8eacb6ea615c6e806ba4750c9",
    ),
    # `test` before `timestamp`.
    (
        {"action_name": "send_email", "parameters": {}, "test": True},
        '{"action_name":"send_email","parameters":{},"test":true,"timestamp":1700000000}',
        "ebc00343271c7d801b446e6ef67cb55168d40fc63c473a07631eac2eeebd3eeb",
    ),
    # Text in raw UTF-8.
    (
        {"action_name": "greet", "parameters": {"name": "Zoë"}},
        '{"action_name":"greet","parameters":{"name":"Zoë"},"timestamp":1700000000}',
        "707267df62b65a30240da47439100c30ac7f72e5dc07a22b371fb896d310ccd5",
    ),
    # Nothing escaped that need not be: by the Python rule.
    (
        {"action_name": "greet", "parameters": {"name": "a<b & c>d"}},
        '{"action_name":"greet","parameters":{"name":"a<b & c>d"},"timestamp":1700000000}',
        "d4c1c6318632180b56bcc6c9fc03985379e74a2cd6a8c2c8f5f64ef17b1b7d6f",
    ),
]
# What only one of the samples produces: (signed bytes, rule, hex).
OTHERS = [
    (
        '{"action_name":"send_email","parameters":{"recipient":"user@example.com","subject":"Hi",'
        '"body":"Hello"},"timestamp":1700000000}',
        receivers.python_sample,
        "af981a9135a93b46b9e935116a300b25de60f31fad555cb52cd2ef50da9ef5d8",
    ),
    (
        '{"action_name":"send_email","parameters":{},"timestamp":1700000000,"test":true}',
        receivers.python_sample,
        "9dc76aa31f2b7945c9672e56890cbab719531debcfa8af2217a03cd0ff33c2e6",
    ),
    (
        '{"action_name":"greet","parameters":{"name":"Zo\\u00eb"},"timestamp":1700000000}',
        receivers.python_sample,
        "592218a5a72f4d4d2e08748b3e82beb25304ee4c573e76b44a2a9cb86b37d7c4",
    ),
    (
        '{"action_name":"greet","parameters":{"name":"a\\u003cb \\u0026 c\\u003ed"},'
        '"timestamp":1700000000}',
        receivers.go_sample,
        "d413f6c6d7e97219a133884e5d92fd2d45f6d9ca049da24821bedf28d35b96ff",
    ),
]


def seal(parameters, **fields):
    """The request around parameters as they are stored."""
    stored = strictjson.dumps(parameters)
    attempt = Attempt(1, 0, 0, "webhook", {}, stored, 0.0, "greet", keys=Keys(signing=(KEY,)))
    for name, value in fields.items():
        setattr(attempt, name, value)
    return gateway.write_request(attempt)


@pytest.mark.parametrize(("said", "signed", "signature"), CANONICAL)
def test_the_published_vectors_of_our_form_are_what_is_sent(said, signed, signature):
    body = gateway.seal(said | {"timestamp": 1_700_000_000}, KEY)

    assert body.decode() == f'{signed[:-1]},"signature":"{signature}"}}'
    assert receivers.raw(body, KEY)


@pytest.mark.parametrize(("signed", "verifies", "signature"), OTHERS)
def test_the_receivers_know_the_published_vectors_of_their_rule(signed, verifies, signature):
    assert hmac.new(KEY.encode(), signed.encode(), hashlib.sha256).hexdigest() == signature
    body = f'{signed[:-1]},"signature":"{signature}"}}'.encode()
    other = next(
        one for one in (receivers.python_sample, receivers.go_sample) if one is not verifies
    )

    assert verifies(body, KEY)
    assert not other(body, KEY)


# --- any parameters -------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"]))
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=12,
)
# In which the samples agree: ASCII without what Go escapes, and integers that a double holds.
plain_texts = st.text(st.sampled_from([chr(c) for c in range(32, 127) if chr(c) not in "<>&"]))
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | plain_texts,
    lambda inner: st.lists(inner) | st.dictionaries(plain_texts, inner),
    max_leaves=12,
)


@given(st.dictionaries(texts, anything), st.booleans())
def test_any_request_is_verified_by_its_raw_bytes_and_says_what_was_handed_in(parameters, is_test):
    body = seal(parameters, is_test=is_test)

    assert receivers.raw(body, KEY)
    assert not receivers.raw(body, KEY + "x")
    said = json.loads(body)
    assert said["parameters"] == parameters
    assert list(said) == [
        "action_name",
        "parameters",
        *(["test"] * is_test),
        "timestamp",
        "signature",
    ]
    assert said.get("test", True) is True
    assert abs(body.count(b"\n") - 0) == 0


@given(st.dictionaries(plain_texts, plain))
def test_both_samples_verify_what_they_agree_on(parameters):
    body = seal(parameters)

    assert receivers.python_sample(body, KEY)
    assert receivers.go_sample(body, KEY)
    for sample in (receivers.python_sample, receivers.go_sample):
        assert not sample(body, KEY + "x")
        assert not sample(body.replace(b"greet", b"great"), KEY)


@given(st.dictionaries(plain_texts, plain))
def test_the_go_sample_verifies_a_test_as_well(parameters):
    assert receivers.go_sample(seal(parameters, is_test=True), KEY)


@pytest.mark.parametrize(
    ("stored", "sent"),
    [
        # Keys by their code points, which is the order of their UTF-8 bytes: not as JavaScript has
        # it, which puts what is beyond U+FFFF before U+FF5E.
        (
            '{"\uff5e":1,"\U0001f600":2,"b":3,"B":4,"aa":5,"a":6,"":7}',
            '{"":7,"B":4,"a":6,"aa":5,"b":3,"\uff5e":1,"\U0001f600":2}',
        ),
        # At every depth, in lists too.
        (
            '{"b":[{"d":1,"c":{"f":1,"e":2}}],"a":{"h":1,"g":2}}',
            '{"a":{"g":2,"h":1},"b":[{"c":{"e":2,"f":1},"d":1}]}',
        ),
        # Numbers as they are stored.
        (
            '{"n":[1.0,1,-0.0,0,1e22,1e-07,0.1,18446744073709551615,-9223372036854775808]}',
            '{"n":[1.0,1,-0.0,0,1e+22,1e-7,0.1,18446744073709551615,-9223372036854775808]}',
        ),
        # Text raw, but for quotes, backslashes and control characters.
        (
            '{"t":"é\u2028</script>&\x7f\\u0001\\n\\"\\\\/"}',
            '{"t":"é\u2028</script>&\x7f\\u0001\\n\\"\\\\/"}',
        ),
    ],
)
def test_the_form_of_parameters(stored, sent):
    body = seal(orjson.loads(stored))

    assert body.decode().startswith(f'{{"action_name":"greet","parameters":{sent},"timestamp":')


def test_while_a_key_changes_its_former_secret_signs():
    body = seal({}, keys=Keys(signing=("new", "former")))

    assert receivers.raw(body, "former")
    assert not receivers.raw(body, "new")


def test_the_time_is_when_it_was_sent_by_the_databases_clock():
    body = seal({}, claimed_at=1_700_000_000.0, ends=0.0)

    assert 1_700_000_000 <= json.loads(body)["timestamp"] <= 1_700_000_031
