"""Bad input, through the API alone: each gets its 4xx in the envelope and changes nothing."""

from __future__ import annotations

import json
import time
from datetime import timedelta

import orjson
import pytest
from django.db.models.functions import Now

from tests import factories
from tests.client import ApiClient, codes
from tests.routes import ROUTES
from tests.stored import everything_stored

pytestmark = pytest.mark.usefixtures("walked")
WITH_BODY = [route for route in ROUTES if route.takes_body]
NOBODYS = 10**15
DEEP = b"[" * 65 + b"]" * 65
# Backtracks exponentially in engines that do.
CATASTROPHE = r"^(?:(?=a)a+)+$"

# Each stands where a value stands in an otherwise good body.
BAD_VALUES = [
    # Nesting deeper than 64, and far deeper.
    pytest.param(DEEP, id="deep"),
    pytest.param(b'{"a":' * 10_000 + b"1" + b"}" * 10_000, id="very deep"),
    # NUL and lone surrogates, in a text and in a key.
    pytest.param(rb'"\u0000"', id="NUL"),
    pytest.param(rb'{"\u0000": 1}', id="NUL in a key"),
    pytest.param(rb'"\ud800"', id="lone surrogate"),
    pytest.param(rb'{"a\udfff": 1}', id="lone surrogate in a key"),
    # Integers beyond 64 bits.
    pytest.param(b"18446744073709551616", id="beyond 64 bits"),
    pytest.param(b"[-9223372036854775809]", id="beyond -64 bits"),
    # No numbers, and too large ones.
    pytest.param(b"NaN", id="NaN"),
    pytest.param(b"[Infinity]", id="Infinity"),
    pytest.param(b"1e999", id="overflows a double"),
    pytest.param(b"-" + b"9" * 400, id="overflows a double, spelled out"),
    # Not JSON in other ways.
    pytest.param(b"{'a': 1}", id="single quotes"),
    pytest.param(b"[1,]", id="trailing comma"),
    pytest.param(b'"\xff"', id="not UTF-8"),
    pytest.param(b"", id="nothing"),
]

every_body = pytest.mark.parametrize("route", WITH_BODY, ids=str)


@pytest.fixture
def rows(ours):
    return ours


@pytest.fixture
def unchanged(rows, api):
    """Fails the test when it has changed a row."""
    before = everything_stored()
    yield
    assert everything_stored() == before


def with_value(example, value):
    """The bytes of an example body whose last value is another one."""
    last = list(example)[-1]
    return orjson.dumps({**example, last: "@"}).replace(b'"@"', value)


@pytest.mark.parametrize("value", BAD_VALUES)
def test_a_body_with_a_value_that_cannot_be_kept_is_400(value, api, rows, unchanged):
    for route in WITH_BODY:
        answer = api.call(route.method, route.fill(rows), with_value(route.example, value))

        assert answer.status_code == 400, route
        assert codes(answer) == [("MALFORMED_JSON", None)], route


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"1", b"true", b"null", b"[{}]"])
def test_a_body_that_is_no_object_is_400(body, api, rows, unchanged):
    for route in WITH_BODY:
        answer = api.call(route.method, route.fill(rows), body)

        assert answer.status_code == 400, route
        assert codes(answer) == [("INVALID_BODY", "")], route


@every_body
def test_each_part_of_a_body_has_its_type(route, api, rows, unchanged):
    for name in route.example:
        # Neither a text, a number, a list nor an object of anything that is asked for.
        wrong = {**route.example, name: [[None]]}
        answer = api.call(route.method, route.fill(rows), wrong)

        if (name, route.path.rpartition("/")[2]) == ("input", "test"):
            # No contract judges what is only tried.
            assert answer.status_code == 200
        elif name in ("schema", "input", "actions"):
            assert 400 <= answer.status_code < 500 or answer.json()["data"]["accepted"] == 0
        else:
            assert answer.status_code == 400
            assert all(at.startswith(f"/{name}") for _, at in codes(answer))


@every_body
def test_no_body_is_taken_only_where_the_document_says_so(route, api, rows):
    path = route.fill(rows)

    answer = api.client.generic(route.method, path, headers=api.headers)

    assert (answer.status_code == 400) is route.operation["requestBody"]["required"]
    if answer.status_code == 400:
        assert answer.json()["errors"][0]["code"] == "INVALID_BODY"


def test_a_body_over_its_limit_is_413(api, rows, unchanged, settings):
    for route in WITH_BODY:
        most = settings.MAX_BATCH_BYTES if route.path == "/v1/batch" else settings.MAX_BODY_BYTES

        answer = api.call(route.method, route.fill(rows), b" " * (most + 1))

        assert answer.status_code == 413, route
        assert codes(answer) == [("TOO_LARGE", None)]


def test_an_action_of_a_batch_over_the_limit_of_one_is_refused(api, rows, unchanged, settings):
    large = {"variant": "send_email", "input": "x" * settings.MAX_BODY_BYTES}

    data = api.data(api.post("/v1/batch", {"actions": [large]}))

    assert data["accepted"] == 0
    assert data["items"][0]["errors"][0]["code"] == "TOO_LARGE"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        # Rows of management.
        ("GET", "~/keys/{id}", None),
        ("DELETE", "~/keys/{id}", None),
        ("GET", "~/destinations/{id}", None),
        ("POST", "~/destinations/{id}", {"label": "mine"}),
        ("DELETE", "~/destinations/{id}", None),
        ("GET", "~/credentials/{id}", None),
        ("POST", "~/credentials/{id}", {"label": "mine"}),
        ("DELETE", "~/credentials/{id}", None),
        ("GET", "~/signing-keys/{id}", None),
        ("POST", "~/signing-keys/{id}", {"label": "mine"}),
        ("POST", "~/signing-keys/{id}/rotate", {}),
        ("DELETE", "~/signing-keys/{id}", None),
        ("GET", "~/actions/definitions/{id}", None),
        ("POST", "~/actions/definitions/{id}", {"alias": []}),
        ("DELETE", "~/actions/definitions/{id}", None),
        ("PUT", "~/actions/definitions/{id}/destinations/{id}", {}),
        ("GET", "~/actions/records/{id}", None),
        ("POST", "~/actions/records/{id}/replay", None),
        ("POST", "~/actions/records/{id}/cancel", None),
        # Actions to be settled.
        ("POST", "/v1/ack", {"action_record_id": "{id}", "attempt": 0}),
        ("POST", "/v1/nack", {"action_record_id": "{id}", "attempt": 0}),
        ("POST", "/v1/modack", {"action_record_id": "{id}", "attempt": 0}),
    ],
)
def test_an_id_that_nobody_has_is_404(method, path, body, api, rows, unchanged):
    for nobodys in (str(NOBODYS), str(2**63 - 1)):
        text = None if body is None else json.dumps(body).replace("{id}", nobodys).encode()

        answer = api.call(method, path.replace("{id}", nobodys), text)

        assert answer.status_code == 404
        assert codes(answer) == [("NOT_FOUND", None)]


@pytest.mark.parametrize(
    ("id", "status"),
    [
        # No digits, a sign, a fraction, a number, and digits of other scripts.
        ("one", 400),
        ("-1", 400),
        ("1.0", 400),
        ("", 400),
        (1, 400),
        ("\u0661", 400),
        ("1\n", 400),
        # More than a bigint can hold.
        (str(2**63), 404),
        ("9" * 5000, 404),
        # Zeros before it do not make it another one.
        ("0" * 21 + str(NOBODYS), 404),
    ],
)
def test_an_action_id_that_is_none_is_refused(id, status, api, rows, unchanged):
    for path in ("/v1/ack", "/v1/nack", "/v1/modack"):
        answer = api.post(path, {"action_record_id": id, "attempt": 0})

        assert answer.status_code == status


def test_zeros_before_an_action_id_do_not_lead_to_another_action(api, rows, unchanged):
    # Cut after 20 digits this would be the id without its last digit.
    padded = str(rows["records"] * 10).zfill(21)

    answer = api.post("/v1/modack", {"action_record_id": padded, "attempt": 0})

    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("spoil", "status"),
    [
        # Nobody's, deleted, expired, and another organization's.
        (lambda acme, globex: "api_" + "0" * 40, 401),
        (lambda acme, globex: make_key(acme, deleted_at=Now()), 401),
        (lambda acme, globex: make_key(acme, expires_at=Now() - timedelta(minutes=1)), 401),
        (lambda acme, globex: make_key(globex), 404),
    ],
    ids=["unknown", "deleted", "expired", "another organization's"],
)
def test_a_key_that_does_not_open_this_organization_changes_nothing(
    spoil, status, acme, globex, rows, settings
):
    settings.WRONG_KEYS_PER_MINUTE = 0
    client = ApiClient(acme, spoil(acme, globex))
    before = everything_stored()

    for route in [route for route in ROUTES if "{org_id}" in route.path]:
        answer = client.call(route.method, route.fill(rows), route.example)

        assert answer.status_code == status, route
        assert codes(answer) == [("UNAUTHORIZED" if status == 401 else "NOT_FOUND", None)]
    assert everything_stored() == before


def make_key(org, **state):
    material = factories.make_key(org)
    org.keys.filter(pk=org.keys.latest("id").pk).update(**state or {"description": "good"})
    return material


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [
        # A schema elsewhere: over HTTP, in a file, relative to nothing, behind `$id`, and deep.
        ({"$ref": "https://schemas.example.com/order.json"}, "/schema/$ref"),
        ({"$ref": "http://127.0.0.1:1/order.json"}, "/schema/$ref"),
        ({"$ref": "file:///etc/passwd"}, "/schema/$ref"),
        ({"$ref": "order.json"}, "/schema/$ref"),
        ({"$id": "https://schemas.example.com/a", "$ref": "b"}, "/schema/$ref"),
        (
            {"properties": {"a": {"items": {"$ref": "https://example.com/x"}}}},
            "/schema/properties/a/items/$ref",
        ),
        ({"$dynamicRef": "https://schemas.example.com/order.json"}, "/schema/$dynamicRef"),
        # A dialect elsewhere.
        ({"$schema": "https://schemas.example.com/dialect"}, "/schema/$schema"),
        ({"$schema": 7}, "/schema/$schema"),
        # To nothing.
        ({"$ref": "#/$defs/none"}, "/schema/$ref"),
        # References that lead back to themselves: at once, around, through a union.
        ({"$ref": "#"}, "/schema"),
        (
            {
                "$ref": "#/$defs/a",
                "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"allOf": [{"$ref": "#/$defs/a"}]}},
            },
            "/schema/$defs/",
        ),
        # References that multiply: 2^40 steps for one value.
        (
            {
                "$ref": "#/$defs/0",
                "$defs": {str(n): {"allOf": [{"$ref": f"#/$defs/{n + 1}"}] * 2} for n in range(40)}
                | {"40": {}},
            },
            "/schema/$defs/",
        ),
        # No pattern.
        ({"properties": {"a": {"pattern": "("}}}, "/schema/properties/a/pattern"),
        # Against the metaschema.
        ({"type": "text"}, "/schema/type"),
        ({"properties": {"a": {"minLength": -1}}}, "/schema/properties/a/minLength"),
        ({"required": "a"}, "/schema/required"),
        # No schema at all.
        ([], "/schema"),
        ("object", "/schema"),
        (None, "/schema"),
        (1, "/schema"),
    ],
)
def test_a_schema_that_payloads_cannot_be_judged_by_is_422(schema, pointer, api, rows, unchanged):
    started = time.monotonic()

    answer = api.put("~/actions/definitions", {"variant": "bad", "schema": schema})

    assert answer.status_code == 422
    ((code, at),) = codes(answer)
    assert code == "INVALID_SCHEMA"
    # Of several references that are at fault together any one may be named.
    assert at.startswith(pointer) if pointer.endswith("/") else at == pointer
    assert time.monotonic() - started < 5


def test_a_catastrophic_pattern_costs_nobody_any_time(api, acme, rows):
    schema = {"type": "array", "items": {"pattern": CATASTROPHE}}
    factories.make_definition(acme, "slow", schema=schema)
    before = everything_stored()
    started = time.monotonic()

    answer = api.post("/v1/ingress/slow", {"input": ["a" * 5000 + "!"] * 50})

    assert answer.status_code == 400
    assert {code for code, _ in codes(answer)} == {"INVALID_INPUT"}
    assert time.monotonic() - started < 5
    assert everything_stored() == before


@pytest.mark.parametrize(
    "url",
    [
        # Credentials.
        "https://user:secret@hooks.example.com/",
        "https://user@hooks.example.com/",
        # Other schemes.
        "ftp://hooks.example.com/",
        "file:///etc/passwd",
        "gopher://hooks.example.com/",
        "javascript:alert(1)",
        # This machine, in several spellings.
        "http://localhost/",
        "http://hooks.localhost./",
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        # Private, link-local (the metadata service of clouds) and other special addresses.
        "http://10.0.0.1/",
        "http://172.16.0.1/",
        "http://192.168.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://100.64.0.1/",
        "http://[fd00::1]/",
        "http://[fe80::1]/",
        "http://[64:ff9b::10.0.0.1]/",
        "http://[2002:a00:1::]/",
        "http://224.0.0.1/",
        "http://255.255.255.255/",
        # No host, and no port.
        "https:///orders",
        "https://hooks.example.com:99999/",
    ],
)
def test_a_webhook_may_not_lead_there(url, api, rows, unchanged):
    config = {"url": url}
    made = api.put("~/destinations", {"label": "bad", "type": "webhook", "config": config})
    changed = api.post(f"~/destinations/{rows['destinations']}", {"config": config})

    for answer in (made, changed):
        assert answer.status_code == 422
        ((code, at),) = codes(answer)
        assert (code in ("ADDRESS_REFUSED", "INVALID_CONFIG"), at) == (True, "/config/url")
