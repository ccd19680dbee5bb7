"""Which schemas are admitted, and how they judge: `contracts.admit`."""

from __future__ import annotations

import gc
import gzip
import socket
import time
from pathlib import Path

import orjson
import pytest

from actions.contracts import InvalidSchemaError, admit
from actions.models import ActionDefinition
from config import validation
from tests import factories
from tests.client import codes

DRAFT4 = "http://json-schema.org/draft-04/schema#"
DRAFT6 = "http://json-schema.org/draft-06/schema#"
DRAFT7 = "http://json-schema.org/draft-07/schema#"
DRAFT2019 = "https://json-schema.org/draft/2019-09/schema"
DRAFT2020 = "https://json-schema.org/draft/2020-12/schema"
GITHUB = Path(__file__).parent.parent / "data" / "github_webhooks" / "schemas.json.gz"


def refuse(schema):
    """The one fault that keeps a schema out."""
    with pytest.raises(InvalidSchemaError) as refused:
        admit(schema)
    (fault,) = refused.value.faults
    assert fault.code == "INVALID_SCHEMA"
    assert 0 < len(fault.message) <= validation.MAX_MESSAGE
    return fault


# --- dialects -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dialect", "schema", "valid", "invalid"),
    [
        (None, {"prefixItems": [{"type": "string"}]}, ["a"], [1]),  # 2020-12 where none is named
        (None, {"dependentRequired": {"a": ["b"]}}, {"a": 1, "b": 2}, {"a": 1}),
        (DRAFT2020, {"$defs": {"t": {"type": "null"}}, "$ref": "#/$defs/t"}, None, 1),
        (
            DRAFT2020,
            {"$dynamicAnchor": "t", "type": "array", "items": {"$dynamicRef": "#t"}},
            [[]],
            [1],
        ),
        (
            DRAFT2020,
            {"unevaluatedProperties": False, "properties": {"a": True}},
            {"a": 1},
            {"b": 1},
        ),
        (DRAFT2020 + "#", {"type": "string"}, "", 1),
        (DRAFT2019, {"items": [{"type": "string"}], "additionalItems": False}, ["a"], ["a", "b"]),
        (DRAFT2019, {"type": "array", "items": {"$recursiveRef": "#"}}, [[]], [1]),
        (DRAFT7, {"if": {"type": "integer"}, "then": {"minimum": 5}}, 5, 4),
        (DRAFT7, {"definitions": {"t": {"type": "null"}}, "$ref": "#/definitions/t"}, None, 1),
        # Beside a `$ref` nothing counts, up to draft 7.
        (
            DRAFT7,
            {"$ref": "#/definitions/t", "not": {}, "definitions": {"t": {"minimum": 5}}},
            5,
            4,
        ),
        (DRAFT7.removesuffix("#"), {"type": "string"}, "", 1),
        (DRAFT6, {"exclusiveMaximum": 5}, 4, 5),
        (DRAFT6, {"contains": {"const": 1}}, [1], [2]),
        (DRAFT4, {"maximum": 5, "exclusiveMaximum": True}, 4, 5),
        (DRAFT4, {"id": "http://x.example/s", "type": "string"}, "", 1),
    ],
)
def test_each_dialect_judges_by_its_own_rules(dialect, schema, valid, invalid):
    validator = admit(schema if dialect is None else {"$schema": dialect} | schema)
    assert validator.is_valid(valid)
    assert not validator.is_valid(invalid)


@pytest.mark.parametrize(
    ("dialect", "schema", "pointer"),
    [
        (
            DRAFT4,
            {"maximum": 5, "exclusiveMaximum": 5},
            "/schema/exclusiveMaximum",
        ),  # a boolean there
        (DRAFT4, {"required": []}, "/schema/required"),  # one at least there
        (DRAFT4, {"properties": {"a": True}}, "/schema/properties/a"),  # only objects there
        (DRAFT6, {"maximum": 5, "exclusiveMaximum": True}, "/schema/exclusiveMaximum"),
        (DRAFT7, {"if": 1}, "/schema/if"),
        (DRAFT2019, {"$recursiveAnchor": 1}, "/schema/$recursiveAnchor"),
        (DRAFT2020, {"items": [True]}, "/schema/items"),  # `prefixItems` now
    ],
)
def test_each_dialect_has_its_own_metaschema(dialect, schema, pointer):
    assert refuse({"$schema": dialect} | schema).pointer == pointer


@pytest.mark.parametrize(
    "named",
    [
        "http://json-schema.org/draft-03/schema#",  # too old
        "http://json-schema.org/schema#",
        "https://json-schema.org/draft-07/schema#",  # http in its name
        "http://json-schema.org/draft/2020-12/schema",  # https in its name
        "https://json-schema.org/draft/2020-12/schema/",
        "https://json-schema.org/draft/next/schema",
        "http://127.0.0.1:1/my-metaschema",
        "",
        "#",
        7,
        ["http://json-schema.org/draft-07/schema#"],
        True,
    ],
)
def test_another_dialect_is_refused(named):
    assert refuse({"$schema": named}).pointer == "/schema/$schema"


# --- invalid schemas ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [
        (None, "/schema"),
        ([], "/schema"),
        ("string", "/schema"),
        (7, "/schema"),
        ({"type": "strnig"}, "/schema/type"),
        ({"type": ["string", "string"]}, "/schema/type"),
        ({"type": []}, "/schema/type"),
        ({"required": "a"}, "/schema/required"),
        ({"required": ["a", 1]}, "/schema/required/1"),
        ({"required": ["a", "a"]}, "/schema/required"),
        ({"properties": []}, "/schema/properties"),
        ({"properties": {"a": 1}}, "/schema/properties/a"),
        ({"properties": {"a/b": {"~": {}, "type": 1}}}, "/schema/properties/a~1b/type"),
        ({"properties": {"a": {"items": {"minimum": "1"}}}}, "/schema/properties/a/items/minimum"),
        ({"$defs": {"unused": {"enum": {}}}}, "/schema/$defs/unused/enum"),
        ({"allOf": [{}, {"not": 1}]}, "/schema/allOf/1/not"),
        ({"allOf": []}, "/schema/allOf"),
        ({"minLength": -1}, "/schema/minLength"),
        ({"minLength": 1.5}, "/schema/minLength"),
        ({"multipleOf": 0}, "/schema/multipleOf"),
        ({"format": 7}, "/schema/format"),
        ({"$ref": 7}, "/schema/$ref"),
        ({"$id": "#fragment"}, "/schema/$id"),
        ({"$anchor": "not an anchor"}, "/schema/$anchor"),
        ({"$defs": {"a": {"$anchor": "1"}}}, "/schema/$defs/a/$anchor"),
        # patterns
        ({"pattern": "("}, "/schema/pattern"),
        ({"pattern": "[z-a]"}, "/schema/pattern"),
        ({"pattern": "*"}, "/schema/pattern"),
        ({"properties": {"a": {"pattern": "(?<=a+)("}}}, "/schema/properties/a/pattern"),
        ({"patternProperties": {"[": {}}}, "/schema/patternProperties/["),
        ({"pattern": "(?<name"}, "/schema/pattern"),
        ({"pattern": "a{1000000}"}, "/schema/pattern"),  # a huge repetition
        ({"pattern": "((a{1000}){1000}){1000}"}, "/schema/pattern"),
        ({"pattern": "(?=x)((a{1000}){1000}){1000}"}, "/schema/pattern"),
        # references to nothing
        ({"$ref": "#/nowhere"}, "/schema/$ref"),
        ({"items": {"$ref": "#/$defs/a"}}, "/schema/items/$ref"),
        ({"anyOf": [{}, {"$ref": "#anchor"}]}, "/schema/anyOf/1/$ref"),
        ({"$dynamicRef": "#anchor"}, "/schema/$dynamicRef"),
    ],
)
def test_an_invalid_schema_is_refused_where_it_is_wrong(schema, pointer):
    assert refuse(schema).pointer == pointer


def test_a_refused_schema_is_a_422_that_stores_nothing(api):
    schema = {"properties": {"a": {"type": "strnig"}}}

    refused = api.put("~/actions/definitions", {"variant": "order", "schema": schema})

    assert refused.status_code == 422
    assert codes(refused) == [("INVALID_SCHEMA", "/schema/properties/a/type")]
    assert not ActionDefinition.objects.exists()


@pytest.mark.parametrize(
    "schema",
    [
        {"$schema": DRAFT7, "x-internal": {"anything": [1]}, "readOnly": True},  # unknown keywords
        {"properties": {"const": {}, "enum": {}, "default": {}, "$ref": {}, "type": {}}},
        {"default": {"$ref": "http://not.a/reference"}, "examples": [{"$ref": 7}]},
        {"const": {"$ref": "#/nowhere"}, "enum": [{"$ref": "#/nowhere"}]},
        {"format": "a-format-of-ours"},
        {"$comment": "x" * 100_000},
        {"pattern": r"^\p{L}+(?<!x)\d{2,4}$"},
        {"contentMediaType": "application/json", "contentEncoding": "base64"},
        {"maximum": 1e308, "minimum": -(2**63), "maxLength": 2**63 - 1},
    ],
)
def test_what_the_specification_allows_is_admitted(schema):
    admit(schema)


# --- nothing is fetched ---------------------------------------------------------------------------

OUTSIDE = [
    "{server}/schema.json",
    "{server}/schema.json#/definitions/a",
    "//127.0.0.1/schema.json",
    "file:///etc/passwd",
    "ftp://127.0.0.1/schema.json",
    "other.json",
    "../other.json",
    "other.json#/$defs/a",
    "urn:example:other",
    DRAFT7,  # known to every validator, and still another document
    DRAFT2020,
    DRAFT2020 + "#/$defs/anchorString",
    "https://json-schema.org/draft/2020-12/meta/core",
]


@pytest.fixture
def watched_server():
    """An address that must not be called."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.mark.parametrize("keyword", ["$ref", "$dynamicRef"])
@pytest.mark.parametrize("reference", OUTSIDE)
def test_a_reference_to_another_document_is_refused(watched_server, reference, keyword):
    away = {keyword: reference.format(server=watched_server)}

    assert refuse(away).pointer == f"/schema/{keyword}"
    assert refuse({"$id": "https://x.example/s"} | away).pointer == f"/schema/{keyword}"
    within = {"$defs": {"a": {"items": away}}}
    assert refuse(within).pointer == f"/schema/$defs/a/items/{keyword}"


@pytest.mark.parametrize("dialect", [DRAFT4, DRAFT6, DRAFT7, DRAFT2019])
@pytest.mark.parametrize("reference", OUTSIDE)
def test_so_it_is_in_the_older_dialects(watched_server, reference, dialect):
    schema = {
        "$schema": dialect,
        "definitions": {"a": {"items": {"$ref": reference.format(server=watched_server)}}},
    }
    assert refuse(schema).pointer == "/schema/definitions/a/items/$ref"


def test_nothing_is_fetched_for_names_and_inner_dialects(watched_server):
    admit({"$id": f"{watched_server}/s", "$defs": {"a": {"$id": f"{watched_server}/t"}}})
    admit({"$vocabulary": {f"{watched_server}/v": True}})
    for inner in ({"$schema": f"{watched_server}/meta"}, {"$schema": 7}):
        try:
            admit({"$defs": {"a": {"$id": "https://x.example/a"} | inner}})
        except InvalidSchemaError as error:
            assert error.faults[0].pointer.startswith("/schema")  # noqa: PT017


# --- patterns that cost ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("(a+)+$", "a" * 5_000 + "b"),
        ("(a|a)*$", "a" * 5_000 + "b"),
        ("(a|aa)+$", "a" * 5_000 + "b"),
        ("^(.*?,){50}P", "1," * 5_000),
        ("(?=(a+)+$)b", "a" * 5_000 + "b"),  # a lookahead
        ("(?<!x)(a+)+$", "a" * 5_000 + "b"),
        (r"(a*)*\1b", "a" * 5_000 + "c"),  # a backreference
        (r"^(([a-z])+.)+[A-Z]([a-z])+$", "a" * 5_000),
        (r"(?:(\w+)\s?)+(?!.)$", "word " * 2_000 + "!"),
    ],
)
def test_a_catastrophic_pattern_never_hangs(pattern, text):
    for schema, payload in (
        ({"pattern": pattern}, text),
        ({"patternProperties": {pattern: False}}, {text: 1}),
    ):
        started = time.monotonic()
        faults = validation.find_faults(admit(schema), payload, code="X")
        assert time.monotonic() - started < 1
        assert all(len(fault.message) <= validation.MAX_MESSAGE for fault in faults)


# --- large and deep -------------------------------------------------------------------------------


@pytest.fixture
def uncollected():
    """What hundreds of other tests have left is not looked through while time is taken."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def nested(levels, wrap):
    schema = {"type": "string"}
    for _ in range(levels):
        schema = wrap(schema)
    return schema


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {f"field{n}": {"type": "string", "maxLength": n} for n in range(15_000)}},
        {"enum": [f"value {n}" for n in range(50_000)]},
        {"$defs": {f"d{n}": {"$ref": "#/$defs/d0"} if n else {} for n in range(10_000)}},
        {"required": [f"field{n}" for n in range(20_000)]},
        nested(60, lambda inner: {"properties": {"a": inner}}),
        nested(60, lambda inner: {"not": inner}),
        nested(60, lambda inner: {"anyOf": [inner, {"type": "null"}]}),
    ],
)
@pytest.mark.usefixtures("uncollected")
def test_a_large_or_deep_schema_is_admitted_in_a_moment(schema):
    assert len(orjson.dumps(schema)) < 1_048_576
    started = time.thread_time()
    admit(schema)
    assert time.thread_time() - started < 2


@pytest.mark.parametrize(
    "schema",
    [
        {"anyOf": [{} for _ in range(300_000)]},
        {"properties": {str(n): {} for n in range(90_000)}},
        {"$defs": {str(n): {"$id": f"a{n}"} for n in range(30_000)}},
    ],
)
@pytest.mark.usefixtures("uncollected")
def test_a_schema_of_too_many_schemas_is_refused_in_a_moment(schema):
    started = time.thread_time()
    assert "more than 20,000" in refuse(schema).message
    assert time.thread_time() - started < 4


@pytest.mark.parametrize("levels", [1_000, 100_000])
def test_a_schema_nested_without_measure_is_refused_and_ends_nothing(levels):
    # The API refuses it while parsing; this is for callers inside.
    assert refuse(nested(levels, lambda inner: {"not": inner})).pointer == "/schema"


def test_githubs_schemas_are_admitted():
    schemas = orjson.loads(gzip.decompress(GITHUB.read_bytes()))
    assert len(schemas) > 60
    for schema in schemas.values():
        admit(schema)


def test_a_stored_contract_judges_ingress(api, acme):
    factories.make_definition(acme, "order", schema={"$schema": DRAFT4, "required": ["id"]})

    refused = api.post("/v1/ingress/order", {"input": {"n": 1}})

    assert refused.status_code == 400
    assert codes(refused) == [("INVALID_INPUT", "/input/id")]
