"""Who looks at what, and what they may do there: by the API's own table."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.models import Permission as DjangoPermission
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from destinations.models import Destination
from orgs import permissions, rights, viewers
from orgs.models import Membership, Permission, User
from orgs.viewers import LOOKED_AT, viewer_of
from tests import factories

REPLAY = "POST /v1/orgs/{org_id}/actions/records/{id}/replay"
RENAME = "POST /v1/orgs/{org_id}"
LEAVE = "DELETE /v1/orgs/{org_id}/members/self"


@pytest.fixture
def ask(rf):
    """A request of somebody's, who looks at this organization."""

    def make(user, org=None):
        request = rf.get("/admin/")
        request.user, request.session = user, {LOOKED_AT: org.pk} if org else {}
        return request

    return make


@pytest.fixture
def staff(db):
    """Somebody of the staff who was given nothing yet."""
    return User.objects.create_user("staff@people.example", is_staff=True)


def give(user, name):
    app, codename = name.split(".")
    user.user_permissions.add(
        DjangoPermission.objects.get(content_type__app_label=app, codename=codename)
    )
    # Django remembers what a user may do.
    return User.objects.get(pk=user.pk)


@pytest.mark.parametrize("operation", permissions.NEEDED)
@pytest.mark.parametrize("held", Permission.values)
def test_a_member_may_do_what_the_api_lets_them_do(ask, acme, operation, held):
    viewer = viewer_of(ask(factories.make_member(acme, held).user))
    needed = permissions.NEEDED[operation]

    assert viewer.may(operation) == (needed is None or permissions.allows([held], needed))


def test_a_member_looks_at_the_first_of_their_organizations_unless_they_say(ask, acme, globex):
    user = factories.make_member(globex, "operator").user
    Membership.objects.create(org=acme, user=user, permissions=["viewer"])

    first, other = viewer_of(ask(user)), viewer_of(ask(user, globex))

    assert (first.org, first.held, first.org_ids) == (acme, ("viewer",), [acme.pk])
    assert (other.org, other.held, other.org_ids) == (globex, ("operator",), [globex.pk])
    assert not first.may(REPLAY)
    assert other.may(REPLAY)


@pytest.mark.parametrize("gone", ["membership", "organization"])
def test_what_is_over_is_not_looked_at(ask, acme, globex, gone):
    member = factories.make_member(globex)
    rows = Membership.objects if gone == "membership" else type(globex).objects
    rows.filter(pk=member.pk if gone == "membership" else globex.pk).update(
        deleted_at=timezone.now()
    )
    viewer = viewer_of(ask(member.user, globex))

    assert (viewer.org, viewer.member, viewer.held, viewer.org_ids) == (None, None, (), [])
    assert not viewer.may(LEAVE)
    assert not viewers.may_enter(ask(member.user, globex))


def test_rows_are_narrowed_to_what_is_looked_at(ask, acme, globex, staff):
    ours, theirs = factories.make_destination(acme), factories.make_destination(globex)
    rows = Destination.objects.all()
    member = factories.make_member(acme).user
    nobody = factories.make_user("nobody@people.example")

    assert set(viewer_of(ask(member, globex)).narrow(rows)) == {ours}
    assert set(viewer_of(ask(member)).narrow(rows, "org__pk")) == {ours}
    assert set(viewer_of(ask(staff)).narrow(rows)) == {ours, theirs}
    assert set(viewer_of(ask(staff, globex)).narrow(rows)) == {theirs}
    assert set(viewer_of(ask(nobody)).narrow(rows)) == set()
    assert viewer_of(ask(staff)).org_ids is None


@pytest.mark.parametrize("operation", permissions.NEEDED)
def test_staff_may_do_what_they_were_given(ask, staff, operation):
    assert not viewer_of(ask(staff)).may(operation)
    asked = rights.STAFF_NEEDS.get(operation)

    if asked:
        assert viewer_of(ask(give(staff, asked))).may(operation)
    boss = User.objects.create_superuser("boss@people.example")
    assert viewer_of(ask(boss)).may(operation)


def test_every_permission_of_the_table_is_there(db):
    known = {
        f"{one.content_type.app_label}.{one.codename}"
        for one in DjangoPermission.objects.select_related("content_type")
    }

    assert set(rights.OPERATIONS) <= known
    assert set(rights.STAFF_NEEDS.values()) <= known
    assert set(rights.OPERATIONS.values()) <= set(permissions.NEEDED)
    assert set(rights.STAFF_NEEDS) <= set(permissions.NEEDED)


def test_what_staff_need_no_permission_for_is_listed():
    """Those are a superuser's; the console has no page for most of them."""
    no_permission = set(permissions.NEEDED) - set(rights.STAFF_NEEDS)

    assert no_permission == {
        # The person behind a key, and organizations themselves.
        "GET /v1/self",
        "GET /v1/self/invites",
        "POST /v1/self/invites/{invite_id}/accept",
        "GET /v1/orgs",
        "PUT /v1/orgs",
        "GET /v1/orgs/{org_id}",
        "POST /v1/orgs/{org_id}",
        "DELETE /v1/orgs/{org_id}/members/self",
        "GET /v1/orgs/{org_id}/settings/retention",
        "POST /v1/orgs/{org_id}/settings/retention",
        "GET /v1/orgs/{org_id}/billing",
        # Plans are made and applied over the API.
        "POST /v1/orgs/{org_id}/config/revisions",
        "POST /v1/orgs/{org_id}/config/revisions/{id}/apply",
        # The gateway's own face, and what workers call.
        *("POST /api/v1/gateway/actions", "POST /api/v1/gateway/actions/{name}/execute"),
        *("PUT /api/v1/gateway/actions/{name}", "DELETE /api/v1/gateway/actions/{name}"),
        *("POST /v1/ack", "POST /v1/nack", "POST /v1/modack"),
        *("POST /v1/sdk/{namespace}/pull", "POST /v1/sdk/ack"),
    }


def test_what_nobody_asked_the_viewer_about_is_refused(acme):
    member = factories.make_member(acme, "owner").user

    assert not member.has_perm("destinations.view_destination")
    assert not member.has_module_perms("destinations")


def test_django_is_answered_by_the_membership_that_is_looked_at(ask, acme, globex):
    user = factories.make_member(acme, "viewer").user
    Membership.objects.create(org=globex, user=user, permissions=["editor"])
    request = ask(user)
    viewer_of(request)
    assert user.has_perm("destinations.view_destination")
    assert not user.has_perm("destinations.add_destination")
    assert user.has_module_perms("destinations")
    assert not user.has_module_perms("socialaccount")
    assert not user.has_perm("orgs.view_user")

    viewer_of(ask(user, globex))

    assert user.has_perm("destinations.add_destination")


def test_rights_in_djangos_tables_open_nothing_for_members(ask, acme):
    user = give(factories.make_member(acme).user, "orgs.view_user")
    viewer_of(ask(user))

    assert not user.has_perm("orgs.view_user")


def test_who_is_not_active_may_nothing(ask, acme):
    user = factories.make_member(acme, "owner").user
    user.is_active = False
    request = ask(user)
    viewer_of(request)

    assert not viewers.may_enter(request)
    assert not viewers.is_let_in(user)
    assert not user.has_perm("destinations.view_destination")
    assert not user.has_module_perms("destinations")


def test_a_superuser_who_is_not_of_the_staff_stays_outside(ask, acme):
    user = factories.make_member(acme, is_superuser=True).user

    assert not viewers.may_enter(ask(user))
    assert not viewers.is_let_in(user)


def test_nobody_in_particular_looks_at_nothing(ask):
    assert not viewers.may_enter(ask(AnonymousUser()))
    with pytest.raises(PermissionDenied):
        viewer_of(ask(AnonymousUser()))


def test_what_is_required_is_refused_to_others(ask, acme):
    viewer_of(ask(factories.make_member(acme, "operator").user)).require(REPLAY)
    with pytest.raises(PermissionDenied):
        viewer_of(ask(factories.make_member(acme, "admin").user)).require(RENAME)


def test_a_viewer_costs_one_query_and_is_found_once(ask, acme, django_assert_num_queries):
    request = ask(factories.make_member(acme).user)

    with django_assert_num_queries(1):
        viewer = viewer_of(request)
        assert viewer.member.org.name == "Acme"
        assert viewer_of(request) is viewer


def test_who_logs_in_in_between_is_another_viewer(ask, acme, staff):
    request = ask(factories.make_member(acme).user)
    viewer_of(request)
    request.user = staff

    assert viewer_of(request).is_staff
