"""What organizations keep no longer is deleted by rows, where partitions are not enough."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from psycopg.errors import LockNotAvailable

from dispatch.models import (
    OPEN,
    ActionEvent,
    ActionPayload,
    ActionRecord,
    IdempotencyKey,
)
from operations import chores, partitions, retention
from operations.models import Chore
from operations.partitions import Partition
from orgs.models import Organization
from tests import factories
from tests.factories import make_over, make_record


def never():
    return False


@pytest.fixture
def theirs(globex):
    """A definition of globex, which keeps everything for longer."""
    Organization.objects.filter(pk=globex.pk).update(payload_days=60, history_days=120)
    return factories.make_definition(globex, to=factories.make_destination(globex))


def kept(model, key="record_id"):
    return set(model.objects.values_list(key, flat=True))


def test_payloads_go_after_the_days_of_their_organization(acme, globex, definition, theirs):
    ours = {days: make_over(acme, days_ago=days).pk for days in (29, 31, 59, 61)}
    of_globex = {days: make_over(globex, days_ago=days).pk for days in (29, 31, 59, 61)}

    report = retention.delete_payloads(never)

    assert kept(ActionPayload) == {ours[29], of_globex[29], of_globex[31], of_globex[59]}
    assert report.result == {"looked_at": 8, "deleted": 4, "cursor": 0}
    assert report.trouble == ""
    # Of the actions themselves nothing is gone.
    assert ActionRecord.objects.count() == 8
    assert ActionEvent.objects.count() == 16


def test_history_goes_after_the_days_of_its_organization(acme, globex, definition, theirs):
    ours = {days: make_over(acme, days_ago=days).pk for days in (89, 91, 119, 121)}
    of_globex = {days: make_over(globex, days_ago=days).pk for days in (89, 91, 119, 121)}

    report = retention.delete_history(never)

    rest = {ours[89], of_globex[89], of_globex[91], of_globex[119]}
    assert kept(ActionRecord, "pk") == kept(ActionPayload) == kept(ActionEvent) == rest
    assert report.result == {"looked_at": 8, "deleted": 4, "cursor": 0}


@pytest.mark.parametrize("sweep", [retention.delete_payloads, retention.delete_history])
@pytest.mark.parametrize("status", OPEN)
def test_nothing_of_an_unfinished_action_goes_however_old_it_is(acme, definition, sweep, status):
    ancient = timezone.now() - timedelta(days=4_000)
    record = factories.move(make_record(acme), status=status, created_at=ancient)

    sweep(never)

    assert kept(ActionRecord, "pk") == kept(ActionPayload) == kept(ActionEvent) == {record.pk}


@pytest.mark.parametrize("status", ["succeeded", "failed", "canceled"])
def test_it_counts_from_the_end_of_an_action_not_from_its_beginning(acme, definition, status):
    record = make_over(acme, status)
    factories.move(record, created_at=timezone.now() - timedelta(days=400))

    retention.delete_payloads(never)
    retention.delete_history(never)

    assert kept(ActionPayload) == {record.pk}


def test_a_payload_that_is_gone_is_shown_as_gone(api, acme, definition, admin_client):
    record = make_over(acme, days_ago=31)
    make_over(acme)

    retention.delete_payloads(never)

    shown = api.data(api.get(f"~/actions/records/{record.pk}"))
    assert (shown["input"], shown["payload_kept"]) == (None, False)
    listed = api.data(api.get("~/actions/records"))["items"]
    assert [(item["input"], item["payload_kept"]) for item in listed] == [
        ({"n": 1}, True),
        (None, False),
    ]
    refused = api.post(f"~/actions/records/{record.pk}/replay")
    assert refused.status_code == 409
    assert refused.json()["errors"][0]["code"] == "PAYLOAD_EXPIRED"


def test_a_sweep_goes_on_where_the_last_one_ended_and_then_begins_anew(
    acme, definition, monkeypatch
):
    small(monkeypatch, 2)
    old = [make_over(acme, days_ago=31).pk for _ in range(5)]
    young = make_over(acme).pk

    seen = []
    for _ in range(3):
        asked = iter([False, True])
        report = retention.delete_payloads(lambda asked=asked: next(asked))
        seen.append((report.result["deleted"], report.result["cursor"]))

    assert seen == [(2, old[1]), (2, old[3]), (1, 0)]
    assert kept(ActionPayload) == {young}
    assert Chore.objects.get().cursor == 0


def small(monkeypatch, rows):
    """Have a batch look at so few rows."""
    monkeypatch.setattr(retention, "BATCH", rows)
    for name in ("PAYLOAD_SWEEP", "HISTORY_SWEEP"):
        sweep = getattr(retention, name)
        seen = sweep.seen.replace("LIMIT 1000", f"LIMIT {rows}")
        changed = type(sweep)(**{**vars(sweep), "seen": seen})
        monkeypatch.setattr(retention, name, changed)


def test_a_sweep_stops_between_two_batches_when_it_is_told(acme, definition, monkeypatch):
    small(monkeypatch, 2)
    old = [make_over(acme, days_ago=31).pk for _ in range(6)]
    asked = iter([False, False, True])

    report = retention.delete_payloads(lambda: next(asked))

    assert report.result["deleted"] == 4
    assert Chore.objects.get().cursor == old[3]
    assert kept(ActionPayload) == set(old[4:])


def test_a_sweep_does_not_look_at_what_is_too_young_for_all(acme, definition, monkeypatch):
    small(monkeypatch, 2)
    for days in (31, 1, 1, 1, 1, 1):
        make_over(acme, days_ago=days)

    report = retention.delete_payloads(never)

    assert report.result == {"looked_at": 2, "deleted": 1, "cursor": 0}


@pytest.mark.parametrize("sweep", [retention.delete_payloads, retention.delete_history])
def test_without_any_organization_there_is_nothing_to_do(db, sweep):
    assert sweep(never).result == {"looked_at": 0, "deleted": 0, "cursor": 0}
    assert retention.drop_partitions(never).result == {"dropped": []}


def test_keys_go_after_24_hours(acme, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 2)
    small_batches = retention.DELETE_KEYS.replace("LIMIT 1000", "LIMIT 2")
    monkeypatch.setattr(retention, "DELETE_KEYS", small_batches)
    for hours in (23, 25, 26, 27, 100, 23.9):
        key = IdempotencyKey.objects.create(org=acme, key=f"{hours}", digest=b"")
        at = timezone.now() - timedelta(hours=hours)
        IdempotencyKey.objects.filter(pk=key.pk).update(created_at=at)

    assert retention.delete_idempotency_keys(lambda: True).result == {"deleted": 2}
    assert retention.delete_idempotency_keys(never).result == {"deleted": 2}
    assert kept(IdempotencyKey, "key") == {"23", "23.9"}


def test_a_run_is_over_after_its_time(acme, definition, monkeypatch):
    monkeypatch.setattr(retention, "RUN_SECONDS", -1.0)
    monkeypatch.setattr(retention, "BATCH", 1)
    one_key = retention.DELETE_KEYS.replace("LIMIT 1000", "LIMIT 1")
    monkeypatch.setattr(retention, "DELETE_KEYS", one_key)
    for name in ("a", "b"):
        IdempotencyKey.objects.create(org=acme, key=name, digest=b"")
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(days=3))
    record = make_over(acme, days_ago=100)

    assert retention.delete_idempotency_keys(never).result == {"deleted": 1}
    retention.delete_payloads(never)
    retention.delete_history(never)
    assert kept(ActionPayload) == kept(ActionRecord, "pk") == {record.pk}


def test_a_batch_that_fails_loses_nothing_of_those_before(acme, definition, monkeypatch):
    small(monkeypatch, 2)
    old = [make_over(acme, days_ago=31).pk for _ in range(6)]
    looked = []

    def fail_the_third_time(execute, sql, params, many, context):
        if "AS MATERIALIZED" in sql:
            looked.append(sql)
        if looked[2:] == [sql]:
            raise OperationalError("canceling statement due to statement timeout")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fail_the_third_time), pytest.raises(OperationalError):
        retention.delete_payloads(never)

    assert kept(ActionPayload) == set(old[4:])
    assert Chore.objects.get().cursor == old[3]


def test_a_batch_that_waited_too_long_for_a_lock_is_tried_again(acme, definition, monkeypatch):
    monkeypatch.setattr(chores, "PAUSE_SECONDS", 0.0)
    make_over(acme, days_ago=100)
    tried = []

    def fail_once(execute, sql, params, many, context):
        if "FOR UPDATE" in sql and "actionrecord" in sql and not tried:
            tried.append(sql)
            raise OperationalError("canceling statement due to lock timeout") from LockNotAvailable
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fail_once):
        assert retention.delete_history(never).result["deleted"] == 1
    assert tried


@pytest.mark.parametrize(
    ("sweep", "locks"),
    [
        (retention.delete_payloads, ["dispatch_actionpayload"]),
        # As a replay does it, which writes of the same records.
        (retention.delete_history, ["dispatch_actionrecord", "dispatch_actionpayload"]),
    ],
)
def test_what_is_deleted_is_locked_first_in_the_order_of_ids(acme, definition, sweep, locks):
    make_over(acme, days_ago=100)

    with CaptureQueriesContext(connection) as queries:
        sweep(never)

    written = [one["sql"] for one in queries if one["sql"].startswith(("SELECT FROM", "DELETE"))]
    for sql, table in zip(written, locks, strict=False):
        assert sql.startswith(f"SELECT FROM {table} ")
        assert re.search(r"ORDER BY (record_)?id FOR UPDATE$", sql)
    assert all(sql.startswith("DELETE") for sql in written[len(locks) :])


@pytest.fixture
def ten_at_a_time(monkeypatch):
    """As if partitions held ten actions each, without any being made."""
    monkeypatch.setattr(partitions, "SPAN", 10)


# Where what has been counted ends.
END = 90


@pytest.mark.parametrize(
    ("spared", "position", "expected"),
    [
        # Nothing is spared.
        ([], 0, (0, END, True)),
        ([], 57, (57, END, True)),
        # In front of one, in one, behind one.
        ([2], 0, (0, 20, False)),
        ([2], 18, (18, 20, False)),
        ([2], 19, (29, END, True)),
        ([2], 25, (29, END, True)),
        ([2], 29, (29, END, True)),
        # What is spared beyond the end is no matter.
        ([9], 0, (0, END, True)),
        # Several, beside each other and apart.
        ([2, 3], 21, (39, END, True)),
        ([2, 4], 21, (29, 40, False)),
        ([0, 1], 0, (19, END, True)),
    ],
)
def test_what_is_spared_is_stepped_over(ten_at_a_time, spared, position, expected):
    found = [Partition(partitions.PAYLOADS, number) for number in spared]

    assert retention._skip(found, position, END) == retention.Span(*expected)
