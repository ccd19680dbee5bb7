"""`/v1/self`: the person behind the key."""

from __future__ import annotations

from django.db.models.functions import Now

from orgs.models import Membership


def test_self_is_the_person_behind_the_key(api, acme):
    user = acme.memberships.get().user

    assert api.data(api.get("/v1/self")) == {
        "id": str(user.pk),
        "name": "Acme's owner",
        "email": "owner@acme.example",
        "memberships": [{"org_id": str(acme.pk), "permissions": ["owner"]}],
        "deleted_at": None,
    }


def test_self_is_a_member_of_live_organizations_only(api, acme, globex):
    user = acme.memberships.get().user
    Membership.objects.create(org=globex, user=user, permissions=[])
    both = api.data(api.get("/v1/self"))["memberships"]
    globex.deleted_at = Now()
    globex.save()

    one = api.data(api.get("/v1/self"))["memberships"]

    assert [member["org_id"] for member in both] == [str(acme.pk), str(globex.pk)]
    assert both[1]["permissions"] == []
    assert [member["org_id"] for member in one] == [str(acme.pk)]
