"""Actions in the admin: a window with two buttons."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from destinations.models import Destination
from dispatch import overview
from dispatch.models import ActionPayload, ActionRecord, Lane, LaneUse, Status
from tests import factories

LIST = reverse("admin:dispatch_actionrecord_changelist")
HTMX = {"_form_submitted": "True"}


def record_url(record, name="change"):
    return reverse(f"admin:dispatch_actionrecord_{name}", args=[record.pk])


def listed(response):
    return list(response.context["cl"].result_list)


def told(client):
    """The messages that the next page shows."""
    return [str(message) for message in client.get(LIST).context["messages"]]


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


def test_the_list_neither_counts_nor_grows_in_queries(
    admin_client, acme, record, django_assert_num_queries
):
    with django_assert_num_queries(3) as few:
        admin_client.get(LIST)
    for n in range(5):
        to = factories.make_destination(acme)
        factories.make_definition(acme, variant=f"v{n}", to=to)
        factories.make_record(acme, variant=f"v{n}")

    with django_assert_num_queries(len(few)) as many:
        assert len(listed(admin_client.get(LIST))) == 6
    assert not any("COUNT(" in query["sql"] for query in many.captured_queries)


def test_newest_actions_come_first(admin_client, acme, record):
    newer = factories.make_record(acme)

    assert listed(admin_client.get(LIST)) == [newer, record]


@pytest.mark.parametrize(
    ("query", "finds"),
    [
        ({}, True),
        ({"status__exact": "queued"}, True),
        ({"status__exact": "failed"}, False),
        ({"destination__type": "webhook"}, True),
        ({"destination__type": "sdk"}, False),
        ({"q": "count"}, True),
        ({"q": "coun"}, False),
        ({"q": "99" * 9}, False),
        ({"q": "9" * 40}, False),
    ],
)
def test_the_list_is_narrowed(admin_client, record, query, finds):
    assert listed(admin_client.get(LIST, query)) == ([record] if finds else [])


def test_an_action_is_found_by_its_id(admin_client, acme, record):
    factories.make_record(acme)

    assert listed(admin_client.get(LIST, {"q": f" {record.pk} "})) == [record]


def test_the_page_tells_everything(admin_client, acme, record):
    page = admin_client.get(record_url(record)).content.decode()

    for part in ("tenant=initech", "&quot;n&quot;: 1", "Accepted", "count v1", "hook", "Queued"):
        assert part in page


def test_a_payload_is_escaped_and_cut(admin_client, acme):
    factories.make_definition(acme, schema=True)
    record = factories.make_record(acme, input=["<script>", "x" * 200_000])
    page = admin_client.get(record_url(record)).content.decode()

    assert "&lt;script&gt;" in page
    assert "characters in all" in page


def test_a_payload_that_is_gone_is_said_to_be(admin_client, record):
    ActionPayload.objects.all().delete()

    assert "No longer kept." in admin_client.get(record_url(record)).content.decode()


def test_facts_cannot_be_written(admin_client, record):
    assert admin_client.post(record_url(record), {"status": "failed"}).status_code == 403
    assert admin_client.get(record_url(record, "delete")).status_code == 403
    assert admin_client.get(reverse("admin:dispatch_actionrecord_add")).status_code == 403


def test_open_actions_can_be_canceled_and_finished_ones_replayed(admin_client, record):
    page = admin_client.get(record_url(record)).content.decode()
    assert record_url(record, "cancel") in page
    assert record_url(record, "replay") not in page

    ActionRecord.objects.update(status=Status.FAILED, completed_at=record.created_at)
    page = admin_client.get(record_url(record)).content.decode()
    assert record_url(record, "cancel") not in page
    assert record_url(record, "replay") in page


def test_canceling_ends_the_action_by_name(admin_client, admin_user, record):
    response = admin_client.post(record_url(record, "cancel"), HTMX)

    record.refresh_from_db()
    assert response.headers["HX-Redirect"] == record_url(record)
    assert record.status == Status.CANCELED
    assert admin_user.email in record.error_message
    assert told(admin_client) == ["1 action canceled."]
    assert admin_user.email in admin_client.get(record_url(record)).content.decode()
    assert "Canceled." in admin_client.get(record_url(record, "history")).content.decode()


@pytest.mark.parametrize("name", ["cancel", "replay"])
def test_looking_changes_nothing(admin_client, record, name):
    assert "form" in admin_client.get(record_url(record, name)).content.decode()
    record.refresh_from_db()
    assert record.status == Status.QUEUED
    assert ActionRecord.objects.count() == 1


def test_replaying_opens_the_new_action(admin_client, failed):
    response = admin_client.post(record_url(failed, "replay"), HTMX)

    replay = ActionRecord.objects.get(replay_of=failed.pk)
    assert response.headers["HX-Redirect"] == record_url(replay)
    assert record_url(failed) in admin_client.get(record_url(replay)).content.decode()
    assert record_url(replay) in admin_client.get(record_url(failed)).content.decode()


@pytest.mark.parametrize(("name", "status"), [("cancel", Status.FAILED), ("replay", Status.QUEUED)])
def test_what_has_moved_on_is_told(admin_client, record, name, status):
    over = record.created_at if status == Status.FAILED else None
    ActionRecord.objects.update(status=status, completed_at=over)
    response = admin_client.post(record_url(record, name), HTMX)

    assert response.headers["HX-Redirect"] == record_url(record)
    assert told(admin_client)[0].startswith(f"Action {record.pk}: The action is ")


def test_several_are_replayed_at_once(admin_client, acme, failed):
    still_open = factories.make_record(acme)
    data = {"action": "replay_selected", "_selected_action": [failed.pk, still_open.pk]}
    response = admin_client.post(LIST, data, follow=True)

    said = sorted(str(message) for message in response.context["messages"])
    assert said == ["1 action replayed.", f"Action {still_open.pk}: The action is not over yet."]


def test_several_are_canceled_at_once(admin_client, acme, record):
    other = factories.make_record(acme)
    data = {"action": "cancel_selected", "_selected_action": [record.pk, other.pk]}
    admin_client.post(LIST, data)

    assert set(ActionRecord.objects.values_list("status", flat=True)) == {Status.CANCELED}


def test_those_who_may_only_look_have_no_buttons(client, acme, record):
    user = acme.memberships.get().user
    user.is_staff = True
    user.save()
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(user)

    assert record_url(record, "cancel") not in client.get(record_url(record)).content.decode()
    assert client.post(record_url(record, "cancel"), HTMX).status_code == 403


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


def test_the_first_page_tells_how_things_are(admin_client, failed, acme):
    due = factories.make_record(acme)
    page = admin_client.get(reverse("admin:index"))
    told = page.context["overview"]

    assert (Status.FAILED, 1, "danger") in told["counts"]
    assert told["oldest_due"] == due.available_at
    assert [record.pk for record in told["failed"]] == [failed.pk]
    assert record_url(failed) in page.content.decode()


def test_the_first_page_of_an_empty_house(admin_client):
    assert "Nothing has failed." in admin_client.get(reverse("admin:index")).content.decode()


def test_the_first_page_is_plain_for_those_who_may_not_look(client, acme):
    user = acme.memberships.get().user
    user.is_staff = True
    user.save()
    client.force_login(user)

    assert "overview" not in client.get(reverse("admin:index")).context


def test_every_status_has_a_colour():
    assert overview.COLOURS.keys() == set(Status)
