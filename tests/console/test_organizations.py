"""Which organization is looked at: chosen in the sidebar, and left."""

from __future__ import annotations

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from orgs.models import ApiKey, Membership
from tests import factories

SWITCH = reverse("console:switch_org")
LEAVE = reverse("console:leave_org")
CHOICES = reverse("console:offer_orgs")
HOME = reverse("admin:index")
DESTINATIONS = reverse("admin:destinations_destination_changelist")


@pytest.fixture
def bea(acme, globex, client):
    """A viewer of acme and of globex, who is logged in."""
    factories.make_destination(acme, label="acme's hook")
    factories.make_destination(globex, label="globex's hook")
    member = factories.make_member(acme, "viewer", email="bea@people.example")
    globex.memberships.create(user=member.user, permissions=["viewer"])
    client.force_login(member.user)
    return member


def test_a_member_looks_at_one_of_their_organizations_at_a_time(bea, client, globex):
    page = client.get(DESTINATIONS).text
    assert "acme&#x27;s hook" in page
    assert "globex&#x27;s hook" not in page

    assert client.post(SWITCH, {"org": globex.pk, "from": DESTINATIONS}).url == DESTINATIONS

    page = client.get(DESTINATIONS).text
    assert "globex&#x27;s hook" in page
    assert "acme&#x27;s hook" not in page


def test_another_organization_is_not_there_to_be_chosen(bea, client):
    other = factories.make_org("Initech")

    for org in (other.pk, "0", "", "x", "9" * 30):
        assert client.post(SWITCH, {"org": org}).status_code == 404
    assert "Initech" not in client.get(HOME).text + client.get(CHOICES).text


def test_who_is_removed_while_looking_looks_at_what_is_left(bea, client, acme, globex):
    client.post(SWITCH, {"org": globex.pk})
    Membership.objects.filter(user=bea.user, org=globex).update(deleted_at=timezone.now())

    page = client.get(DESTINATIONS).text

    assert "acme&#x27;s hook" in page
    assert "globex&#x27;s hook" not in page
    assert client.post(SWITCH, {"org": globex.pk}).status_code == 404


@pytest.mark.parametrize(
    ("came_from", "leads_to"),
    [
        (DESTINATIONS, DESTINATIONS),
        (f"{DESTINATIONS}?destination=3", DESTINATIONS),
        # The page of a row, which may be another organization's afterwards.
        (f"{DESTINATIONS}3/change/", HOME),
        # What is no page of the console, or of this host.
        ("/accounts/keys/", HOME),
        ("https://evil.example/admin/", HOME),
        ("//evil.example/admin/", HOME),
        ("/admin/nothing/here/", HOME),
        ("", HOME),
    ],
)
def test_switching_leads_back_to_a_list_and_to_nothing_else(
    bea, client, globex, came_from, leads_to
):
    assert client.post(SWITCH, {"org": globex.pk, "from": came_from}).url == leads_to


def test_switching_takes_a_post_with_its_token(bea, globex):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(bea.user)

    assert strict.get(SWITCH, {"org": globex.pk}).status_code == 405
    assert strict.post(SWITCH, {"org": globex.pk}).status_code == 403
    assert strict.post(LEAVE, {"org": globex.pk}).status_code == 403


def test_staff_look_at_all_or_at_one(admin_client, acme, globex):
    for org in (acme, globex):
        factories.make_destination(org, label=f"{org.slug} hook")
    assert {"acme hook", "globex hook"} <= labels(admin_client)

    admin_client.post(SWITCH, {"org": globex.pk})
    assert labels(admin_client) == {"globex hook"}
    # There is one organization only: neither a column nor a filter of it.
    assert "org__id__exact" not in admin_client.get(DESTINATIONS).text

    admin_client.post(SWITCH, {"org": ""})
    assert {"acme hook", "globex hook"} <= labels(admin_client)


def labels(client):
    return {one.label for one in client.get(DESTINATIONS).context["cl"].result_list}


def test_an_organization_that_is_gone_is_not_looked_at_any_more(admin_client, acme, globex):
    factories.make_destination(acme, label="acme hook")
    admin_client.post(SWITCH, {"org": globex.pk})
    type(globex).objects.filter(pk=globex.pk).update(deleted_at=timezone.now())

    assert "acme hook" in labels(admin_client)


def test_staff_find_an_organization_by_how_its_name_starts(admin_client, acme, globex):
    for number in range(30):
        factories.make_org(f"Initech {number}")

    found = admin_client.get(CHOICES, {"name": "glo"}).text
    assert "Globex" in found
    assert "Acme" not in found
    many = admin_client.get(CHOICES, {"name": "ini"}).text
    assert many.count('name="org"') == 21
    assert "And more" in many
    assert admin_client.get(CHOICES, {"name": "\0"}).status_code == 200


def test_leaving_tells_what_it_means_and_then_ends_keys_and_sight(bea, client, acme, globex):
    factories.make_key(acme, member=bea)
    asked = client.get(LEAVE).text
    assert "Leave Acme?" in asked
    assert "Your API key there stops at once, for good." in asked

    answer = client.post(LEAVE, {"org": acme.pk}, follow=True)

    bea.refresh_from_db()
    assert bea.deleted_at
    assert ApiKey.objects.get().deleted_at
    assert "You have left Acme." in answer.text
    assert "globex&#x27;s hook" in client.get(DESTINATIONS).text


def test_who_leaves_their_only_organization_is_outside(client, acme):
    member = factories.make_member(acme)
    client.force_login(member.user)
    assert "your only organization" in client.get(LEAVE).text

    answer = client.post(LEAVE, {"org": acme.pk}, follow=True)

    assert answer.status_code == 403
    assert "a member of no organization" in answer.text


def test_the_last_owner_reads_why_they_stay(client, acme):
    owner = acme.memberships.get()
    client.force_login(owner.user)

    answer = client.post(LEAVE, {"org": acme.pk})

    assert answer.status_code == 409
    assert "make somebody else one first" in answer.text
    owner.refresh_from_db()
    assert owner.deleted_at is None


def test_nobody_leaves_another_organization_than_they_were_asked_about(bea, client, acme, globex):
    client.get(LEAVE)
    client.post(SWITCH, {"org": globex.pk})

    answer = client.post(LEAVE, {"org": acme.pk})

    assert answer.status_code == 409
    assert Membership.objects.of_user(bea.user_id).count() == 2


def test_staff_have_nothing_to_leave(admin_client, acme):
    assert admin_client.get(LEAVE).status_code == 404
    admin_client.post(SWITCH, {"org": acme.pk})
    assert admin_client.post(LEAVE, {"org": acme.pk}).status_code == 404


def test_what_is_looked_at_is_forgotten_with_the_session(bea, client, globex):
    client.post(SWITCH, {"org": globex.pk})
    client.post(reverse("admin:logout"))
    client.force_login(bea.user)

    assert "acme&#x27;s hook" in client.get(DESTINATIONS).text
    assert Session.objects.count() == 1
