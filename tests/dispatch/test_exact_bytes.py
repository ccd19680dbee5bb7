"""What is handed in is kept: key order, strings, integers and doubles (design section 2)."""

import pytest

from dispatch.models import ActionPayload, ActionRecord
from tests import factories
from tests.client import codes

LONG = "x" * 100_000


@pytest.fixture
def anything(acme, webhook):
    return factories.make_definition(acme, "anything", to=webhook, schema=True)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        # keys in their own order, white space gone
        ('{ "b" : 1,\n "a": [ ] , "c":{ } }', '{"b":1,"a":[],"c":{}}'),
        # of duplicate keys the last
        ('{"a":1,"a":2}', '{"a":2}'),
        # any JSON is a payload
        ("null", "null"),
        ("true", "true"),
        ("0", "0"),
        ('""', '""'),
        ("[]", "[]"),
        # integers of 64 bits
        ("[18446744073709551615,-9223372036854775808]",) * 2,
        ("[9007199254740993,9223372036854775807]",) * 2,
        # doubles, spelt anew
        ("[1.0,-0.0,0.1,5e-324,1.7976931348623157e+308]",) * 2,
        ("[1E2,1.50,100e-2]", "[100.0,1.5,1.0]"),
        # strings: unicode, escapes, a slash, controls, digits in a row
        (r'["\u00e9\ud83d\ude80\/","\u007f"]', '["é🚀/","\x7f"]'),
        (r'["\t\n\u001f\"\\"]',) * 2,
        ('["00000000000000000000000000"]',) * 2,
        # PostgreSQL's json keeps what its jsonb would not
        ('{"\\\\u0000":"\\\\u0000"}',) * 2,
        # long
        (f'["{LONG}"]',) * 2,
    ],
)
def test_a_payload_is_stored_with_its_order_and_values(api, anything, sent, kept):
    body = b'{"input":' + sent.encode() + b"}"

    data = api.data(api.call("POST", "/v1/ingress/anything", body))

    assert ActionPayload.objects.get(record_id=data["id"]).input == kept.encode()
    shown = api.get(f"~/actions/records/{data['id']}").content
    assert b'"input":' + kept.encode() + b',"payload_kept":true' in shown


@pytest.mark.parametrize(
    "sent",
    [
        # integers beyond 64 bits
        "18446744073709551616",
        "-9223372036854775809",
        "1" + "0" * 400,
        # overflows a double
        "1e400",
        # not JSON's numbers
        "NaN",
        "Infinity",
        "-Infinity",
        # not storable
        r'"\u0000"',
        r'{"a\u0000":1}',
        r'"\ud800"',
        # too deep
        "[" * 65 + "]" * 65,
    ],
)
def test_what_cannot_be_kept_unchanged_is_400_and_leaves_nothing(api, anything, sent):
    response = api.call("POST", "/v1/ingress/anything", b'{"input":' + sent.encode() + b"}")

    assert response.status_code == 400
    assert codes(response) == [("MALFORMED_JSON", None)]
    assert not ActionRecord.objects.exists()


def test_a_body_over_one_megabyte_is_413(api, anything, settings):
    fitting = b'{"input":"' + b"x" * (settings.MAX_BODY_BYTES - 12) + b'"}'

    assert len(fitting) == settings.MAX_BODY_BYTES
    assert api.call("POST", "/v1/ingress/anything", fitting).status_code == 200
    assert api.call("POST", "/v1/ingress/anything", fitting + b" ").status_code == 413
