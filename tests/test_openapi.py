"""The OpenAPI document: what it promises, and that the published operation is in it unchanged."""

from __future__ import annotations

import re
from pathlib import Path

import orjson
import pytest
import yaml
from django.conf import settings
from django.test import Client
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import validate

from config import openapi
from config.api import JSON
from config.urls import openapi_document
from destinations.kinds import KINDS
from tests import factories
from tests.routes import DOCUMENT, GATEWAY_ROUTES, ROUTES

SNAPSHOT = settings.BASE_DIR / "docs" / "openapi.json"
RENEW = (
    "docs/openapi.json is not what the code says. If it should be: "
    ".venv/bin/python manage.py spectacular --format openapi-json --file docs/openapi.json"
)
CONTRACT = yaml.safe_load(
    (Path(__file__).parent / "data/contract/put-action-definition.openapi.yaml").read_text()
)
DEFINITIONS = "/v1/orgs/{org_id}/actions/definitions"
# Operations whose names are published; all others are named by their method and path.
PUBLISHED = {
    "POST /v1/ingress/{variant}": "createIngressVariantAction",
    "POST /v1/ingress": "createIngressAction",
    "POST /v1/batch": "createIngressBatch",
    "POST /v1/ack": "ackIngressAction",
    "POST /v1/nack": "nackIngressAction",
    "POST /v1/modack": "modAckIngressAction",
    "POST /v1/sdk/{namespace}/pull": "pullActions",
    "POST /v1/sdk/ack": "ackActions",
}

every_route = pytest.mark.parametrize("route", ROUTES, ids=str)


def resolved(node):
    """The node with every reference to a component replaced by what it refers to."""
    if isinstance(node, list):
        return [resolved(item) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        name = node["$ref"].removeprefix("#/components/schemas/")
        return resolved(DOCUMENT["components"]["schemas"][name])
    return {key: resolved(value) for key, value in node.items()}


def as_far_as(contract, ours):
    """Our schema without what we add to the contract's: annotations and optional properties."""
    if isinstance(ours, list):
        return [as_far_as(theirs, item) for theirs, item in zip(contract, ours, strict=True)]
    if not isinstance(ours, dict):
        return ours
    kept = {}
    for key, value in ours.items():
        if key == "properties":
            assert contract[key].keys() <= value.keys()
            kept[key] = {
                name: as_far_as(contract[key][name], value[name]) for name in contract[key]
            }
        elif key in contract:
            kept[key] = as_far_as(contract[key], value)
        else:
            assert key in {"title", "description", "examples"}
    return kept


def schemas(node):
    """Every schema in a part of the document, at whatever depth."""
    if isinstance(node, list):
        for item in node:
            yield from schemas(item)
    elif isinstance(node, dict):
        yield node
        for value in node.values():
            yield from schemas(value)


def check(schema, value):
    Draft202012Validator(resolved(schema), format_checker=FormatChecker()).validate(value)


def test_the_document_is_the_same_at_both_addresses():
    answers = [Client().get(path) for path in ("/openapi.json", "/swagger/ui/json")]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0]["Content-Type"] == "application/json"
    assert answers[0].content == answers[1].content == openapi_document()


def test_the_document_is_valid_openapi():
    assert DOCUMENT["openapi"] == "3.1.0"
    validate(DOCUMENT)


def test_the_committed_snapshot_is_the_document():
    assert orjson.dumps(orjson.loads(SNAPSHOT.read_bytes())) == openapi_document(), RENEW


def test_the_document_holds_every_route_and_nothing_else():
    documented = {
        f"{method.upper()} {path}" for path, item in DOCUMENT["paths"].items() for method in item
    }

    assert documented == set(map(str, [*ROUTES, *GATEWAY_ROUTES]))


@every_route
def test_an_operation_is_named_as_published_or_by_its_method_and_path(route):
    named = re.sub(r"\{(\w+)\}", r"by_\1", route.path.strip("/"))
    by_path = named.replace("/", "_").replace("-", "_")

    assert route.operation["operationId"] == PUBLISHED.get(
        str(route), f"{route.method.lower()}_{by_path}"
    )


def test_no_two_operations_have_one_name():
    names = [route.operation["operationId"] for route in [*ROUTES, *GATEWAY_ROUTES]]

    assert len(names) == len(set(names))


@every_route
def test_an_operation_has_a_summary_a_description_and_a_known_tag(route):
    operation = route.operation

    assert operation["summary"]
    assert operation["description"].endswith(".")
    assert not operation["summary"].endswith(".")
    assert len(operation["tags"]) == 1
    assert set(operation["tags"]) <= set(openapi.TAGS)


def test_every_tag_is_described_and_used():
    assert DOCUMENT["tags"] == [
        {"name": name, "description": text} for name, text in openapi.TAGS.items()
    ]
    used = {route.operation["tags"][0] for route in [*ROUTES, *GATEWAY_ROUTES]}
    assert used == set(openapi.TAGS)


@every_route
def test_an_operation_lists_what_it_may_refuse_with(route):
    """Which of 409 and 422 an operation may give, `test_every_endpoint` and the tests of each
    endpoint see: an answer that is not listed fails there."""
    listed = set(route.operation["responses"])

    assert {"200", "400", "401", "500"} <= listed
    if "{org_id}" in route.path:
        assert {"403", "404"} <= listed
    if route.takes_body:
        assert {"411", "413", "415"} <= listed
        body = route.operation["requestBody"]
        # No body is read as `{}`, which is enough where nothing is required.
        schema = resolved(body["content"]["application/json"]["schema"])
        assert body["required"] is not Draft202012Validator(schema).is_valid({})
    for code, response in route.operation["responses"].items():
        assert response["description"]
        if JSON not in response["content"]:
            assert code == "200"
            continue
        schema = response["content"]["application/json"]["schema"]
        assert code == "200" or schema == {"$ref": "#/components/schemas/Errors"}


@pytest.mark.parametrize(
    "route", [route for route in [*ROUTES, *GATEWAY_ROUTES] if route.takes_body], ids=str
)
def test_an_operation_with_a_body_shows_one_that_fits(route):
    check(route.operation["requestBody"]["content"]["application/json"]["schema"], route.example)


def test_examples_inside_of_schemas_fit_them():
    shown = [schema for schema in schemas(DOCUMENT["components"]) if "examples" in schema]

    assert shown
    for schema in shown:
        for example in schema["examples"]:
            check(schema, example)


def test_every_schema_is_one():
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(resolved(schema))


def test_a_key_is_asked_for_everywhere_and_ingress_takes_a_bearer_token_too():
    assert DOCUMENT["security"] == CONTRACT["security"] == [{"apiKey": []}]
    key = DOCUMENT["components"]["securitySchemes"]["apiKey"]
    assert key == CONTRACT["components"]["securitySchemes"]["apiKey"]
    own = {str(route) for route in ROUTES if "security" in route.operation}
    assert own == set(PUBLISHED)


@pytest.mark.parametrize("part", ["parameters", "requestBody", "operationId", "tags", "summary"])
def test_the_published_operation_asks_for_exactly_what_its_contract_says(part):
    theirs = CONTRACT["paths"][DEFINITIONS]["put"][part]

    ours = resolved(DOCUMENT["paths"][DEFINITIONS]["put"][part])

    assert as_far_as(theirs, ours) == theirs


def test_the_published_operation_answers_exactly_what_its_contract_says():
    theirs = CONTRACT["paths"][DEFINITIONS]["put"]["responses"]["200"]["content"]

    ours = resolved(DOCUMENT["paths"][DEFINITIONS]["put"]["responses"]["200"]["content"])

    assert as_far_as(theirs, ours) == theirs


@pytest.mark.parametrize("kind", KINDS)
def test_the_published_operation_answers_by_its_contract_for_each_type(kind, api, acme):
    schema = CONTRACT["paths"][DEFINITIONS]["put"]["responses"]["200"]["content"][
        "application/json"
    ]["schema"]
    destination = factories.make_destination(acme, kind, tags={"region": "eu"})
    factories.make_definition(acme, "ship", destination, schema={"type": "object"})

    answer = api.put(
        "~/actions/definitions",
        {"variant": "ship", "schema": {"type": "object"}, "alias": ["send"]},
    )

    (link,) = api.data(answer)["destinations"]
    assert (link["is_default"], link["destination"]["type"]) == (True, kind)
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(answer.json())


def test_tags_stand_in_a_query_under_the_names_that_the_document_says():
    documented = [
        parameter["schema"]["propertyNames"]
        for route in ROUTES
        for parameter in route.operation.get("parameters", ())
        if parameter["name"] == "tag"
    ]

    assert documented
    assert all(re.search(names["pattern"], "tag.region") for names in documented)
    assert not any(re.search(names["pattern"], "region") for names in documented)


def test_a_list_skips_as_far_as_the_document_says(api):
    (skip,) = (
        parameter["schema"]["maximum"]
        for parameter in DOCUMENT["paths"][DEFINITIONS]["get"]["parameters"]
        if parameter["name"] == "skip"
    )

    assert api.get(f"~/actions/definitions?skip={skip}").status_code == 200
    assert api.get(f"~/actions/definitions?skip={skip + 1}").status_code == 400
