"""Bulk operations in the admin: narrowed, previewed, started, watched, stopped."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from dispatch.models import ActionRecord
from dispatch.schemas import SHOWN_STATUS
from operations import bulk_admin, matching, services
from operations.models import BulkOperation
from tests import factories
from tests.factories import make_over, start_bulk

LIST = reverse("admin:operations_bulkoperation_changelist")
ADD = reverse("admin:operations_bulkoperation_add")
HTMX = {"_form_submitted": "True"}


def change_url(operation, name="change"):
    return reverse(f"admin:operations_bulkoperation_{name}", args=[operation.pk])


def page_of(client, url, query=None):
    return client.get(url, query or {}).content.decode()


def typed(org, /, **fields):
    """What an operator types, with everything that a browser sends beside it."""
    empty = {
        "status": "",
        "variant": "",
        "destination": "",
        "destination_label": "",
        "error": "",
        "ids": "",
        "tags": "[]",
        "after_id": "",
        "zone": "",
        "created_after": "",
        "created_before": "",
    }
    asked = {"kind": "replay", "org": org.pk, "cap": "1000", "reason": "The server was down."}
    return empty | asked | {"_save": ""} | fields


def confirmed(preview):
    """What the preview's own form sends when its button is pressed."""
    html = preview.content.decode()
    hidden = re.findall(r'<input type="hidden"\s+name="([^"]+)"\s+value="([^"]*)"', html)
    assert f'name="{bulk_admin.START}"' in html
    return {unescape(name): unescape(value) for name, value in hidden} | {bulk_admin.START: ""}


@pytest.fixture
def failed(acme, definition):
    return [make_over(acme, tags={"tenant": "initech"}) for _ in range(3)]


def staff_with(client, org, *codenames):
    """The client of somebody who may do these things."""
    user = org.memberships.get().user
    user.is_staff = True
    user.save()
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(user)
    return client


def test_the_first_submit_tells_and_starts_nothing(admin_client, acme, globex, failed):
    preview = admin_client.post(ADD, typed(acme, status="failed", variant="count"))

    assert preview.status_code == 200
    html = re.sub(r"\s+", " ", preview.content.decode())
    assert "Replay 3 actions of Acme?" in html
    for record in failed:
        assert reverse("console:record", args=[record.pk]) in html
    assert "Replay them" in html
    assert "the first that many" not in html
    assert not BulkOperation.objects.exists()


def test_the_second_starts_it_in_the_operators_name_and_shows_it(
    admin_client, admin_user, acme, failed
):
    tags = '[{"name": "tenant", "value": "initech"}]'
    asked = typed(
        acme,
        status="failed",
        variant="count",
        destination=failed[0].destination_id,
        tags=tags,
        after_id="1",
        zone="Europe/Berlin",
        created_after="2026-01-01T09:00:00",
        created_before="2099-07-01T10:00",
    )

    answer = admin_client.post(ADD, confirmed(admin_client.post(ADD, asked)))

    operation = BulkOperation.objects.get()
    assert (answer.status_code, answer.url) == (302, change_url(operation))
    assert (operation.actor, operation.cap, operation.found) == (admin_user.email, 1_000, 3)
    assert operation.reason == "The server was down."
    assert operation.filter == {
        "status": "failed",
        "variant": "count",
        "destination": str(failed[0].destination_id),
        "tags": {"tenant": "initech"},
        "created_after": "2026-01-01T08:00:00+00:00",
        "created_before": "2099-07-01T08:00:00+00:00",
        "after_id": "1",
    }
    while services.advance(operation.pk):
        pass
    assert ActionRecord.objects.exclude(replay_of=None).count() == 3


@pytest.mark.parametrize(
    ("zone", "hour"),
    [("Europe/Berlin", "07"), ("America/New_York", "13"), ("", "08"), ("Nowhere/At_All", "08")],
)
def test_moments_are_of_the_zone_of_whoever_types_them(admin_client, acme, failed, zone, hour):
    asked = typed(acme, created_after="2026-01-01T08:00", zone=zone)

    admin_client.post(ADD, confirmed(admin_client.post(ADD, asked)))

    assert BulkOperation.objects.get().filter == {"created_after": f"2026-01-01T{hour}:00:00+00:00"}


def test_a_moment_with_an_offset_is_shown_in_the_zone_of_the_form(admin_client, acme, failed):
    asked = typed(acme, created_after="2026-01-01T08:00:00+05:00", zone="Europe/Berlin")

    assert "2026-01-01 04:00:00 Europe/Berlin" in admin_client.post(ADD, asked).content.decode()


def test_the_form_says_of_which_zone_its_moments_are(admin_client, acme):
    unsaid, berlin = (
        page_of(admin_client, ADD, query) for query in ({}, {"zone": "Europe/Berlin"})
    )

    assert 'In the time of <span data-zone-name="">UTC</span>.' in unsaid
    assert 'In the time of <span data-zone-name="">Europe/Berlin</span>.' in berlin


def test_actions_are_canceled_in_bulk(admin_client, acme, definition):
    factories.make_record(acme)

    preview = admin_client.post(ADD, typed(acme, kind="cancel"))
    assert "Cancel them" in preview.content.decode()
    admin_client.post(ADD, confirmed(preview))

    assert BulkOperation.objects.get().kind == "cancel"


def test_the_way_back_from_the_preview_keeps_what_was_typed(admin_client, acme, failed):
    asked = typed(
        acme,
        status="failed",
        tags='[{"name": "tenant", "value": "initech"}]',
        created_after="2026-01-01T08:00:00",
        zone="Asia/Kathmandu",
    )
    preview = admin_client.post(ADD, asked).content.decode()
    assert "2026-01-01 08:00:00 Asia/Kathmandu" in preview
    assert "tenant=initech" in preview
    (back,) = re.findall(rf'href="({ADD}\?[^"]+)"', preview)

    form = admin_client.get(unescape(back)).context["adminform"].form

    assert form["reason"].value() == "The server was down."
    assert form["cap"].value() == "1000"
    assert form["created_after"].value() == "2026-01-01T08:00:00"
    assert form["zone"].value() == "Asia/Kathmandu"
    assert form["tags"].value() == '[{"name": "tenant", "value": "initech"}]'
    assert parse_qs(urlsplit(unescape(back)).query)["status"] == ["failed"]


def test_a_preview_says_that_the_cap_leaves_some_out(admin_client, acme, failed, monkeypatch):
    html = admin_client.post(ADD, typed(acme, cap="2")).content.decode()
    assert "the first that many are done, and no more" in html

    monkeypatch.setattr(services.matching, "COUNTED", 2)
    html = re.sub(r"\s+", " ", admin_client.post(ADD, typed(acme)).content.decode())
    assert "Replay more than 2 actions of Acme?" in html


def test_a_preview_of_nothing_offers_no_start(admin_client, acme, failed):
    html = admin_client.post(ADD, typed(acme, variant="none")).content.decode()

    assert "No action of Acme matches." in html
    assert bulk_admin.START not in html


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"kind": "delete"}, "kind"),
        ({"org": ""}, "org"),
        ({"org": "4711"}, "org"),
        ({"cap": "0"}, "cap"),
        ({"cap": "1000001"}, "cap"),
        ({"cap": ""}, "cap"),
        ({"reason": ""}, "reason"),
        ({"reason": "x" * 1_001}, "reason"),
        ({"status": "scheduled"}, "status"),
        ({"variant": "x" * 256}, "variant"),
        ({"destination": "4711"}, "destination"),
        ({"after_id": "-1"}, "after_id"),
        ({"after_id": "one"}, "after_id"),
        ({"created_after": "yesterday"}, "created_after"),
        ({"tags": '[{"name": "a", "value": "' + "x" * 257 + '"}]'}, "tags"),
        ({"destination": "x"}, "destination"),
        # Read as no tags, it would be about everything.
        *(({"tags": text}, "tags") for text in ('{"a":"1"}', '"x"', "5", "true", "[1]", "{")),
        # What only the service knows.
        ({"status": "queued"}, "status"),
        ({"kind": "cancel", "status": "failed"}, "status"),
    ],
)
@pytest.mark.parametrize("button", ["_save", bulk_admin.START])
def test_bad_input_is_shown_at_its_field(admin_client, acme, failed, fields, name, button):
    answer = admin_client.post(ADD, typed(acme, **fields) | {button: ""})

    assert answer.status_code == 200
    assert list(answer.context["adminform"].form.errors) == [name]
    assert not BulkOperation.objects.exists()


def test_what_the_service_refuses_is_told(admin_client, acme, failed):
    preview = admin_client.post(ADD, typed(acme))
    start_bulk(acme)

    answer = admin_client.post(ADD, confirmed(preview))

    assert "Another replay in bulk is under way." in answer.content.decode()
    assert BulkOperation.objects.count() == 1


def test_an_operation_shows_its_progress_and_asks_again_while_it_is_under_way(
    admin_client, acme, failed, monkeypatch
):
    monkeypatch.setattr(services, "BATCH", 2)
    failed[0].payload.delete()
    operation = start_bulk(acme, filter={"status": "failed"})
    services.advance(operation.pk)

    page = page_of(admin_client, change_url(operation))
    for part in ("running", "1 done of 3 found", "PAYLOAD_EXPIRED", "every 2s"):
        assert part in page
    asked = admin_client.get(change_url(operation), headers={"HX-Request": "true"})
    assert "HX-Refresh" not in asked.headers

    while services.advance(operation.pk):
        pass
    asked = admin_client.get(change_url(operation), headers={"HX-Request": "true"})
    assert asked.headers["HX-Refresh"] == "true"
    page = page_of(admin_client, change_url(operation))
    assert "every 2s" not in page
    assert "100.0 %" in page


def test_one_that_reached_its_cap_or_failed_says_so(admin_client, acme):
    capped = factories.make_bulk(acme, done=5, cap=5, last_id=10, newest_id=99)
    broken = factories.make_bulk(acme, status="failed", error_message="It cannot go on: 0")

    assert "actions after id 10 are as they were" in page_of(admin_client, change_url(capped))
    assert "It cannot go on: 0" in page_of(admin_client, change_url(broken))


@pytest.mark.parametrize("query", [{"destination": "abc"}, {"org": "abc"}])
def test_a_query_that_names_no_row_fills_nothing_in(admin_client, query):
    assert admin_client.get(ADD, query).status_code == 200


@pytest.mark.parametrize("object_id", ["999999", "abc"])
def test_a_button_of_a_row_that_is_gone_is_not_found(admin_client, object_id):
    stop = reverse("admin:operations_bulkoperation_cancel", args=[object_id])
    assert admin_client.post(stop, HTMX).status_code == 404
    health = reverse("admin:destinations_destination_health", args=[object_id])
    assert admin_client.get(health).status_code == 404


def test_an_operation_that_is_not_there_is_not_found(admin_client, acme):
    missing = reverse("admin:operations_bulkoperation_change", args=[4711])

    answer = admin_client.get(missing, headers={"HX-Request": "true"})

    assert (answer.status_code, answer.headers["HX-Refresh"]) == (302, "true")


def test_it_is_stopped_by_a_button(admin_client, admin_user, acme, failed):
    operation = start_bulk(acme)
    assert change_url(operation, "cancel") in page_of(admin_client, change_url(operation))
    assert "Stop this operation?" in page_of(admin_client, change_url(operation, "cancel"))
    operation.refresh_from_db()
    assert operation.status == "queued"

    answer = admin_client.post(change_url(operation, "cancel"), HTMX)

    operation.refresh_from_db()
    assert answer.headers["HX-Redirect"] == change_url(operation)
    assert operation.status == "canceled"
    assert operation.error_message == f"Canceled by {admin_user.email}."
    page = page_of(admin_client, change_url(operation))
    assert f"replay in bulk {operation.pk} is stopped." in page
    assert change_url(operation, "cancel") not in page
    assert "Canceled." in page_of(admin_client, change_url(operation, "history"))
    # Once more is too late.
    admin_client.post(change_url(operation, "cancel"), HTMX)
    assert "The operation is over." in page_of(admin_client, change_url(operation))


def test_operations_are_listed_newest_first_with_few_queries(
    admin_client, acme, globex, django_assert_num_queries
):
    made = [factories.make_bulk(acme, found=10_000, found_exact=False, done=1_234, cap=9_999)]
    with django_assert_num_queries(3) as few:
        page = page_of(admin_client, LIST)
    assert "1,234 / 10,000+" in page

    made += [factories.make_bulk(org) for org in (globex, acme)]
    with django_assert_num_queries(len(few)):
        answer = admin_client.get(LIST)
    assert list(answer.context["cl"].result_list) == made[::-1]


def test_an_operation_is_neither_changed_nor_deleted(admin_client, acme):
    operation = factories.make_bulk(acme)

    assert admin_client.post(change_url(operation), {"cap": "1"}).status_code == 403
    assert admin_client.post(change_url(operation, "delete")).status_code == 403


@pytest.mark.parametrize("missing", ["change_actionrecord", "add_bulkoperation"])
def test_those_who_may_not_operate_start_and_stop_nothing(client, acme, failed, missing):
    operation = start_bulk(acme)
    codenames = {"change_actionrecord", "add_bulkoperation", "view_bulkoperation"}
    looking = staff_with(client, acme, "view_actionrecord", *(codenames - {missing}))

    assert "running" in page_of(looking, LIST) or operation.status == "queued"
    assert ADD not in page_of(looking, reverse("console:records"))
    assert looking.get(ADD).status_code == 403
    assert looking.post(ADD, typed(acme)).status_code == 403
    assert looking.post(ADD, typed(acme) | {bulk_admin.START: ""}).status_code == 403
    assert looking.post(change_url(operation, "cancel"), HTMX).status_code == 403
    operation.refresh_from_db()
    assert operation.status == "queued"
    assert BulkOperation.objects.count() == 1


def test_those_who_may_operate_need_not_be_superusers(client, acme, failed):
    operator = staff_with(
        client, acme, "change_actionrecord", "add_bulkoperation", "view_bulkoperation"
    )

    preview = operator.post(ADD, typed(acme))
    answer = operator.post(ADD, confirmed(preview))

    assert answer.status_code == 302
    assert BulkOperation.objects.get().actor == acme.memberships.get().user.email


@pytest.mark.parametrize("status", [one for one in SHOWN_STATUS["enum"] if one in matching.OPEN])
def test_actions_are_narrowed_by_any_status_of_theirs(admin_client, acme, definition, status):
    factories.move(factories.make_record(acme), status=status)

    page = admin_client.post(ADD, typed(acme, kind="cancel", status=status)).content.decode()

    assert "1 action of" in page


def test_every_status_has_a_colour():
    assert bulk_admin.COLOURS.keys() == set(BulkOperation.Status)
