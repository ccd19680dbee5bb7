"""Permissions: every route with every permission, and one table that says which it needs."""

from __future__ import annotations

import itertools
import re

import pytest
from django.conf import settings
from django.db import IntegrityError, transaction

from orgs import permissions
from orgs.models import Permission
from tests import factories
from tests.client import codes
from tests.routes import DOCUMENT, GATEWAY_ROUTES, ROUTES

pytestmark = pytest.mark.usefixtures("walked")
PAGE = (settings.BASE_DIR / "docs/permissions.md").read_text()
every_route = pytest.mark.parametrize("route", ROUTES, ids=str)


def test_every_operation_is_in_the_table_and_nothing_else_is():
    # Whoever exchanges a key for a token has none yet.
    exchange = "POST /api/v1/gateway/token/exchange"

    assert {*map(str, ROUTES), *map(str, GATEWAY_ROUTES)} - {exchange} == set(permissions.NEEDED)


@every_route
def test_each_permission_opens_exactly_what_the_table_says(route, api, acme, ours):
    needed = permissions.NEEDED[str(route)]

    # The least first: what is allowed may change the rows.
    for held in ("", *reversed(Permission.values)):
        acme.memberships.filter(keys__isnull=False).update(permissions=[held] if held else [])

        answer = api.call(route.method, route.fill(ours), route.example)

        if needed is None or needed in permissions.INCLUDED.get(held, ()):
            # What the permission does not forbid, the service may: nobody gives what they lack.
            assert answer.status_code != 403 or ("FORBIDDEN", None) not in codes(answer), held
        else:
            assert answer.status_code == 403, held
            assert codes(answer) == [("FORBIDDEN", None)]
            message = f"This needs the permission '{needed}'."
            assert answer.json()["errors"][0]["message"] == message


def test_head_needs_what_get_needs(api, acme):
    acme.memberships.update(permissions=["operator"])

    assert api.call("HEAD", "~/keys").status_code == 403
    assert api.call("HEAD", "~/destinations").status_code == 200


def test_an_operation_that_is_not_in_the_table_is_refused_even_to_owners(api, monkeypatch):
    monkeypatch.delitem(permissions.NEEDED, "GET /v1/orgs/{org_id}/keys")

    answer = api.get("~/keys")

    assert (answer.status_code, codes(answer)) == (403, [("FORBIDDEN", None)])


def test_a_permission_that_there_is_not_opens_nothing_and_is_not_stored(acme):
    assert not permissions.allows(["emperor", "OWNER", ""], "viewer")
    assert permissions.all_of(["emperor"]) == set()
    with pytest.raises(IntegrityError, match="membership_permissions_known"), transaction.atomic():
        acme.memberships.update(permissions=["emperor"])


def test_several_permissions_add_up(api, acme):
    factories.make_definition(acme)
    acme.memberships.update(permissions=["editor", "operator"])

    assert api.post("/v1/ingress/count", {"input": {"n": 1}}).status_code == 200
    assert api.put("~/actions/definitions", {"variant": "b", "schema": {}}).status_code == 200
    assert api.get("~/keys").status_code == 403


def test_what_includes_another_opens_all_that_it_opens():
    for one, other in itertools.permutations(Permission.values, 2):
        if other in permissions.INCLUDED[one]:
            assert permissions.INCLUDED[other] <= permissions.INCLUDED[one]
    assert permissions.INCLUDED["owner"] == set(Permission.values)
    assert all(one in included for one, included in permissions.INCLUDED.items())
    assert set(permissions.INCLUDED) == set(permissions.MEANING) == set(Permission.values)


@pytest.mark.parametrize(
    ("held", "limit", "left"),
    [
        # No limit, a limit below, a limit above, and one that is beside.
        (["owner"], None, {"owner"}),
        (["owner"], ["operator"], {"operator", "viewer"}),
        (["viewer"], ["admin"], {"viewer"}),
        (["editor"], ["operator"], {"viewer"}),
        # Nothing is left of nothing.
        ([], ["owner"], set()),
        (["owner"], [], set()),
    ],
)
def test_a_limit_leaves_what_is_both_held_and_within_it(held, limit, left):
    assert set(permissions.narrow(held, limit)) == left


@pytest.mark.parametrize(
    ("held", "given", "beyond"),
    [
        (["owner"], ["owner", "viewer"], []),
        (["admin"], ["owner"], ["owner"]),
        (["admin"], ["admin", "editor", "operator"], []),
        (["editor"], ["operator"], ["operator"]),
    ],
)
def test_nobody_can_give_what_goes_beyond_what_they_hold(held, given, beyond):
    assert permissions.exceeding(held, given) == beyond


@every_route
def test_the_document_says_what_an_operation_needs(route):
    needed = permissions.NEEDED[str(route)]
    operation = route.operation

    assert operation["x-required-permission"] == (needed or "any")
    sentence = f"Needs the permission `{needed}`." if needed else "Needs a key, but no permission."
    assert operation["description"].endswith(sentence)


def test_the_documentation_has_the_table():
    written = dict(re.findall(r"^\| `([A-Z]+ /\S+)` \| (\S+) \|$", PAGE, re.MULTILINE))

    assert written == {name: needed or "any" for name, needed in permissions.NEEDED.items()}


def test_the_documentation_says_what_each_permission_includes():
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)

    assert {one: meaning for one, meaning, _ in rows} == permissions.MEANING
    for one, _, others in rows:
        included = permissions.INCLUDED[one] - {one}
        assert set(re.findall(r"`(\w+)`", others)) == included


def test_the_document_knows_every_permission():
    schema = DOCUMENT["components"]["schemas"]["ApiKey"]["properties"]["membership"]

    assert schema["properties"]["permissions"]["items"]["enum"] == Permission.values
