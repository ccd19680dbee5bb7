"""Who is asking: which keys open the API, and for what."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from orgs.models import ApiKey, Organization, User
from tests import factories
from tests.client import ApiClient, codes


@pytest.mark.parametrize(
    "key",
    [
        # None, and nothing much.
        None,
        "",
        " ",
        # Of the right shape, but nobody's.
        "api_" + "0" * 40,
        # Not of that shape.
        "secret",
        "api_é",
        "x" * 10_000,
    ],
)
def test_without_a_key_that_we_made_nobody_gets_in(acme, key):
    answer = ApiClient(acme, key).get("~/keys")

    assert answer.status_code == 401
    assert codes(answer) == [("UNAUTHORIZED", None)]
    assert answer["WWW-Authenticate"] == 'ApiKey header="x-arklow-auth", Bearer'


def test_the_stored_hash_is_no_key(acme):
    factories.make_key(acme)

    assert ApiClient(acme, bytes(acme.keys.get().hash).hex()).get("~/keys").status_code == 401


def test_space_around_a_key_does_not_matter(acme):
    assert ApiClient(acme, f" {factories.make_key(acme)} ").get("~/keys").status_code == 200


@pytest.mark.parametrize(
    ("seconds", "status"),
    [
        # Still good, and just over.
        (60, 200),
        (-1, 401),
    ],
)
def test_a_key_opens_the_api_until_it_expires(api, acme, seconds, status):
    acme.keys.update(expires_at=Now() + timedelta(seconds=seconds))

    assert api.get("~/keys").status_code == status


def test_a_deleted_key_does_not_open_the_api(api, acme):
    acme.keys.update(deleted_at=Now())

    assert api.get("~/keys").status_code == 401


def test_the_key_of_a_person_who_may_not_log_in_any_more_is_shut(api):
    User.objects.update(is_active=False)

    assert api.get("~/keys").status_code == 401


def test_the_keys_of_a_deleted_organization_are_shut(api):
    Organization.objects.update(deleted_at=Now())

    assert api.get("~/keys").status_code == 401


def test_a_member_without_the_permission_is_403(api, acme):
    acme.memberships.update(permissions=[])

    answer = api.get("~/keys")

    assert answer.status_code == 403
    assert codes(answer) == [("FORBIDDEN", None)]


def test_a_member_without_any_permission_may_still_ask_who_it_is(api, acme):
    factories.make_definition(acme)
    acme.memberships.update(permissions=[])

    assert api.get("/v1/self").status_code == 200
    assert api.post("/v1/ingress/count", {"input": {"n": 1}}).status_code == 403


def test_another_organization_is_404_and_looks_like_none(api, globex):
    theirs, nobodys = (api.get(f"/v1/orgs/{org_id}/keys") for org_id in (globex.pk, 10**15))

    assert theirs.status_code == nobodys.status_code == 404
    assert theirs.content.replace(str(globex.pk).encode(), b"?") == nobodys.content.replace(
        str(10**15).encode(), b"?"
    )


def test_a_person_in_two_organizations_has_a_key_for_each(api, acme, globex):
    user = acme.memberships.get().user
    globex.memberships.all().delete()
    globex.memberships.create(user=user, permissions=["owner"])
    other = ApiClient(globex, factories.make_key(globex))

    assert [other.get("~/keys").status_code, api.get("~/keys").status_code] == [200, 200]
    assert other.get(f"/v1/orgs/{acme.pk}/keys").status_code == 404


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        # The scheme's case does not matter.
        ("Bearer {key}", 400),
        ("bearer  {key}", 400),
        # Another scheme, no scheme, and another key.
        ("Basic {key}", 401),
        ("{key}", 401),
        ("Bearer", 401),
        ("Bearer api_nobody", 401),
    ],
)
def test_ingress_takes_the_key_as_a_bearer_token(acme, authorization, status):
    key = factories.make_key(acme)

    # 400 for the variant that is not there: whoever sees that is in.
    answer = ApiClient(acme, None).call(
        "POST", "/v1/ingress/none", {"input": 1}, Authorization=authorization.format(key=key)
    )

    assert answer.status_code == status


def test_only_ingress_takes_a_bearer_token(acme):
    key = factories.make_key(acme)

    assert ApiClient(acme, None).get("~/keys", Authorization=f"Bearer {key}").status_code == 401


def test_the_key_header_wins_over_the_bearer_token(acme):
    good = {"Authorization": f"Bearer {factories.make_key(acme)}"}

    answer = ApiClient(acme, "api_nobody").call("POST", "/v1/ingress/none", {"input": 1}, **good)

    assert answer.status_code == 401


def test_the_first_use_of_a_key_is_noted(api, acme):
    assert acme.keys.get().last_used_at is None

    api.get("~/keys")

    assert acme.keys.get().last_used_at is not None


@pytest.mark.parametrize(
    ("seconds_ago", "noted"),
    [
        # Too recent to be worth a write.
        (50, False),
        (70, True),
    ],
)
def test_the_use_of_a_key_is_noted_at_most_once_a_minute(api, acme, seconds_ago, noted):
    acme.keys.update(last_used_at=Now() - timedelta(seconds=seconds_ago))
    before = ApiKey.objects.get().last_used_at

    api.get("~/keys")

    assert (ApiKey.objects.get().last_used_at > before) is noted


def test_a_refused_key_is_not_noted_as_used(api, acme):
    acme.keys.update(expires_at=Now() - timedelta(seconds=60))

    api.get("~/keys")

    assert acme.keys.get().last_used_at is None


def test_finding_the_caller_is_one_query(api, django_assert_num_queries):
    api.get("/v1/self")

    # The caller, the person, and where the person is a member.
    with django_assert_num_queries(3):
        api.get("/v1/self")
