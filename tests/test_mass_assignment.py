"""What only Waybill sets, sent along in every body: it is refused or ignored, on every route."""

from __future__ import annotations

import pytest

from tests.routes import ROUTES
from tests.stored import everything_stored

pytestmark = pytest.mark.usefixtures("walked")
NOBODYS = 10**15 + 7
MOMENT = "2001-02-03T04:05:06"
WITH_BODY = [route for route in ROUTES if route.takes_body]


def forged(org):
    """Columns that rows have, and that no client gives, with values to be found again."""
    ids = dict.fromkeys(("id", "pk", "key_id", "member_id", "user_id", "definition_id"), NOBODYS)
    times = dict.fromkeys(
        ("created_at", "updated_at", "deleted_at", "accepted_at", "last_used_at", "completed_at"),
        MOMENT + "Z",
    )
    theirs = dict.fromkeys(("org", "org_id", "organization", "organization_id"), str(org.pk))
    secrets = {"hash": "forged", "token_hash": "forged", "prefix": "forged", "is_superuser": True}
    return ids | times | theirs | secrets


def rows_of(org):
    """All that is stored of an organization, as text."""
    mark = f'"org_id": {org.pk},'
    return [row for rows in everything_stored().values() for row in rows if mark in row]


@pytest.mark.parametrize("route", WITH_BODY, ids=str)
def test_what_only_waybill_sets_no_body_changes(route, api, globex, ours):
    theirs = rows_of(globex)

    for name, value in forged(globex).items():
        if name not in route.example:
            answer = api.call(route.method, route.fill(ours), {**route.example, name: value})

            # The examples of settlements name no action of ours.
            assert answer.status_code in (200, 400, 404), (name, answer.content)

    stored = str(everything_stored())
    assert [mark for mark in (str(NOBODYS), MOMENT, "forged") if mark in stored] == []
    assert rows_of(globex) == theirs


def test_the_walk_sees_what_it_looks_for(acme):
    assert rows_of(acme)
    assert len(WITH_BODY) > 20
