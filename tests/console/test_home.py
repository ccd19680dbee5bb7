"""Home: how work goes, what keeps it waiting and what needs a person, for who looks."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from destinations.models import Credential
from dispatch import advice, overview
from dispatch.models import ActionRecord, Lane
from operations import chores, usage, worst
from operations.chores import Report
from operations.models import Chore
from orgs.models import ApiKey
from tests import factories
from tests.factories import make_over, make_record, move
from tests.operations.using import end, never

HOME = reverse("console:home")
NOW = reverse("console:home_now")


def ago(**span):
    return timezone.now() - timedelta(**span)


@pytest.fixture
def ann(acme, client):
    """A viewer of acme who is logged in."""
    member = factories.make_member(acme, "viewer", email="ann@people.example")
    client.force_login(member.user)
    client.get(HOME)
    return member


@pytest.fixture
def busy(acme, globex, definition):
    """Acme with an action in each state, and globex with what acme must not see."""
    for org in (acme, globex):
        if org == globex:
            hook = factories.make_destination(org, label="globex's hook")
            factories.make_definition(org, "count", to=hook)
        late = move(make_record(org), available_at=ago(hours=2))
        end(make_record(org))
        make_over(org)
        move(make_record(org), status="held", timeout_at=ago(hours=-2))
    usage.roll_up(never)
    return late


def tiles(response):
    return {tile["name"]: tile["value"] for tile in response.context["tiles"]}


def needs(response):
    return [need.title for need in response.context["needs"]]


def test_home_is_what_the_admin_begins_with(admin_client):
    assert reverse("admin:index") == HOME
    page = admin_client.get(HOME)
    assert page.status_code == 200
    assert "console/home.html" in [one.name for one in page.templates]


def test_an_empty_house_says_what_to_do_first(admin_client, acme):
    page = admin_client.get(HOME).text

    assert "No action has come yet" in page
    assert reverse("console:definitions") in page


def test_staff_see_all_organizations_together(admin_client, busy):
    response = admin_client.get(HOME)

    told = tiles(response)
    assert (told["Accepted"], told["Succeeded"], told["Failed"]) == ("8", "2", "2")
    assert told["Success rate"] == "50 %"
    assert told["Oldest due work"] == "2 h"
    assert {str(gauge.lane.org) for gauge, _ in response.context["lanes"]} == {"Acme", "Globex"}
    assert {record.org.name for record in response.context["failed"]} == {"Acme", "Globex"}
    assert "2 failed in the last hour" in needs(response)
    assert "2 wait for approval" in needs(response)


def test_members_see_their_organizations_alone(ann, client, busy):
    response = client.get(HOME)

    told = tiles(response)
    assert (told["Accepted"], told["Succeeded"], told["Failed"]) == ("4", "1", "1")
    assert len(response.context["lanes"]) == 1
    assert {record.org.name for record in response.context["failed"]} == {"Acme"}
    assert "1 waits for approval" in needs(response)
    assert "globex" not in response.text.lower()


def test_what_moves_is_fetched_by_itself(ann, client, busy):
    page, part = client.get(HOME).text, client.get(NOW, {"window": "day"})

    assert f'hx-get="{NOW}?window=hour"' in page
    assert f'hx-get="{NOW}?window=day"' in part.text
    assert "<html" not in part.text
    assert len(part.context["course"].steps) == 96


def test_charts_can_be_read_without_seeing_them(ann, client, busy):
    page = client.get(HOME).text

    assert 'aria-labelledby="throughput-title throughput-text"' in page
    assert page.count('<details class="wb-plot-table">') == 2
    assert "How many actions were accepted" in page


def test_a_window_that_there_is_not_is_the_last_hour(admin_client, busy):
    assert admin_client.get(HOME, {"window": "year"}).context["window"].name == "hour"


def test_staff_who_may_not_look_at_actions_see_none(client, acme, busy):
    user = factories.make_user("onlooker@house.example", is_staff=True)
    client.force_login(user)
    client.get(HOME)
    page = client.get(HOME)
    assert "Nothing to see here for you" in page.text
    assert "tiles" not in page.context

    user.user_permissions.set(Permission.objects.filter(codename="view_actionrecord"))
    assert "tiles" in client.get(HOME).context


def test_what_the_house_needs_is_told_to_staff_alone(ann, client, busy):
    chores.run("reconcile", lambda: Report(trouble="Action 7 is lost."))

    assert "Action 7 is lost." not in client.get(HOME).text
    client.force_login(factories.make_user("x@house.example", is_staff=True, is_superuser=True))
    client.get(HOME)
    page = client.get(HOME).text
    assert "Action 7 is lost." in page
    assert reverse("admin:operations_chore_change", args=[Chore.objects.get().pk]) in page


def test_paused_destinations_need_a_person_and_are_not_the_worst_lanes(admin_client, busy, webhook):
    advice.pause_destination(destination=webhook, actor="tests", reason="it burns")

    response = admin_client.get(HOME)

    assert "1 paused destination" in needs(response)
    assert [str(gauge.lane.org) for gauge, _ in response.context["lanes"]] == ["Globex"]


def test_a_capped_lane_waits_by_intention(admin_client, busy):
    Lane.objects.update(running_cap=0)

    response = admin_client.get(HOME)

    assert response.context["lanes"] == []
    assert "No lane keeps work waiting" in response.text


def test_a_retry_that_nobody_queues_is_waiting_work(admin_client, acme, definition):
    record = make_record(acme)
    move(record, status="scheduled", available_at=ago(minutes=3))

    response = admin_client.get(HOME)

    ((gauge, waits),) = response.context["lanes"]
    assert (gauge.lane.pk, waits) == (record.lane_id, "3 min")
    assert tiles(response)["Oldest due work"] == "3 min"


def test_what_no_worker_pulls_is_waiting_work(admin_client, acme):
    factories.make_definition(acme, "pulled", to=factories.make_destination(acme, "sdk"))
    record = move(make_record(acme, "pulled"), available_at=ago(hours=1))

    ((gauge, waits),) = admin_client.get(HOME).context["lanes"]

    assert (gauge.lane.pk, waits) == (record.lane_id, "1 h")
    assert "does a worker pull?" in gauge.explanation


def test_what_is_due_a_moment_ago_is_late_nowhere(admin_client, acme, record):
    response = admin_client.get(HOME)

    assert response.context["lanes"] == []
    assert "nothing is late" in response.text


def test_the_five_that_wait_longest_are_the_worst(acme, definition, webhook):
    for hours in range(7):
        lane = factories.make_lane(webhook, tags={"n": str(hours)})
        (record_id,) = factories.make_records(lane, definition, 1)
        ActionRecord.objects.filter(pk=record_id).update(available_at=ago(hours=hours + 1))

    found = worst.find(acme.pk)

    assert [gauge.lane.tags["n"] for gauge, _ in found.lanes] == ["6", "5", "4", "3", "2"]
    assert worst.find(acme.pk + 1_000).lanes == []


def test_credentials_and_keys_that_expire_soon_need_a_person(ann, client, acme, globex, busy):
    for org in (acme, globex):
        factories.make_credential(org, label=f"{org}'s token")
        factories.make_key(org, description=f"{org}'s key")
    Credential.objects.update(expires_at=ago(days=-13))
    ApiKey.objects.update(expires_at=ago(days=-13))

    # Whoever only views is told of credentials, and not of keys.
    assert [one for one in needs(client.get(HOME)) if "expir" in one] == [
        "1 credential expired, or expiring within 14 days"
    ]
    assert "Acme&#x27;s token" in client.get(HOME).text
    acme.memberships.filter(user=ann.user).update(permissions=["admin"])
    assert "1 API key expired, or expiring within 14 days" in needs(client.get(HOME))
    Credential.objects.update(expires_at=ago(days=-15))
    ApiKey.objects.update(expires_at=None)
    assert not [one for one in needs(client.get(HOME)) if "expir" in one]


def test_a_worker_that_does_not_count_is_told_of(ann, client, acme, record):
    assert "The worker has not counted yet." in client.get(HOME).text
    usage.roll_up(never)
    assert "The worker" not in client.get(HOME).text


def test_counting_what_is_held_stops_at_a_bound(acme, globex, definition, webhook, monkeypatch):
    lane = factories.make_lane(webhook)
    factories.make_records(lane, definition, 5, status="held")
    assert overview.count_held(acme.pk) == overview.count_held(None) == 5
    assert overview.count_held(globex.pk) == 0
    monkeypatch.setattr(overview, "HELD", overview.HELD.replace("1001", "3"))
    assert overview.count_held(acme.pk) == 3


def test_what_failed_last_goes_by_when_it_failed(ann, client, acme, globex, definition):
    factories.make_definition(globex, to=factories.make_destination(globex, label="theirs"))
    orgs = (acme, acme, globex, acme)
    made = [make_over(org, days_ago=days).pk for org, days in zip(orgs, (1, 3, 0, 2), strict=True)]

    assert [one.pk for one in client.get(HOME).context["failed"]] == [made[0], made[3], made[1]]
    assert [one.pk for one in overview.find_failed(None)] == [made[n] for n in (2, 0, 3, 1)]


def test_the_number_of_queries_is_fixed(ann, client, busy, django_assert_num_queries):
    client.get(HOME)
    with django_assert_num_queries(FIXED):
        client.get(NOW)
    for _ in range(3):
        make_over(busy.org)
        move(make_record(busy.org, tags={"a": str(_)}), available_at=ago(hours=1))
    with django_assert_num_queries(FIXED):
        client.get(NOW)


FIXED = 12
