"""What holds for every route of the API. The routes come from the URLconf: a new one is covered
here by itself, and says so when its rows or its example are missing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from jsonschema import Draft202012Validator, FormatChecker

from actions.models import ActionDefinition
from config.api import JSON, LINES, ApiView
from orgs import permissions
from orgs.models import Organization
from tests import factories
from tests.client import ApiClient, codes
from tests.routes import DOCUMENT, INPUT, PATHS, ROUTES, ROWS, make_rows
from tests.stored import everything_stored

pytestmark = pytest.mark.usefixtures("walked")
NOBODYS = 10**15
every_route = pytest.mark.parametrize("route", ROUTES, ids=str)
ORG_ROUTES = [route for route in ROUTES if "{org_id}" in route.path]
org_routes = pytest.mark.parametrize("route", ORG_ROUTES, ids=str)
row_routes = pytest.mark.parametrize(
    "route", [route for route in ROUTES if route.names_rows], ids=str
)


def documented(answer: Any, operation: dict[str, Any]) -> None:
    """Check an answer against what the document says of its status."""
    content = operation["responses"][str(answer.status_code)]["content"]
    ((media_type, described),) = content.items()
    assert answer["Content-Type"] in (media_type, f"{media_type}; charset=utf-8")
    validator = Draft202012Validator(
        {**described["schema"], "components": DOCUMENT["components"]},
        format_checker=FormatChecker(),
    )
    values = list(read_values(answer, media_type))
    assert values
    for value in values:
        validator.validate(value)


def read_values(answer: Any, media_type: str) -> Iterator[Any]:
    """What an answer holds, as the document sees it."""
    if media_type == LINES:
        yield from map(orjson.loads, answer.getvalue().splitlines())
    else:
        yield orjson.loads(answer.content) if media_type == JSON else answer.content.decode()


def shown_ids(node: Any) -> set[Any]:
    """All that an answer holds, at whatever depth."""
    if isinstance(node, dict | list):
        values = node.values() if isinstance(node, dict) else node
        return set().union(*map(shown_ids, values))
    return {node}


def without(answer: Any, rows: dict[str, Any]) -> str:
    """The answer's text with the rows' ids made alike."""
    text = answer.content.decode()
    for row in sorted(map(str, rows.values()), key=len, reverse=True):
        text = text.replace(row, "?")
    return text


def test_every_path_of_the_api_is_ours_and_there_once():
    paths = [path for path, _ in PATHS]

    assert len(ROUTES) > 20
    assert len(paths) == len(set(paths))
    assert all(issubclass(entry.callback.view_class, ApiView) for _, entry in PATHS)


@every_route
def test_without_a_key_it_is_401_in_json_with_and_without_a_slash(route):
    stranger = ApiClient(Organization(pk=1), None)
    path = route.fill(dict.fromkeys(ROWS, 1))

    for address in (path, path + "/"):
        answer = stranger.call(route.method, address, route.example, Accept="text/html")

        assert answer.status_code == 401
        assert codes(answer) == [("UNAUTHORIZED", None)]
        documented(answer, route.operation)


@every_route
def test_with_a_key_and_rows_of_ones_own_it_answers_as_documented(route, api, ours):
    answer = api.call(route.method, route.fill(ours), route.example)

    # The examples of settlements name no action of ours, and rows in use are not deleted.
    refusals = {"POST": (404, 409), "DELETE": (409,)}
    assert answer.status_code in (200, *refusals.get(route.method, ()))
    documented(answer, route.operation)


@org_routes
def test_with_the_key_of_another_organization_it_is_404_as_if_there_were_none(route, api, theirs):
    nobodys = {**theirs, "orgs": NOBODYS}
    before = everything_stored()

    answer = api.call(route.method, route.fill(theirs), route.example)

    assert answer.status_code == 404
    assert codes(answer) == [("NOT_FOUND", None)]
    none = api.call(route.method, route.fill(nobodys), route.example)
    assert without(answer, theirs) == without(none, nobodys)
    assert everything_stored() == before


@row_routes
def test_a_row_of_another_organization_is_404_as_if_there_were_none(route, api, ours, theirs):
    # Each row of the path in turn, the others being our own.
    for word in [word for word in ours if word != "orgs" and f"/{word}/{{" in route.path]:
        mixed, nobodys = {**ours, word: theirs[word]}, {**ours, word: NOBODYS}
        before = everything_stored()

        answer = api.call(route.method, route.fill(mixed), route.example)

        assert answer.status_code == 404, word
        assert codes(answer) == [("NOT_FOUND", None)]
        none = api.call(route.method, route.fill(nobodys), route.example)
        assert without(answer, mixed) == without(none, nobodys)
        assert everything_stored() == before


@pytest.mark.parametrize(
    "route", [route for route in ROUTES if "{org_id}" not in route.path], ids=str
)
def test_a_route_without_an_organization_in_its_path_reaches_only_the_keys_own(route, api, theirs):
    body = route.example
    for part in (body, *(body or {}).get("actions", ())):
        if part and "variant" in part:
            part["variant"] = theirs["ingress"]
        if part and "action_record_id" in part:
            part["action_record_id"] = str(theirs["records"])
    before = everything_stored()

    answer = api.call(route.method, route.fill(theirs), body)

    documented(answer, route.operation)
    # What makes an organization makes one of one's own.
    assert everything_stored() == before or str(route) == "PUT /v1/orgs"
    assert str(theirs["orgs"]) not in shown_ids(answer.json())


def test_a_member_without_the_permission_is_403_everywhere(api, acme, ours):
    acme.memberships.update(permissions=[])
    before = everything_stored()

    for route in [route for route in ROUTES if permissions.NEEDED[str(route)]]:
        answer = api.call(route.method, route.fill(ours), route.example)

        assert answer.status_code == 403, route
        assert codes(answer) == [("FORBIDDEN", None)]
        documented(answer, route.operation)
    assert everything_stored() == before


def test_a_method_that_a_path_does_not_have_is_405(api, ours):
    there = {(route.path, route.method) for route in ROUTES}

    for route in ROUTES:
        for method in ("GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"):
            if (route.path, method) not in there:
                answer = api.call(method, route.fill(ours))

                assert answer.status_code == 405, (method, route.path)
                assert codes(answer) == [("METHOD_NOT_ALLOWED", None)]


@pytest.mark.parametrize("route", [route for route in ROUTES if route.is_list], ids=str)
def test_a_list_takes_the_same_queries_for_any_number_of_rows(route, api, acme, ours):
    path = route.fill(ours)
    assert api.data(api.get(path))["count"] >= 1
    with CaptureQueriesContext(connection) as few:
        api.get(path)
    for number in range(4):
        make_rows(acme, f"variant {number}")
        factories.make_record(acme, "send_email", input=INPUT, tags={"n": str(number)})
        definition = ActionDefinition.objects.get(pk=ours["definitions"])
        factories.make_sender(definition, f"somebody {number}")
    with CaptureQueriesContext(connection) as many:
        page = api.data(api.get(path))

    assert page["count"] >= 5
    assert len(many) == len(few), "\n".join(query["sql"] for query in many)
    assert len(many) <= 8
