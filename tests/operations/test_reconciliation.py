"""Every accepted action is accounted for, and what is not is found, while actions flow."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from config.errors import ConflictError
from dispatch import moments, settlement
from dispatch.engine import lines
from dispatch.models import OPEN, ActionEvent, ActionPayload, ActionRecord
from dispatch.retries import Ending
from operations import chores, partitions, reconciliation, retention, services
from operations.reconciliation import reconcile
from tests import factories
from tests.dispatch.claiming import claim
from tests.dispatch.concurrency import at_once
from tests.factories import make_over, make_record, start_bulk


def faults_of(account):
    """What is wrong, without the hours that are sound."""
    return [fault for hour in account.unsound for fault in hour.faults]


def sums(account):
    return {
        org_id: (
            hour.accepted,
            hour.succeeded,
            hour.failed,
            hour.canceled,
            hour.in_flight,
        )
        for (org_id, _), hour in account.hours.items()
    }


def test_all_that_is_accepted_is_somewhere(acme, globex, definition):
    factories.make_definition(globex, to=factories.make_destination(globex))
    for status in ("succeeded", "succeeded", "failed", "canceled"):
        make_over(acme, status)
    for status in OPEN:
        factories.move(make_record(acme), status=status)
    make_over(globex)

    account = reconcile()

    assert sums(account) == {acme.pk: (9, 2, 1, 1, 5), globex.pk: (1, 0, 1, 0, 0)}
    assert (account.unsound, account.accepted, account.is_complete) == ([], 10, True)


def test_nothing_at_all_is_sound(db):
    account = reconcile()

    assert (account.hours, account.unsound, account.is_complete) == ({}, [], True)


def test_what_the_engine_and_people_do_to_actions_is_sound(acme, definition):
    """Delivered, retried, settled, late, canceled, replayed, sunk and not deliverable."""
    factories.make_definition(acme, "sunk")
    factories.make_definition(acme, "pulled", to=factories.make_destination(acme, "sdk"))
    made = [make_record(acme) for _ in range(3)]
    make_record(acme, "sunk")
    make_record(acme, "pulled")
    claim()
    settlement.finish(Ending(made[0].pk, 0, "retried", "scheduled", delay=60))
    settlement.ack(org_id=acme.pk, record_id=made[1].pk, attempt=0)
    over = make_over(acme)
    operation = start_bulk(acme, filter={"status": "failed"})
    while services.advance(operation.pk):
        pass
    ActionEvent.objects.create(record=over, kind="late", status="failed", attempt=0)
    cancel = start_bulk(acme, "cancel", filter={"after_id": str(made[1].pk), "variant": "count"})
    while services.advance(cancel.pk):
        pass

    account = reconcile()

    assert faults_of(account) == []
    assert sums(account)[acme.pk] == (7, 2, 1, 2, 2)


def test_a_record_without_events_is_found(record):
    ActionEvent.objects.all().delete()

    account = reconcile()

    assert faults_of(account) == [f"{record.pk}: no event says that it was accepted"]
    (hour,) = account.unsound
    assert (hour.org_id, hour.accepted, hour.in_flight) == (record.org_id, 0, 1)


def test_a_record_that_no_event_says_was_accepted_is_found(acme, definition):
    record = make_over(acme)
    ActionEvent.objects.filter(kind="accepted").delete()

    assert faults_of(reconcile()) == [f"{record.pk}: no event says that it was accepted"]


def test_events_without_a_record_are_found(record):
    ActionRecord.objects.filter(pk=record.pk).delete()

    account = reconcile()

    assert faults_of(account) == [f"{record.pk}: it has events and no record"]
    (hour,) = account.unsound
    assert (hour.org_id, hour.accepted, hour.is_sound) == (None, 1, False)
    assert str(hour).startswith("no organization, ")
    assert account.describe()["unsound"][0]["org_id"] is None


@pytest.mark.parametrize("status", ["succeeded", "failed", "canceled"])
def test_a_record_that_is_over_without_an_event_that_says_so_is_found(record, status):
    factories.move(record, status=status, completed_at=timezone.now())

    assert faults_of(reconcile()) == [f"{record.pk}: it is {status} and no event says so"]


def test_an_event_of_another_ending_does_not_say_so(acme, definition):
    record = make_over(acme, "failed")
    factories.move(record, status="succeeded")
    ActionEvent.objects.create(record=record, kind="late", status="succeeded", attempt=0)

    assert faults_of(reconcile()) == [f"{record.pk}: it is succeeded and no event says so"]


@pytest.mark.parametrize("status", OPEN)
def test_an_open_record_without_its_payload_is_found(record, status):
    factories.move(record, status=status)
    ActionPayload.objects.all().delete()

    assert faults_of(reconcile()) == [f"{record.pk}: it is not over, without a payload"]


def test_one_that_is_over_needs_no_payload(acme, definition):
    make_over(acme)
    ActionPayload.objects.all().delete()

    assert reconcile().unsound == []


def test_an_action_accepted_twice_is_found(record):
    ActionEvent.objects.create(record=record, kind="accepted", status="queued", attempt=0)

    account = reconcile()

    assert faults_of(account) == [f"{record.pk}: it was accepted more than once"]
    assert account.unsound[0].accepted == 2


def test_hours_and_organizations_are_kept_apart(acme, globex, definition):
    factories.make_definition(globex, to=factories.make_destination(globex))
    factories.move(make_record(globex), created_at=datetime(2026, 11, 24, 17, tzinfo=UTC))
    for minute in (17 * 60 + 59, 18 * 60, 18 * 60 + 59, 19 * 60):
        at = datetime(2026, 11, 24, minute // 60, minute % 60, tzinfo=UTC)
        factories.move(make_record(acme), created_at=at)

    account = reconcile()

    found = [(hour.hour.hour, hour.org_id, hour.accepted) for hour in account.in_order]
    assert found == sorted(
        [(17, acme.pk, 1), (17, globex.pk, 1), (18, acme.pk, 2), (19, acme.pk, 1)]
    )
    assert account.describe() == {
        "accepted": 5,
        "hours": 4,
        "sound": True,
        "complete": True,
        "unsound": [],
    }


def test_only_what_is_asked_for_is_looked_at(acme, globex, definition):
    factories.make_definition(globex, to=factories.make_destination(globex))
    made = [make_over(acme, days_ago=days) for days in (3, 2, 1)]
    make_record(globex)

    since = timezone.now() - timedelta(days=2, minutes=1)

    assert reconcile(org_id=acme.pk).accepted == 3
    assert reconcile(since=since).accepted == 3
    account = reconcile(since=since, org_id=acme.pk)
    assert account.accepted == 2
    assert min(hour for _, hour in account.hours) <= made[1].created_at


def test_many_faults_are_counted_and_the_first_are_named(acme, definition):
    made = [make_record(acme).pk for _ in range(25)]
    ActionEvent.objects.all().delete()

    (hour,) = reconcile().unsound

    assert hour.fault_count == 25
    assert [fault.partition(":")[0] for fault in hour.faults] == [str(pk) for pk in made[:20]]
    assert str(hour) == (
        f"organization {acme.pk}, {hour.hour:%Y-%m-%d %H}:00 UTC: accepted 0, succeeded 0 + "
        "failed 0 + canceled 0 + in flight 25; "
        + "; ".join(f"action {pk}: no event says that it was accepted" for pk in made[:20])
        + "; 5 more"
    )
    assert hour.describe()["fault_count"] == 25


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_slices_of_any_size_find_the_same(acme, definition, monkeypatch, size):
    monkeypatch.setattr(reconciliation, "SLICE", size)
    made = [make_over(acme) for _ in range(5)]
    # Before them there are the ids of all other tests.
    monkeypatch.setattr(moments, "find_first_id", lambda since, end: made[0].pk - 3)
    ActionEvent.objects.filter(record=made[2]).delete()
    told = []
    since = timezone.now() - timedelta(hours=1)

    account = reconcile(since=since, progress=told.append)

    assert faults_of(account) == [f"{made[2].pk}: no event says that it was accepted"]
    assert account.accepted == 4
    assert told[-1] == 1
    assert told == sorted(told)


def test_it_ends_early_and_says_so_when_it_is_told(acme, definition, monkeypatch):
    monkeypatch.setattr(reconciliation, "SLICE", 1)
    made = [make_record(acme) for _ in range(4)]
    monkeypatch.setattr(moments, "find_first_id", lambda since, end: made[0].pk)
    since = timezone.now() - timedelta(hours=1)
    asked = iter([False, False, True])

    account = reconcile(since=since, stop=lambda: next(asked))

    assert not account.is_complete
    assert account.accepted <= 2


def test_the_chore_tells_an_operator_what_is_wrong(acme, record):
    report = reconciliation.check_since(timedelta(hours=3), lambda: False)
    assert (report.trouble, report.result["sound"]) == ("", True)
    ActionEvent.objects.all().delete()

    report = reconciliation.check_since(timedelta(hours=3), lambda: False)

    assert f"action {record.pk}: no event says that it was accepted" in report.trouble
    assert report.result["sound"] is False
    assert len(report.result["unsound"]) == 1


def test_the_time_since_is_the_databases_whatever_the_clock_of_the_host(acme, record, monkeypatch):
    wrong = timezone.now() + timedelta(days=1)
    monkeypatch.setattr("django.utils.timezone.now", lambda: wrong)

    report = reconciliation.check_since(timedelta(hours=3), lambda: False)

    assert report.result["accepted"] == 1


def test_a_partition_dropped_meanwhile_is_left_out(acme, record, monkeypatch):
    slices = list(reconciliation.find_slices(None))[-1:]
    monkeypatch.setattr(reconciliation, "find_slices", lambda since: slices)
    assert reconcile().accepted == 1
    monkeypatch.setattr(partitions.Partition, "name", "dispatch_actionevent_p99999")

    account = reconcile()

    assert (account.hours, account.is_complete) == ({}, True)


@pytest.mark.django_db(transaction=True)
def test_it_waits_for_those_who_make_and_drop_partitions(acme, record, monkeypatch):
    monkeypatch.setattr(chores, "PAUSE_SECONDS", 0.1)
    with connection.cursor() as cursor, psycopg.connect(lines.read_conninfo()) as dropping:
        cursor.execute("SET lock_timeout = '50ms'")
        dropping.execute(partitions.LOCK)
        ending = threading.Timer(0.2, dropping.rollback)
        ending.start()

        account = reconcile()
        cursor.execute("SET lock_timeout = 0")
        ending.join()

    assert (account.accepted, account.unsound) == (1, [])


def most(accounts):
    """The most actions that one of them has counted."""
    return max(account.accepted for account in accounts)


class Flow:
    """Actions that are accepted, canceled, replayed and deleted, all the while."""

    def __init__(self, org):
        self.org = org
        self.over = threading.Event()

    def accept(self):
        make_record(self.org)

    def cancel(self):
        self.run_bulk("cancel")

    def replay(self):
        self.run_bulk("replay")

    def run_bulk(self, kind):
        newest = ActionRecord.objects.values_list("pk", flat=True).first() or 0
        try:
            operation = start_bulk(self.org, kind, filter={"after_id": str(max(0, newest - 10))})
        except ConflictError:
            return
        while services.advance(operation.pk):
            pass

    def forget(self):
        ended = ActionRecord.objects.filter(status="canceled", replay_of=None)
        some = list(ended.values_list("pk", flat=True)[:5])
        long_ago = timezone.now() - timedelta(days=100)
        ActionRecord.objects.filter(pk__in=some).update(completed_at=long_ago)
        retention.delete_history(lambda: False)

    def go_on(self, act):
        """How often it was done until the proof is over."""
        times = 0
        while not self.over.is_set():
            act()
            times += 1
            # So that there is never much more than what a proof has looked at.
            time.sleep(0.02)
        return times

    def prove(self, act):
        """What sixty accounts found, one after the other; more, until there was much to find."""
        since = timezone.now() - timedelta(hours=1)
        accounts, deadline = [], time.monotonic() + 30
        try:
            while len(accounts) < 60 or (most(accounts) <= 20 and time.monotonic() < deadline):
                accounts.append(reconcile(since=since))
            return accounts
        finally:
            self.over.set()


@pytest.mark.django_db(transaction=True)
def test_it_is_sound_while_actions_flow(acme, definition, monkeypatch):
    monkeypatch.setattr(services, "BATCH", 3)
    monkeypatch.setattr(reconciliation, "SLICE", 7)
    start = make_record(acme).pk
    monkeypatch.setattr(moments, "find_first_id", lambda since, end: start)
    flow = Flow(acme)

    accounts, *times = at_once(
        lambda work: work[0](work[1]),
        [
            (flow.prove, None),
            (flow.go_on, flow.accept),
            (flow.go_on, flow.accept),
            (flow.go_on, flow.cancel),
            (flow.go_on, flow.replay),
            (flow.go_on, flow.forget),
        ],
    )

    assert [found for account in accounts if (found := faults_of(account))] == []
    assert all(not account.unsound for account in accounts)
    assert all(times)
    assert most(accounts) > 20
