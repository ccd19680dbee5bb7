"""Captive domains: whose they are, and who joins by them."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from orgs import domains, people
from orgs.models import CaptiveDomain, Organization, User
from tests import factories
from tests.client import ApiClient, codes

URL = "~/settings/domain"


def captured(org, domain, **fields):
    return CaptiveDomain.objects.create(
        org=org,
        **{"domain": domain, "default_permissions": ["viewer"], "enabled": True} | fields,
    )


def test_there_is_nothing_where_nothing_was_set(api, acme):
    assert api.data(api.get(URL)) == {
        "org_id": str(acme.pk),
        "default_permissions": [],
        "enabled": False,
        "domain": None,
        "github_org": None,
    }


def test_the_domain_is_ones_own_unless_one_says_otherwise(api, acme):
    body = {"default_permissions": ["editor"], "enabled": True}

    saved = api.data(api.post(URL, body))

    assert saved == {
        "org_id": str(acme.pk),
        "default_permissions": ["editor"],
        "enabled": True,
        "domain": "acme.example",
        "github_org": None,
    }
    assert api.data(api.get(URL)) == saved


def test_what_is_left_out_stays(api):
    api.post(URL, {"default_permissions": ["editor"], "enabled": True, "github_org": "acme-hq"})

    saved = api.data(api.post(URL, {"enabled": False}))

    assert (saved["default_permissions"], saved["github_org"]) == (["editor"], "acme-hq")
    assert (saved["domain"], saved["enabled"]) == ("acme.example", False)
    assert api.data(api.post(URL, {"github_org": None}))["github_org"] is None


def test_a_domain_is_given_back(api, acme):
    api.post(URL, {"enabled": True})

    saved = api.data(api.post(URL, {"domain": None, "enabled": False}))

    assert saved["domain"] is None
    assert codes(api.post(URL, {"enabled": True})) == [("DOMAIN_MISSING", "/domain")]
    assert api.data(api.post(URL, {"domain": "ACME.example"}))["domain"] == "acme.example"


@pytest.mark.parametrize(
    ("domain", "code"),
    [
        # Of no shape.
        ("", "DOMAIN_MISSING"),
        ("acme", "INVALID_DOMAIN"),
        ("acme..example", "INVALID_DOMAIN"),
        ("owner@acme.example", "INVALID_DOMAIN"),
        ("acme.example/", "INVALID_DOMAIN"),
        ("acme.example\n", "INVALID_DOMAIN"),
        ("åcme.example", "INVALID_DOMAIN"),
        ("-a.example", "INVALID_DOMAIN"),
        # Anybody's, and somebody else's.
        ("gmail.com", "DOMAIN_OPEN_TO_ALL"),
        ("GMX.de", "DOMAIN_OPEN_TO_ALL"),
        ("globex.example", "DOMAIN_NOT_YOURS"),
        ("sub.acme.example", "DOMAIN_NOT_YOURS"),
        ("example", "INVALID_DOMAIN"),
    ],
)
def test_a_domain_that_cannot_be_captured_is_422_with_the_reason(api, acme, domain, code):
    answer = api.post(URL, {"domain": domain, "enabled": True})

    assert answer.status_code == 422
    assert codes(answer) == [(code, "/domain")]
    assert not CaptiveDomain.objects.exists()


def test_who_has_an_address_where_all_have_one_captures_nothing(api, acme):
    User.objects.update(email="owner@gmail.com")

    assert api.data(api.post(URL, {"enabled": False}))["domain"] is None
    assert codes(api.post(URL, {"enabled": True})) == [("DOMAIN_MISSING", "/domain")]


def test_a_domain_belongs_to_one_organization(api, globex):
    captured(globex, "acme.example", enabled=False)

    answer = api.post(URL, {"enabled": True})

    assert (answer.status_code, codes(answer)) == (409, [("DOMAIN_TAKEN", "/domain")])


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"default_permissions": []}, "/default_permissions"),
        ({"default_permissions": ["emperor"]}, "/default_permissions/0"),
        ({"enabled": "yes"}, "/enabled"),
        ({"enabled": None}, "/enabled"),
        ({"github_org": "a/b"}, "/github_org"),
        ({"domain": 7}, "/domain"),
        ({"domain": "x" * 254}, "/domain"),
        ({"org_id": "1"}, "/org_id"),
    ],
)
def test_settings_of_the_wrong_shape_are_refused(api, body, pointer):
    answer = api.post(URL, body)

    assert answer.status_code == 400
    assert {at for _, at in codes(answer)} == {pointer}
    assert not CaptiveDomain.objects.exists()


def test_nobody_captures_a_domain_by_an_address_that_is_not_shown_to_be_theirs(api):
    User.objects.update(email_verified_at=None)

    for body in ({"enabled": True}, {"domain": "acme.example", "enabled": True}):
        answer = api.post(URL, body)
        assert answer.status_code == 422
        assert codes(answer)[0][0] in ("DOMAIN_MISSING", "DOMAIN_NOT_YOURS")
    assert not CaptiveDomain.objects.exists()


def test_an_admin_lets_no_owners_in(acme):
    member = factories.make_member(acme, "admin", email="admin@acme.example")
    admin = ApiClient(acme, factories.make_key(acme, member=member))

    answer = admin.post(URL, {"default_permissions": ["owner"], "enabled": True})

    assert codes(answer) == [("PERMISSION_TOO_HIGH", "/default_permissions")]
    assert not CaptiveDomain.objects.exists()
    assert admin.post(URL, {"default_permissions": ["admin"], "enabled": True}).status_code == 200


def test_an_admin_does_not_switch_on_what_an_owner_has_set(api, acme):
    api.post(URL, {"default_permissions": ["owner"], "enabled": False})
    member = factories.make_member(acme, "admin", email="admin@acme.example")
    admin = ApiClient(acme, factories.make_key(acme, member=member))

    assert admin.post(URL, {"enabled": True}).status_code == 403


def test_whoever_has_a_verified_address_there_joins_once(acme):
    captured(acme, "acme.example", default_permissions=["operator"])
    bob = factories.make_user("bob@acme.example")

    (member,) = people.join_by_domain(user=bob)

    assert (member.org, member.user, member.permissions) == (acme, bob, ["operator"])
    assert people.join_by_domain(user=bob) == []


@pytest.mark.parametrize(
    ("email", "verified"),
    [
        # Said, but not shown.
        ("bob@acme.example", False),
        # Somewhere near.
        ("bob@sub.acme.example", True),
        ("bob@notacme.example", True),
        ("bob@acme.example.com", True),
        ("acme.example@globex.example", True),
    ],
)
def test_nobody_else_joins(acme, email, verified):
    captured(acme, "acme.example")
    bob = factories.make_user(email, email_verified_at=Now() if verified else None)

    assert people.join_by_domain(user=bob) == []
    assert not bob.memberships.exists()


def test_nobody_joins_where_it_is_not_enabled_or_the_organization_is_gone(acme):
    row = captured(acme, "acme.example", enabled=False)
    bob = factories.make_user("bob@acme.example")
    assert people.join_by_domain(user=bob) == []
    CaptiveDomain.objects.update(enabled=True)
    Organization.objects.update(deleted_at=row.created_at)

    assert people.join_by_domain(user=bob) == []


def test_who_was_removed_is_not_taken_in_again(acme):
    captured(acme, "acme.example")
    bob = factories.make_user("bob@acme.example")
    (member,) = people.join_by_domain(user=bob)
    people.remove_member(member=member, held=["owner"], actor="tests")

    assert people.join_by_domain(user=bob) == []


def test_who_is_a_member_keeps_what_they_have(acme):
    captured(acme, "acme.example", default_permissions=["admin"])
    member = factories.make_member(acme, "viewer", email="bob@acme.example")

    assert people.join_by_domain(user=member.user) == []
    member.refresh_from_db()
    assert member.permissions == ["viewer"]


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"domain": None}, "captive_domain_when_enabled"),
        ({"default_permissions": ["emperor"]}, "captive_domain_permissions_known"),
        ({"domain": "globex.example"}, "domain"),
    ],
)
def test_the_database_refuses_settings_that_make_no_sense(acme, globex, fields, rule):
    captured(globex, "globex.example")

    with pytest.raises(IntegrityError, match=rule), transaction.atomic():
        captured(acme, **{"domain": "acme.example"} | fields)


def test_nobody_below_a_free_mailer_is_spoken_for():
    assert all(domains.DOMAIN.fullmatch(domain) for domain in domains.FREEMAIL)
