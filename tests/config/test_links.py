"""Links of the OpenAPI document: where they stand, and that they lead to what they say."""

from __future__ import annotations

import re

import pytest

from config.api import JSON
from config.links import add_links
from tests.routes import ROUTES, make_rows

BY_NAME = {route.operation["operationId"]: route for route in ROUTES}
LINKS = [
    (route, name, link)
    for route in ROUTES
    for name, link in route.operation["responses"]["200"].get("links", {}).items()
]
ROW = {"type": "object", "properties": {"id": {"type": "string"}}}


def operation(name, answer=None, body=None):
    content = {"application/json": {"schema": answer or {}}}
    made = {"operationId": name, "summary": name, "responses": {"200": {"content": content}}}
    return made if body is None else made | {"requestBody": {"content": {"application/json": body}}}


def enveloped(schema):
    return {"properties": {"data": {"anyOf": [schema, {"type": "null"}]}}}


def links_of(operation):
    return operation["responses"]["200"].get("links")


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [(enveloped(ROW), "#/data/id"), (ROW, "#/id"), ({"allOf": [{}, ROW]}, "#/id")],
)
def test_what_is_made_leads_to_what_is_done_with_it(schema, pointer):
    paths = {
        "/{org_id}/keys": {"put": operation("make", schema)},
        "/{org_id}/keys/{id}": {"get": operation("show", ROW)},
        "/{org_id}/keys/{id}/rotate": {"post": operation("rotate", ROW)},
        # Not below, and without a row to name.
        "/{org_id}/keysmiths/{id}": {"get": operation("other", ROW)},
        "/{org_id}/keys/preview": {"post": operation("preview", {})},
    }

    add_links(paths)

    found = links_of(paths["/{org_id}/keys"]["put"])
    assert list(found) == ["rotate", "show"]
    assert found["show"] == {
        "operationId": "show",
        "description": "show.",
        "parameters": {"org_id": "$request.path.org_id", "id": f"$response.body{pointer}"},
    }
    assert links_of(paths["/{org_id}/keys/{id}"]["get"]) is None


def test_a_row_is_named_by_what_the_path_asks_for_before_its_id():
    named = {"properties": {"id": {"type": "string"}, "name": {}}}
    paths = {"/a": {"post": operation("make", named)}, "/a/{name}": {"get": operation("show")}}

    add_links(paths)

    assert links_of(paths["/a"]["post"])["show"]["parameters"] == {
        "name": "$response.body#/name",
    }


def test_a_row_under_its_one_name_leads_on_where_it_is_created():
    shown = {"properties": {"action": {"type": "object", "properties": {"name": {}}}}}
    made = operation("make", shown)
    made["responses"]["201"] = made["responses"].pop("200")
    paths = {"/a": {"post": made}, "/a/{name}": {"get": operation("show", shown)}}

    add_links(paths)

    links = made["responses"]["201"]["links"]
    assert links["show"]["parameters"] == {"name": "$response.body#/action/name"}


def test_a_list_leads_to_its_first_row_and_to_what_adds_to_it():
    page = enveloped({"properties": {"items": {"type": "array", "items": ROW}}})
    paths = {
        "/a": {"get": operation("list", page), "put": operation("make", ROW)},
        "/a/{id}": {"delete": operation("delete", ROW)},
    }

    add_links(paths)

    found = links_of(paths["/a"]["get"])
    assert found["make"]["parameters"] == {}
    assert found["delete"]["parameters"] == {"id": "$response.body#/data/items/0/id"}


def test_an_answer_without_a_schema_leads_nowhere():
    paths = {"/a": {"get": {"operationId": "look", "responses": {"204": {}}}}}

    add_links(paths)

    assert paths == {"/a": {"get": {"operationId": "look", "responses": {"204": {}}}}}


@pytest.mark.parametrize(("route", "name", "link"), LINKS, ids=lambda part: str(part)[:60])
def test_a_link_names_an_operation_and_what_that_takes(route, name, link):
    target = BY_NAME[name]
    asked = {parameter["name"] for parameter in target.operation.get("parameters", ())}

    assert link["operationId"] == name
    assert link["parameters"].keys() <= asked if "parameters" in link else link["requestBody"]
    for expression in link.get("parameters", link.get("requestBody")).values():
        assert re.fullmatch(r"\$request\.path\.\w+|\$response\.body#[\w/]+", expression)
        if expression.startswith("$request.path."):
            assert f"{{{expression.rpartition('.')[2]}}}" in route.path


@pytest.mark.parametrize(
    ("route", "name", "link"),
    [(route, name, link) for route, name, link in LINKS if BY_NAME[name].method == "GET"],
    ids=lambda part: str(part)[:60],
)
def test_a_link_to_a_row_leads_to_it(route, name, link, api, acme):
    rows = make_rows(acme)
    answer = api.data(api.call(route.method, route.fill(rows), route.example))
    path, named = BY_NAME[name].path.replace("{org_id}", str(acme.pk)), ""
    for parameter, expression in link["parameters"].items():
        if expression.startswith("$response."):
            named = follow(expression, answer)
            path = path.replace(f"{{{parameter}}}", named)
    shown = api.get(path)

    assert shown.status_code == 200
    if shown["Content-Type"] == JSON:
        row = shown.json()["data"]
        assert "id" not in row or named in map(str, row.values())


def follow(expression, answer):
    for step in expression.removeprefix("$response.body#/data/").split("/"):
        answer = answer[int(step) if step.isdigit() else step]
    return answer


def test_what_is_settled_is_named_by_records_and_by_what_is_pulled():
    sources = {
        route.path: link["requestBody"] for route, name, link in LINKS if name == "ackIngressAction"
    }

    assert sources["/v1/orgs/{org_id}/actions/records/{id}"] == {
        "action_record_id": "$response.body#/data/id",
        "attempt": "$response.body#/data/state/attempt",
    }
    assert sources["/v1/sdk/{namespace}/pull"] == {
        "action_record_id": "$response.body#/data/items/0/action_record_id",
        "attempt": "$response.body#/data/items/0/attempt",
    }
    assert sources["/v1/orgs/{org_id}/actions/records"]["attempt"].endswith("0/state/attempt")


def test_every_row_that_can_be_named_is_led_to():
    led_to = {name for _, name, _ in LINKS}
    alone = {route.operation["operationId"] for route in ROUTES if route.names_rows} - led_to

    # By a user's id or an address, and an invite has but one of them.
    assert all("{identifier}" in BY_NAME[name].path for name in alone)
    assert len(alone) == 2
