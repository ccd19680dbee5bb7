"""Versions that should not be used any more, and those that are to go."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from actions.models import ActionDefinition
from orgs.models import AuditEntry
from tests import factories
from tests.client import codes

BEGAN, ENDS = "2026-03-01T00:00:00+00:00", "2026-09-01T00:00:00+00:00"
MOMENTS = {"deprecated_at": BEGAN, "sunset_at": ENDS}


@pytest.fixture
def path(definition):
    return f"~/actions/definitions/{definition.pk}"


def put(api, **fields):
    body = {"variant": "count", "schema": factories.SCHEMA, **fields}
    return api.put("~/actions/definitions", body)


def moments(shown):
    return {name: shown[name] for name in MOMENTS}


def test_a_version_is_deprecated_and_is_so_no_longer(api, path, acme):
    assert moments(api.data(api.post(path, MOMENTS))) == MOMENTS
    assert moments(api.data(api.get(path))) == MOMENTS
    (entry,) = AuditEntry.objects.filter(kind="action definition", event="updated")
    assert entry.after.keys() == MOMENTS.keys()

    # What is not named stays.
    assert moments(api.data(api.post(path, {"description": "Counts."}))) == MOMENTS
    assert moments(api.data(put(api, sunset_at=None))) == MOMENTS | {"sunset_at": None}
    assert moments(api.data(api.post(path, {"deprecated_at": None})))["deprecated_at"] is None


def test_it_is_of_this_version_alone(api, path, definition):
    api.data(api.post(path, MOMENTS))

    newest = api.data(put(api, schema=True, sunset_at=ENDS))

    assert moments(newest) == {"deprecated_at": None, "sunset_at": ENDS}
    definition.refresh_from_db()
    assert definition.deprecated_at is not None


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ({}, {"deprecated_at": ENDS, "sunset_at": BEGAN}),
        ({"deprecated_at": ENDS}, {"sunset_at": BEGAN}),
        ({"sunset_at": BEGAN}, {"deprecated_at": ENDS}),
    ],
)
def test_it_does_not_go_before_it_is_deprecated(api, path, first, then):
    api.data(api.post(path, first))

    for refused in (api.post(path, then), put(api, **then)):
        assert refused.status_code == 422
        assert codes(refused) == [("INVALID_SUNSET", "/sunset_at")]
    kept = dict.fromkeys(MOMENTS) | first
    assert moments(api.data(api.get(path))) == kept


def test_the_database_keeps_the_rule(definition):
    with pytest.raises(IntegrityError), transaction.atomic():
        ActionDefinition.objects.update(deprecated_at=ENDS, sunset_at=BEGAN)
    ActionDefinition.objects.update(deprecated_at=ENDS, sunset_at=ENDS)


@pytest.mark.parametrize("value", ["yesterday", "2026-02-30T00:00:00Z", 7, ""])
def test_what_is_no_moment_is_400(api, path, value):
    assert api.post(path, {"deprecated_at": value}).status_code == 400
    assert put(api, sunset_at=value).status_code == 400
