"""`PUT /v1/orgs/{org_id}/actions/definitions`: which version a PUT finds or makes."""

from __future__ import annotations

import pytest

from actions import services
from actions.models import ActionDefinition
from config.errors import ConflictError
from tests import factories
from tests.client import codes
from tests.destinations.contract import ANSWER_ORACLE

PATH = "~/actions/definitions"
TEXT, NUMBER = {"type": "string"}, {"type": "number"}


def put(api, schema, variant="order", **fields):
    return api.data(api.put(PATH, {"variant": variant, "schema": schema} | fields))


def delete(api, definition):
    return api.data(api.delete(f"{PATH}/{definition['id']}"))


# --- without a version ----------------------------------------------------------------------------


def test_the_first_put_makes_version_1(api, acme):
    made = put(api, TEXT, alias=["order.new"], description="Orders.")

    assert made == {
        "id": str(ActionDefinition.objects.get().pk),
        "org_id": str(acme.pk),
        "variant": "order",
        "version": 1,
        "alias": ["order.new"],
        "schema": TEXT,
        "description": "Orders.",
        "requires_approval": False,
        "compatibility": "none",
        "open_content": "strict",
        "deprecated_at": None,
        "sunset_at": None,
        "deleted_at": None,
        "destinations": [],
    }


@pytest.mark.parametrize(
    "same",
    [
        {"type": "object", "required": ["a"], "maxProperties": 2},
        {"maxProperties": 2, "required": ["a"], "type": "object"},  # keys in another order
    ],
)
def test_an_equal_schema_gives_the_newest_version_back(api, same):
    made = put(api, {"type": "object", "required": ["a"], "maxProperties": 2})
    assert put(api, same)["id"] == made["id"]
    assert ActionDefinition.objects.count() == 1


@pytest.mark.parametrize(
    "other",
    [
        {"enum": [2, 1]},  # arrays have an order
        {"enum": [1.0, 2]},  # another number to write down
        {"enum": [1, 2], "title": ""},
        True,
    ],
)
def test_another_schema_makes_the_next_version(api, other):
    put(api, {"enum": [1, 2]})
    assert put(api, other)["version"] == 2


def test_the_schema_of_an_older_version_makes_a_new_one(api):
    assert [put(api, schema)["version"] for schema in (TEXT, NUMBER, TEXT)] == [1, 2, 3]


def test_a_version_number_is_never_used_again(api):
    put(api, TEXT)
    delete(api, put(api, NUMBER))

    assert put(api, True)["version"] == 3


def test_an_equal_schema_is_sought_in_the_newest_live_version(api):
    first = put(api, TEXT)
    delete(api, put(api, NUMBER))

    assert put(api, TEXT)["id"] == first["id"]
    assert put(api, NUMBER)["version"] == 3  # version 2 stays deleted


def test_nothing_live_means_a_new_version_even_of_an_equal_schema(api):
    delete(api, put(api, TEXT))
    assert put(api, TEXT)["version"] == 2


def test_variants_and_organizations_count_for_themselves(api, globex_api):
    put(api, TEXT)
    put(api, NUMBER)

    assert put(api, TEXT, "invoice")["version"] == 1
    assert put(globex_api, TEXT)["version"] == 1


def test_a_schema_comes_back_as_it_was_sent(api):
    schema = b'{"b":1.0,"a":{"type":"number","maximum":18446744073709551615,"minimum":1e-7}}'
    body = b'{"variant": "order", "schema": ' + schema + b"}"

    answer = api.put(PATH, body)

    assert answer.status_code == 200
    assert schema in answer.content


# --- with a version -------------------------------------------------------------------------------


def test_a_version_that_was_never_used_is_stored(api):
    put(api, TEXT)

    assert put(api, NUMBER, version=7)["version"] == 7
    assert put(api, True, version=3)["version"] == 3  # below the highest, too
    assert put(api, {})["version"] == 8  # the highest ever used + 1


def test_a_stored_version_with_an_equal_schema_is_given_back(api):
    first = put(api, TEXT)
    put(api, NUMBER)
    assert put(api, TEXT, version=1)["id"] == first["id"]


def test_a_stored_version_with_another_schema_is_a_conflict(api):
    put(api, TEXT)

    refused = api.put(PATH, {"variant": "order", "schema": NUMBER, "version": 1})

    assert refused.status_code == 409
    assert codes(refused) == [("VERSION_IMMUTABLE", "/version")]
    assert ActionDefinition.objects.get().read_schema() == TEXT


def test_a_deleted_version_stays_immutable(api):
    delete(api, put(api, TEXT))

    refused = api.put(PATH, {"variant": "order", "schema": NUMBER, "version": 1})

    assert refused.status_code == 409
    assert codes(refused) == [("VERSION_IMMUTABLE", "/version")]


def test_a_deleted_version_is_undeleted_by_an_equal_schema(api):
    first = put(api, TEXT)
    delete(api, first)

    again = put(api, TEXT, version=1)

    assert (again["id"], again["deleted_at"]) == (first["id"], None)
    assert api.data(api.get(f"{PATH}/{first['id']}"))["version"] == 1


def test_an_undeleted_version_takes_calls_again(api):
    delete(api, put(api, TEXT))
    put(api, TEXT, version=1)
    assert api.data(api.post("/v1/ingress/order", {"input": "x"}))["version"] == 1


@pytest.mark.parametrize(
    ("version", "status", "code"),
    [
        (0, 422, "INVALID_VERSION"),
        (-1, 422, "INVALID_VERSION"),
        (2**31, 422, "INVALID_VERSION"),
        (2**63, 422, "INVALID_VERSION"),
        (1e300, 422, "INVALID_VERSION"),  # an integer to JSON Schema
        ("1", 400, "INVALID_BODY"),
        (1.5, 400, "INVALID_BODY"),
        (True, 400, "INVALID_BODY"),
        (None, 400, "INVALID_BODY"),
    ],
)
def test_a_version_is_a_number_from_1(api, version, status, code):
    refused = api.put(PATH, {"variant": "order", "schema": TEXT, "version": version})

    assert refused.status_code == status
    assert codes(refused) == [(code, "/version")]
    assert not ActionDefinition.objects.exists()


def test_a_version_may_be_spelled_as_a_whole_float(api):
    assert put(api, TEXT, version=2.0)["version"] == 2
    assert put(api, TEXT, version=2)["version"] == 2


def test_after_the_highest_number_there_is_a_sentence(acme):
    factories.make_definition(acme, version=services.MAX_VERSION)
    with pytest.raises(ConflictError, match="highest version"):
        factories.make_definition(acme, schema=TEXT)


# --- description and shape ------------------------------------------------------------------------


def test_a_description_is_replaced_when_it_is_given(api):
    put(api, TEXT, description="first")

    assert put(api, TEXT)["description"] == "first"
    assert put(api, TEXT, description="second")["description"] == "second"
    assert put(api, TEXT, description="")["description"] == ""


def test_fields_that_are_not_known_are_passed_over(api):
    # The contract's request body is open.
    assert put(api, TEXT, colour="red", id="7", org_id="8")["version"] == 1


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"schema": True}, "/variant"),
        ({"variant": "a"}, "/schema"),
        ({"variant": 7, "schema": True}, "/variant"),
        ({"variant": None, "schema": True}, "/variant"),
        ({"variant": "a", "schema": True, "alias": "b"}, "/alias"),
        ({"variant": "a", "schema": True, "alias": None}, "/alias"),
        ({"variant": "a", "schema": True, "alias": ["b", 7]}, "/alias/1"),
        ({"variant": "a", "schema": True, "description": 7}, "/description"),
        ({"variant": "a", "schema": True, "description": "x" * 10_001}, "/description"),
        ([], ""),
        ("order", ""),
    ],
)
def test_a_body_of_the_wrong_shape_is_a_400_that_points_at_it(api, body, pointer):
    refused = api.put(PATH, body)

    assert refused.status_code == 400
    assert codes(refused) == [("INVALID_BODY", pointer)]
    assert not ActionDefinition.objects.exists()


@pytest.mark.parametrize("schema", [None, "string", 7, [], [{"type": "string"}]])
def test_what_is_neither_object_nor_boolean_is_no_schema(api, schema):
    refused = api.put(PATH, {"variant": "order", "schema": schema})

    assert refused.status_code == 422
    assert codes(refused) == [("INVALID_SCHEMA", "/schema")]


@pytest.mark.parametrize("schema", [True, False, {}])
def test_true_false_and_the_empty_object_are_schemas(api, schema):
    assert put(api, schema)["schema"] == schema
    assert api.post("/v1/ingress/order", {"input": {"any": 1}}).status_code == (
        200 if schema is not False else 400
    )


# --- the contract ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", ["webhook", "sdk", "google_pubsub", "aws_sqs", "mcp", "default_sink"]
)
def test_the_answer_validates_against_the_contract_file(api, acme, kind):
    to = factories.make_destination(acme, kind, tags={"team": "a"})
    factories.make_definition(acme, "order", to=to, schema=TEXT)

    answer = api.put(PATH, {"variant": "order", "schema": TEXT, "alias": ["o"]})

    ANSWER_ORACLE.validate(answer.json())
    (link,) = answer.json()["data"]["destinations"]
    assert link["destination"]["type"] == kind


def test_a_refusal_validates_against_the_contract_file(api):
    ANSWER_ORACLE.validate(api.put(PATH, {"variant": "", "schema": {"type": 7}}).json())
