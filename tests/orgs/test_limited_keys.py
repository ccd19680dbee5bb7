"""Keys that may less than their member act in their own organization only."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.conf import settings
from django.db.models.functions import Now

from orgs import permissions, services
from orgs.models import ApiKey, Organization, User
from tests import factories
from tests.client import ApiClient, codes
from tests.routes import ROUTES, make_rows

OF_THE_PERSON = [route for route in ROUTES if str(route) in permissions.OF_THE_PERSON]


def limited(org, *held, **fields):
    """A client whose key has limits, even if they leave it all that its member has."""
    limits = services.Limits(permissions=list(held) or ["owner"])
    return ApiClient(org, factories.make_key(org, limits=limits, **fields))


@pytest.fixture
def elsewhere(acme, globex):
    """Acme's owner is a member of globex as well."""
    user = acme.memberships.first().user
    return globex.memberships.create(user=user, permissions=["viewer"])


def test_all_that_acts_for_the_person_is_there():
    assert {str(route) for route in OF_THE_PERSON} == permissions.OF_THE_PERSON


@pytest.mark.parametrize("route", OF_THE_PERSON, ids=str)
def test_a_key_with_limits_does_not_act_for_its_person(route, acme):
    rows = make_rows(acme)
    factories.make_member(acme, "owner")
    organizations, invites = Organization.objects.count(), rows["invites/{invite_id}"]

    answer = limited(acme).call(route.method, route.fill(rows), route.example)

    assert (answer.status_code, codes(answer)) == (403, [("FORBIDDEN", None)])
    assert "without limits" in answer.json()["errors"][0]["message"]
    assert Organization.objects.count() == organizations
    assert not acme.memberships.filter(user__invites=invites).exclude(deleted_at=None).exists()
    assert "Not with a key that has limits." in route.operation["description"]


@pytest.mark.parametrize("held", ["viewer", "operator", "editor", "admin", "owner"])
def test_a_key_with_limits_sees_its_own_organization_only(acme, api, elsewhere, held):
    narrow = limited(acme, held)

    assert [item["name"] for item in narrow.data(narrow.get("/v1/orgs"))["items"]] == ["Acme"]
    shown = narrow.data(narrow.get("/v1/self"))
    assert [member["org_id"] for member in shown["memberships"]] == [str(acme.pk)]
    # One without sees all of them, as published.
    assert api.data(api.get("/v1/orgs"))["count"] == 2
    assert len(api.data(api.get("/v1/self"))["memberships"]) == 2


def test_a_key_that_is_bound_to_variants_sees_nobody(acme, elsewhere):
    bound = ApiClient(acme, factories.make_key(acme, limits=services.Limits(variants=["count"])))

    for path in ("/v1/orgs", "/v1/self", "/v1/self/invites"):
        assert bound.get(path).status_code == 403


def test_a_key_with_limits_captures_no_domain(acme, api):
    narrow, url = limited(acme, "admin"), "~/settings/domain"
    body = {"domain": "acme.example", "enabled": True}

    refused = narrow.post(url, body)

    assert (refused.status_code, codes(refused)) == (422, [("DOMAIN_NOT_YOURS", "/domain")])
    assert api.post(url, body).status_code == 200
    # It changes what there is.
    assert narrow.post(url, {"enabled": False}).status_code == 200


def test_a_key_with_limits_makes_none_without(acme, elsewhere):
    whole = limited(acme, "owner")

    made = whole.data(whole.put("~/keys", {"description": "child"}))

    child = ApiClient(acme, made["material"])
    assert made["permissions"] == sorted(permissions.INCLUDED["owner"])
    assert child.data(child.get("/v1/orgs"))["count"] == 1
    assert child.put("/v1/orgs", {"name": "Initech"}).status_code == 403


def test_a_key_from_before_the_address_was_shown_to_be_theirs_counts_as_one_with_limits(
    acme, api, elsewhere
):
    ApiKey.objects.update(created_at=Now() - timedelta(hours=1))
    newer = ApiClient(acme, factories.make_key(acme))
    invited = factories.make_invite(factories.make_org("Initech"), "owner@acme.example").invite

    # It goes on in its organization, and does nothing for whoever has the address.
    assert api.put("~/keys", {"description": "child"}).status_code == 200
    assert api.data(api.get("/v1/orgs"))["count"] == 1
    assert api.get("/v1/self/invites").status_code == 403
    assert api.post(f"/v1/self/invites/{invited.pk}/accept").status_code == 403
    assert newer.post(f"/v1/self/invites/{invited.pk}/accept").status_code == 200


def test_without_a_verified_address_a_key_is_as_good_as_any(acme, api, elsewhere):
    User.objects.update(email_verified_at=None)

    assert api.data(api.get("/v1/orgs"))["count"] == 2
    assert api.get("/v1/self/invites").status_code == 200


def test_the_documentation_says_what_they_do_not_do():
    section = (settings.BASE_DIR / "docs/permissions.md").read_text().partition("## Keys with")[2]

    assert set(re.findall(r"^- `(.+)`$", section, re.MULTILINE)) == permissions.OF_THE_PERSON
