"""`.../actions/bulk`: previewed, asked for, watched, stopped."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from dispatch.models import ActionRecord
from operations import services
from operations.models import BulkOperation
from tests import factories
from tests.client import codes
from tests.factories import make_over, make_record, start_bulk

BULK = "~/actions/bulk"
ASKED = {"kind": "replay", "filter": {}, "reason": "The mail server was down."}


@pytest.fixture
def failed(acme, definition):
    return [make_over(acme) for _ in range(3)]


def carry_out(operation_id):
    while services.advance(int(operation_id)):
        pass


def test_a_preview_counts_and_names_the_first(api, acme, definition):
    made = [make_over(acme).pk for _ in range(22)]
    make_record(acme)
    asked = {"status": "failed", "tags": {}, "created_after": "2026-01-01T00:00:00Z"}

    shown = api.data(api.post(f"{BULK}/preview", {"kind": "replay", "filter": asked}))

    assert shown == {
        "count": 22,
        "count_exact": True,
        "ids": [str(pk) for pk in made[:20]],
        "filter": asked,
    }
    assert not BulkOperation.objects.exists()


def test_a_preview_of_nothing_is_none_and_no_conflict(api, acme, globex, definition):
    factories.make_definition(globex, to=factories.make_destination(globex))
    make_over(globex)

    shown = api.data(api.post(f"{BULK}/preview", {"kind": "replay", "filter": {}}))

    assert shown == {"count": 0, "count_exact": True, "ids": [], "filter": {}}


def test_an_operation_shows_everything_about_it(api, acme, failed):
    asked = ASKED | {"filter": {"status": "failed"}, "cap": 2}

    shown = api.data(api.put(BULK, asked))

    operation = BulkOperation.objects.get()
    assert shown == {
        "id": str(operation.pk),
        "org_id": str(acme.pk),
        "kind": "replay",
        "filter": {"status": "failed"},
        "reason": "The mail server was down.",
        "actor": f"key {acme.keys.get().pk}",
        "cap": 2,
        "again": False,
        "status": "queued",
        "found": 3,
        "found_exact": True,
        "done": 0,
        "skipped": {},
        "progress": 0.0,
        "rate": None,
        "last_id": str(failed[0].pk - 1),
        "cap_reached": False,
        "error_message": None,
        "created_at": operation.created_at.isoformat(),
        "started_at": None,
        "updated_at": operation.updated_at.isoformat(),
        "finished_at": None,
    }
    assert api.data(api.get(f"{BULK}/{operation.pk}")) == shown


def test_an_operation_that_is_over_shows_what_it_did(api, acme, failed):
    failed[0].payload.delete()
    shown = api.data(api.put(BULK, ASKED | {"cap": 1}))

    carry_out(shown["id"])

    shown = api.data(api.get(f"{BULK}/{shown['id']}"))
    assert (shown["status"], shown["done"], shown["progress"]) == ("succeeded", 1, 1.0)
    assert shown["skipped"] == {"PAYLOAD_EXPIRED": {"count": 1, "ids": [str(failed[0].pk)]}}
    assert (shown["cap_reached"], shown["last_id"]) == (True, str(failed[1].pk))
    assert None not in (shown["started_at"], shown["finished_at"])


def test_each_replayed_record_names_the_new_one_and_the_new_one_it(api, acme, failed):
    shown = api.data(api.put(BULK, ASKED))
    carry_out(shown["id"])

    listed = api.data(api.get("~/actions/records?status=queued"))["items"]
    assert {item["replay_of"] for item in listed} == {str(record.pk) for record in failed}
    for item in listed:
        events = api.data(api.get(f"~/actions/records/{item['replay_of']}"))["events"]
        told = events[-1]
        assert (told["kind"], told["status"]) == ("replayed", "failed")
        assert told["detail"]["replayed_as"] == item["id"]
        assert told["detail"]["bulk"] == shown["id"]
        assert told["detail"]["reason"] == ASKED["reason"]


def test_what_was_replayed_before_is_replayed_when_it_is_asked_for_again(api, acme, failed):
    carry_out(api.data(api.put(BULK, ASKED))["id"])
    failed_ones = ASKED | {"filter": {"status": "failed"}}

    skipping = api.data(api.put(BULK, failed_ones))
    carry_out(skipping["id"])
    again = api.data(api.put(BULK, failed_ones | {"again": True}))
    carry_out(again["id"])

    assert (skipping["again"], again["again"]) == (False, True)
    skipped = api.data(api.get(f"{BULK}/{skipping['id']}"))["skipped"]
    assert skipped["ALREADY_REPLAYED"]["count"] == 3
    assert ActionRecord.objects.exclude(replay_of=None).count() == 6


def test_the_cap_is_ten_thousand_unless_it_is_said(api, acme, failed):
    assert api.data(api.put(BULK, ASKED))["cap"] == 10_000


def test_a_second_of_a_kind_and_one_about_nothing_are_409(api, acme, failed):
    nothing = api.put(BULK, ASKED | {"filter": {"variant": "none"}})
    assert (nothing.status_code, codes(nothing)) == (409, [("NOTHING_MATCHES", None)])
    api.data(api.put(BULK, ASKED))

    second = api.put(BULK, ASKED)

    assert (second.status_code, codes(second)) == (409, [("BULK_UNDER_WAY", None)])
    assert BulkOperation.objects.count() == 1


def test_operations_are_listed_newest_first_and_found(api, acme, globex):
    made = [
        factories.make_bulk(acme, reason=f"reason {number}", actor="key 7").pk
        for number in range(3)
    ]
    made.append(factories.make_bulk(acme, kind="cancel", status="failed").pk)
    factories.make_bulk(globex)

    def find(query=""):
        page = api.data(api.get(BULK + query))
        assert page["count"] == len(page["items"])
        return [int(item["id"]) for item in page["items"]]

    assert find() == made[::-1]
    assert find("?take=50&skip=0") == made[::-1]
    for name, value, found in (
        ("kind", "cancel", made[3:]),
        ("status", "failed", made[3:]),
        ("actor", "key 7", made[2::-1]),
        ("reason", "reason 1", made[1:2]),
        ("id", made[0], made[:1]),
    ):
        search = json.dumps({"field": name, "op": "eq", "value": value})
        assert find(f"?search={search}") == found
    assert api.data(api.get(f"{BULK}?count_only=true")) == {"items": [], "count": 4}


def test_a_cancel_stops_it_and_what_is_done_stays_done(api, acme, failed, monkeypatch):
    monkeypatch.setattr(services, "BATCH", 2)
    operation = start_bulk(acme)
    services.advance(operation.pk)

    shown = api.data(api.post(f"{BULK}/{operation.pk}/cancel"))

    assert (shown["status"], shown["done"]) == ("canceled", 2)
    assert shown["error_message"] == f"Canceled by key {acme.keys.get().pk}."
    carry_out(operation.pk)
    assert ActionRecord.objects.exclude(replay_of=None).count() == 2
    again = api.post(f"{BULK}/{operation.pk}/cancel")
    assert (again.status_code, codes(again)) == (409, [("NOT_CANCELABLE", None)])


def test_another_organizations_is_404_and_goes_on(api, acme, globex, failed):
    factories.make_definition(globex, to=factories.make_destination(globex))
    make_over(globex)
    theirs = start_bulk(globex)

    for answer in (api.get(f"{BULK}/{theirs.pk}"), api.post(f"{BULK}/{theirs.pk}/cancel")):
        assert answer.status_code == 404
        assert codes(answer) == [("NOT_FOUND", None)]
    assert api.data(api.get(BULK)) == {"items": [], "count": 0}
    theirs.refresh_from_db()
    assert theirs.status == "queued"


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        # What has to be there.
        ({"kind": None}, "/kind"),
        ({"filter": None}, "/filter"),
        ({"reason": None}, "/reason"),
        # What nobody knows.
        ({"dry_run": True}, "/dry_run"),
        ({"filter": {"state": "failed"}}, "/filter/state"),
        ({"filter": {"org_id": "1"}}, "/filter/org_id"),
        # Kinds and statuses.
        ({"kind": "delete"}, "/kind"),
        ({"filter": {"status": "scheduled"}}, "/filter/status"),
        ({"filter": {"status": ""}}, "/filter/status"),
        # Texts.
        ({"reason": ""}, "/reason"),
        ({"reason": "  \n"}, "/reason"),
        ({"reason": "x" * 1_001}, "/reason"),
        ({"filter": {"variant": ""}}, "/filter/variant"),
        ({"filter": {"variant": 1}}, "/filter/variant"),
        ({"again": "yes"}, "/again"),
        # Numbers.
        ({"cap": 0}, "/cap"),
        ({"cap": 1_000_001}, "/cap"),
        ({"cap": 1.5}, "/cap"),
        ({"cap": "10"}, "/cap"),
        ({"filter": {"destination": 7}}, "/filter/destination"),
        ({"filter": {"destination": "-7"}}, "/filter/destination"),
        ({"filter": {"after_id": ""}}, "/filter/after_id"),
        # Times, by their format and by the calendar.
        ({"filter": {"created_after": "yesterday"}}, "/filter/created_after"),
        ({"filter": {"created_before": "2026-11-24"}}, "/filter/created_before"),
        ({"filter": {"created_before": "2026-11-24T18:59:60Z"}}, "/filter/created_before"),
        # Tags.
        ({"filter": {"tags": ["a"]}}, "/filter/tags"),
        ({"filter": {"tags": {"a": 1}}}, "/filter/tags/a"),
        ({"filter": {"tags": {"a": "x" * 257}}}, "/filter/tags/a"),
    ],
)
def test_bad_input_is_400_with_a_pointer(api, acme, failed, changes, pointer):
    asked = {name: value for name, value in (ASKED | changes).items() if value is not None}

    answer = api.put(BULK, asked)

    assert answer.status_code == 400
    assert [at for _, at in codes(answer)] == [pointer]
    assert not BulkOperation.objects.exists()
    if pointer.startswith(("/kind", "/filter")):
        previewed = {name: asked[name] for name in ("kind", "filter") if name in asked}
        answer = api.post(f"{BULK}/preview", previewed)
        assert (answer.status_code, codes(answer)[0][1]) == (400, pointer)


@pytest.mark.parametrize(
    ("kind", "status"), [("replay", "queued"), ("replay", "ack_wait"), ("cancel", "succeeded")]
)
def test_a_status_that_the_kind_does_not_take_is_422(api, acme, failed, kind, status):
    asked = {"kind": kind, "filter": {"status": status}}

    for answer in (
        api.post(f"{BULK}/preview", asked),
        api.put(BULK, asked | {"reason": "a test"}),
    ):
        assert answer.status_code == 422
        assert codes(answer) == [("INVALID_FILTER", "/filter/status")]


def test_a_replay_of_an_hour_takes_that_hour(api, acme, definition):
    made = {hours: make_over(acme, days_ago=hours / 24).pk for hours in (5, 4, 3)}
    now = timezone.now()
    span = {
        "created_after": (now - timedelta(hours=4, minutes=30)).isoformat(),
        "created_before": (now - timedelta(hours=3, minutes=30)).isoformat(),
    }

    shown = api.data(api.put(BULK, ASKED | {"filter": span}))
    carry_out(shown["id"])

    assert ActionRecord.objects.exclude(replay_of=None).get().replay_of == made[4]
