"""Lanes in the admin: why nothing moves, and the caps."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from dispatch import gauges, lane_admin
from dispatch.models import Lane, LaneUse, Status
from tests import factories
from tests.dispatch.claiming import claim

LIST = reverse("admin:dispatch_lane_changelist")


def lane_url(lane, name="change"):
    return reverse(f"admin:dispatch_lane_{name}", args=[lane.pk])


def destination_url(destination, name="change"):
    return reverse(f"admin:destinations_destination_{name}", args=[destination.pk])


def page_of(client, url, query=None):
    return client.get(url, query or {}).content.decode()


def caps(running="", unsettled=""):
    return {
        "running_cap": running,
        "unsettled_cap": unsettled,
        "uses-TOTAL_FORMS": "0",
        "uses-INITIAL_FORMS": "0",
    }


@pytest.fixture
def record(acme, definition):
    return factories.make_record(acme, tags={"tenant": "initech"})


@pytest.fixture
def lane(record):
    return record.lane


@pytest.fixture
def onlooker(client, acme):
    """The client of somebody who may look at everything and change nothing."""
    user = acme.memberships.get().user
    user.is_staff = True
    user.save()
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(user)
    return client


def test_a_page_of_lanes_takes_the_same_queries_for_any_number(
    admin_client, acme, record, django_assert_num_queries
):
    factories.move(record, status=Status.RUNNING)
    with django_assert_num_queries(4) as few:
        page = page_of(admin_client, LIST)
    for number in range(5):
        factories.make_record(acme, tags={"number": str(number)})

    assert "1 / 4" in page
    assert "tenant=initech" in page
    with django_assert_num_queries(len(few)):
        assert "number=4" in page_of(admin_client, LIST)


def test_a_lane_tells_why_nothing_moves(admin_client, lane, webhook, definition):
    reason = "opened for 8 s: no answer in time"
    until = timezone.now() + timedelta(minutes=1)
    Lane.objects.update(reason=reason, opened=3, paused_until=until, running_limit=77)
    later = timezone.now() + timedelta(hours=1)
    factories.make_records(lane, definition, 6, status="scheduled", available_at=later)

    page = page_of(admin_client, lane_url(lane))

    for part in (reason, "Paused until", "paused", "0 / 77", "tenant=initech", "count"):
        assert part in page
    assert f"{later:%Y-%m-%d %H:%M:%S}" in page
    assert reason in page_of(admin_client, LIST)


def test_a_lane_that_is_not_there_is_not_found(admin_client, lane):
    missing = reverse("admin:dispatch_lane_change", args=[lane.pk + 1])

    assert admin_client.get(missing).status_code == 302


@pytest.mark.parametrize(
    ("columns", "state"),
    [({}, "running"), ({"running_cap": 0}, "paused"), ({"opened": 1}, "probing")],
)
def test_lanes_are_found_by_their_state(admin_client, lane, columns, state):
    Lane.objects.update(**columns)

    for asked in (*gauges.State, "nonsense"):
        shown = list(admin_client.get(LIST, {"state": asked}).context["cl"].result_list)
        assert shown == ([lane] if asked in (state, "nonsense") else [])


def test_a_cap_is_set_and_lifted_with_the_operators_name(admin_client, admin_user, lane):
    assert admin_client.post(lane_url(lane), caps(running="0")).status_code == 302

    lane.refresh_from_db()
    assert (lane.running_cap, lane.unsettled_cap, lane.revision) == (0, None, 1)
    assert lane.reason == f"running cap set to 0 by {admin_user.email}"
    assert claim() == []
    assert "Its running cap is 0" in page_of(admin_client, lane_url(lane))
    assert "capped at 0" in page_of(admin_client, LIST)

    admin_client.post(lane_url(lane), caps(unsettled="50"))
    lane.refresh_from_db()
    assert (lane.running_cap, lane.unsettled_cap, lane.revision) == (None, 50, 2)
    assert len(claim()) == 1


def test_saving_an_unchanged_lane_changes_nothing(admin_client, lane):
    admin_client.post(lane_url(lane), caps())

    lane.refresh_from_db()
    assert (lane.revision, lane.reason) == (0, "")


@pytest.mark.parametrize("value", ["-1", "many", "1.5", str(2**31)])
def test_a_cap_that_is_none_is_refused_at_its_field(admin_client, lane, value):
    response = admin_client.post(lane_url(lane), caps(running=value))

    assert response.status_code == 200
    assert "running_cap" in response.context["adminform"].form.errors
    lane.refresh_from_db()
    assert (lane.running_cap, lane.revision) == (None, 0)


def test_nothing_else_of_a_lane_can_be_written(admin_client, lane):
    posted = caps() | {"running_limit": "900", "reason": "mine", "opened": "9"}
    admin_client.post(lane_url(lane), posted)

    lane.refresh_from_db()
    assert (lane.running_limit, lane.reason, lane.opened) == (4, "", 0)
    assert admin_client.get(reverse("admin:dispatch_lane_add")).status_code == 403
    assert admin_client.post(lane_url(lane, "delete")).status_code == 403


def test_those_who_may_only_look_set_no_caps(onlooker, lane):
    assert "tenant=initech" in page_of(onlooker, lane_url(lane))
    assert onlooker.post(lane_url(lane), caps(running="0")).status_code == 403


def test_counts_are_cut_where_counting_stops():
    assert [lane_admin.show_count(count) for count in (0, 10_000, 10_001)] == [
        "0",
        "10,000",
        "10,000+",
    ]


def test_every_state_has_a_colour():
    assert lane_admin.COLOURS.keys() == set(gauges.State)


def test_lane_uses_are_found_by_variant(admin_client, record):
    response = admin_client.get(reverse("admin:dispatch_laneuse_changelist"), {"q": "count"})

    assert list(response.context["cl"].result_list) == [LaneUse.objects.get()]


def test_a_destination_leads_to_its_health_while_it_is_there(admin_client, webhook):
    health = reverse("console:show_health", args=[webhook.pk])
    assert destination_url(webhook, "health") in page_of(admin_client, destination_url(webhook))
    assert admin_client.get(destination_url(webhook, "health")).url == health

    admin_client.post(destination_url(webhook, "delete"))

    page = page_of(admin_client, destination_url(webhook))
    assert destination_url(webhook, "health") not in page


def test_what_is_paused_is_listed_as_that_and_claims_wait(admin_client, webhook, record):
    page = reverse("console:pause_destination", args=[webhook.pk])
    admin_client.post(page, {"reason": "It burns"})
    assert claim() == []
    listed = page_of(admin_client, reverse("admin:destinations_destination_changelist"))
    assert "paused" in listed

    admin_client.post(reverse("console:resume_destination", args=[webhook.pk]))
    assert len(claim()) == 1
