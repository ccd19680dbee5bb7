"""What holds for every route of the gateway. The routes come from the URLconf, the promises from
the OpenAPI document: a new one is covered here by itself."""

from __future__ import annotations

import copy

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from config.openapi import TAGS
from gateway.views import GatewayView
from orgs import permissions
from orgs.models import Permission
from tests import factories
from tests.gateway.client import PREFIX, Gateway, send
from tests.routes import DOCUMENT, GATEWAY_ROUTES
from tests.stored import everything_stored

PUBLISHED = {
    "POST /token/exchange": ("exchangeToken", "200", []),
    "GET /actions": ("listActions", "200", [{"authorization": []}]),
    "POST /actions": ("createAction", "201", [{"authorization": []}]),
    "GET /actions/{name}": ("getAction", "200", [{"authorization": []}]),
    "PUT /actions/{name}": ("updateAction", "200", [{"authorization": []}]),
    "DELETE /actions/{name}": ("deleteAction", "200", [{"authorization": []}]),
    # Ours.
    "POST /actions/{name}/execute": ("executeAction", "200", [{"authorization": []}]),
}
# What else is published for each.
REFUSALS = {
    "exchangeToken": {"400", "401"},
    "listActions": {"401"},
    "createAction": {"400", "401", "409"},
    "getAction": {"401", "404"},
    "updateAction": {"400", "401", "404"},
    "deleteAction": {"401", "404"},
    "executeAction": {"202", "400", "401", "404", "409"},
}
every_route = pytest.mark.parametrize("route", GATEWAY_ROUTES, ids=str)
with_token = pytest.mark.parametrize(
    "route", [route for route in GATEWAY_ROUTES if "exchange" not in route.path], ids=str
)


def path_of(route, name="send_note"):
    return route.path.removeprefix(PREFIX).replace("{name}", name)


def documented(answer, route):
    """Check an answer against what the document says of its status."""
    schema = route.operation["responses"][str(answer.status_code)]["content"]["application/json"]
    Draft202012Validator(
        {**schema["schema"], "components": DOCUMENT["components"]}, format_checker=FormatChecker()
    ).validate(answer.json())
    assert answer["Content-Type"] == "application/json"
    assert answer["RateLimit-Policy"]


def body_of(route, hook=None):
    """The example of the document, with a webhook that is there."""
    body = copy.deepcopy(route.example)
    if hook and body and "webhook_url" in body:
        body |= {"webhook_url": hook.url}
    return body


def test_the_routes_are_the_published_ones():
    named = {f"{route.method} {path_of(route, '{name}')}" for route in GATEWAY_ROUTES}

    assert named == set(PUBLISHED)
    assert all(issubclass(route.view, GatewayView) for route in GATEWAY_ROUTES)


@every_route
def test_an_operation_is_documented_as_published(route):
    name, status, security = PUBLISHED[f"{route.method} {path_of(route, '{name}')}"]
    operation = route.operation

    assert (operation["operationId"], operation["security"]) == (name, security)
    assert operation["tags"] == ["gateway"]
    assert "gateway" in TAGS
    assert {status, *REFUSALS[name], "429", "500", "503"} <= set(operation["responses"])
    assert operation["summary"]
    assert operation["description"].endswith(".")
    for code, response in operation["responses"].items():
        schema = response["content"]["application/json"]["schema"]
        assert code in (status, "202") or schema == {"$ref": "#/components/schemas/GatewayError"}


@with_token
def test_without_a_token_it_is_401_with_and_without_a_slash(route, db):
    for path in (path_of(route), path_of(route) + "/"):
        answer = send(route.method, path, route.example, Accept="text/html")

        assert (answer.status_code, answer.json()) == (401, {"error": "Invalid token"})
        documented(answer, route)


@every_route
def test_with_a_token_it_answers_as_documented(route, gateway, action, hook, acme):
    body = body_of(route, hook)
    if "exchange" in route.path:
        body = {"api_token": factories.make_key(acme)}

    answer = gateway.call(route.method, path_of(route), body)

    # The example of a new action is the one that is there.
    assert answer.status_code in (200, 409)
    documented(answer, route)


@every_route
def test_refusals_are_documented(route, gateway, settings):
    for body in (b"{", b"[]", b"{}", b" " * (settings.MAX_BODY_BYTES + 1)):
        answer = gateway.call(route.method, path_of(route, "nothing"), body)

        assert answer.status_code in (200, 400, 404, 413)
        documented(answer, route)
    settings.GATEWAY_REQUESTS_PER_HOUR = 1
    if "exchange" not in route.path:
        documented(gateway.call(route.method, path_of(route)), route)


@with_token
def test_another_tenant_reaches_nothing(route, gateway, action, globex, hook):
    factories.make_signing_key(globex)
    stranger = Gateway(factories.make_key(globex))
    hook.answer.set_status(500)
    before = everything_stored()

    answer = stranger.call(route.method, path_of(route), body_of(route, hook))

    assert answer.status_code in (200, 400, 404)
    documented(answer, route)
    assert action["id"] not in answer.content.decode()
    none = stranger.call(route.method, path_of(route, "nothing"), body_of(route, hook))
    assert answer.content == none.content
    assert everything_stored() == before


@with_token
def test_each_permission_opens_exactly_what_the_table_says(route, gateway, action, acme, hook):
    needed = permissions.NEEDED[str(route)]
    for held in reversed(Permission.values):
        acme.memberships.update(permissions=[held])

        answer = gateway.call(route.method, path_of(route), body_of(route, hook))

        assert (answer.status_code != 403) == (needed in permissions.INCLUDED[held]), held


@with_token
def test_without_the_permission_it_is_403(route, gateway, action, acme):
    acme.memberships.update(permissions=[])
    before = everything_stored()

    answer = gateway.call(route.method, path_of(route), route.example)

    assert (answer.status_code, answer.json()["error"]) == (403, "Permission denied")
    documented(answer, route)
    assert everything_stored() == before
