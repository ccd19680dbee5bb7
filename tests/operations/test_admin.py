"""Chores in the admin, and what of them stands on its first page."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from operations import chores
from operations.chores import Report
from operations.models import Chore
from tests import factories

INDEX = reverse("admin:index")
LIST = reverse("admin:operations_chore_changelist")


def page_of(client, url):
    return client.get(url).content.decode()


@pytest.fixture
def trouble(db):
    """A chore that went well, and one that did not."""
    chores.run("delete_payloads", lambda: Report({"deleted": 3, "named": [1, 2]}))
    chores.run("reconcile", lambda: Report({"sound": False}, "Action 7 is lost.\nSo is 8 <b>."))


def test_chores_are_listed_with_what_came_of_them(admin_client, trouble):
    Chore.objects.create(name="drop_partitions")

    page = page_of(admin_client, LIST)

    for part in ("delete payloads", "deleted 3", "named 2", "well", "reconcile", "drop partitions"):
        assert part in page
    assert '<div class="waybill-trouble">Action 7 is lost.</div>' in page
    assert "So is 8 &lt;b&gt;." in page


def test_a_chore_shows_all_that_is_wrong(admin_client, db):
    long = "x" * 500
    chores.run("reconcile", lambda: Report({"sound": False}, long))

    page = page_of(admin_client, reverse("admin:operations_chore_change", args=["reconcile"]))

    assert long in page
    assert "&quot;sound&quot;: false" in page
    assert f"{'x' * 120}…" in page_of(admin_client, LIST)


def test_nobody_writes_chores(admin_client, trouble):
    change = reverse("admin:operations_chore_change", args=["reconcile"])
    delete = reverse("admin:operations_chore_delete", args=["reconcile"])

    assert admin_client.post(change, {"trouble": ""}).status_code == 403
    assert admin_client.post(delete).status_code == 403
    assert admin_client.get(reverse("admin:operations_chore_add")).status_code == 403


def test_the_first_page_tells_what_calls_for_somebody(admin_client, trouble):
    page = page_of(admin_client, INDEX)

    assert "Action 7 is lost." in page
    assert reverse("admin:operations_chore_change", args=["reconcile"]) in page
    assert "Delete payloads" not in page


def test_the_first_page_is_silent_when_nothing_does(admin_client, db):
    chores.run("delete_payloads", Report)

    assert "Nothing does." in page_of(admin_client, INDEX)


def test_the_first_page_tells_that_no_worker_runs(admin_client, trouble):
    assert "No worker" not in page_of(admin_client, INDEX)
    Chore.objects.update(began_at=timezone.now() - timedelta(hours=1))

    assert "No worker has run a chore since" in page_of(admin_client, INDEX)


def test_the_first_page_tells_what_waits_for_no_reason(admin_client, acme, definition, trouble):
    late = timezone.now() - timedelta(hours=1)
    factories.move(factories.make_record(acme), available_at=late)

    page = page_of(admin_client, INDEX)

    assert "An action has been due for 3," in page
    assert reverse("admin:dispatch_lane_changelist") in page


def test_the_first_page_tells_nothing_to_those_who_may_not_look(client, acme, trouble):
    user = acme.memberships.get().user
    user.is_staff = True
    user.save()
    user.user_permissions.set(Permission.objects.filter(codename="view_actionrecord"))
    client.force_login(user)

    page = page_of(client, INDEX)

    assert "Needs a person" in page
    assert "Action 7 is lost." not in page
