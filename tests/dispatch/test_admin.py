"""The end of destinations, lanes, and the first page of the admin."""

from __future__ import annotations

import pytest
from django.urls import reverse

from destinations.models import Destination
from dispatch.models import ActionRecord, Lane, LaneUse, Status
from tests import factories


def record_url(record, name="change"):
    return reverse(f"admin:dispatch_actionrecord_{name}", args=[record.pk])


def listed(response):
    return list(response.context["cl"].result_list)


@pytest.fixture
def webhook(acme):
    return factories.make_destination(acme, label="hook")


@pytest.fixture
def record(acme, webhook):
    factories.make_definition(acme, to=webhook)
    return factories.make_record(acme, tags={"tenant": "initech"})


@pytest.fixture
def failed(record):
    ActionRecord.objects.filter(pk=record.pk).update(
        status=Status.FAILED, completed_at=record.created_at, error_message="HTTP 410"
    )
    record.refresh_from_db()
    return record


def test_an_unused_destination_is_deleted(admin_client, webhook):
    admin_client.post(reverse("admin:destinations_destination_delete", args=[webhook.pk]))

    webhook.refresh_from_db()
    assert webhook.deleted_at is not None


def test_a_used_destination_is_deleted_by_force_only(admin_client, webhook, record):
    url = reverse("admin:destinations_destination_delete", args=[webhook.pk])
    refused = admin_client.post(url)

    assert refused.status_code == 200
    assert "the default of count v1" in refused.content.decode()
    assert 'name="force"' in refused.content.decode()
    assert Destination.objects.live().exists()

    admin_client.post(url, {"force": "yes"})
    record.refresh_from_db()
    assert record.status == Status.FAILED
    assert not Destination.objects.live().exists()


def test_lanes_show_how_much_of_their_limits_is_in_use(
    admin_client, acme, record, django_assert_num_queries
):
    ActionRecord.objects.update(status=Status.RUNNING)
    url = reverse("admin:dispatch_lane_changelist")
    # The session, the person, the lanes, and what is in all of them.
    with django_assert_num_queries(4):
        page = admin_client.get(url).content.decode()

    assert "1 / " in page
    assert "tenant=initech" in page
    detail = reverse("admin:dispatch_lane_change", args=[Lane.objects.get().pk])
    assert "count" in admin_client.get(detail).content.decode()


def test_lane_uses_are_found_by_variant(admin_client, record):
    url = reverse("admin:dispatch_laneuse_changelist")

    assert listed(admin_client.get(url, {"q": "count"})) == [LaneUse.objects.get()]
