"""Usage is exact in any order of things, and while they happen at the same time."""

from __future__ import annotations

import random
import threading

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dispatch import intake, settlement
from dispatch.intake import Submission
from dispatch.models import ActionRecord
from dispatch.retries import Ending
from operations import retention, usage
from operations.models import Usage, UsageProgress
from tests.dispatch.concurrency import at_once
from tests.factories import make_record, move
from tests.operations.using import (
    ENDS,
    counted,
    days_ago,
    from_records,
    never,
    storing_slowly,
)


@pytest.mark.django_db(transaction=True)
def test_an_action_that_is_stored_late_is_not_passed_over(acme, definition):
    """Its id was taken before that of one that is there already."""
    # From here on there is a lane, which nobody waits for.
    make_record(acme)
    usage.roll_up(never)
    before = counted()
    with storing_slowly(acme) as slow:
        make_record(acme)
        stopped = usage.roll_up(slow.is_alive)
        assert counted() == before
    usage.roll_up(never)

    assert stopped.trouble == ""
    assert counted() == from_records()
    assert [row[0] for row in counted().values()] == [3]


@pytest.mark.django_db(transaction=True)
def test_who_stores_for_too_long_is_told_of(acme, definition, monkeypatch):
    monkeypatch.setattr(usage, "PATIENCE_SECONDS", 0.1)
    with storing_slowly(acme):
        report = usage.roll_up(never)

    assert report.trouble == usage.NOBODY_ENDS
    assert UsageProgress.objects.filter(as_of__isnull=False).count() == 0


class Ledger:
    """What four who take in and settle at the same time have done."""

    def __init__(self, org):
        self.org = org
        self.lock = threading.Lock()
        self.made = []
        self.ended = []
        self.at_work = 4

    def work(self, seed):
        chance = random.Random(seed)
        for _ in range(12):
            several = [Submission("count", {"n": n}) for n in range(chance.randint(1, 5))]
            accepted = intake.accept(self.org.pk, several, atomic=chance.random() < 0.5)
            with self.lock:
                self.made.extend(one.id for one in accepted)
                chosen = chance.sample(self.made, min(3, len(self.made)))
            status = chance.choice(["succeeded", "failed", "canceled"])
            for record_id in chosen:
                self.end(Ending(record_id, 0, status, status, 0), is_old=chance.random() < 0.5)
        with self.lock:
            self.at_work -= 1

    def end(self, ending, *, is_old):
        """End it as if it had been a hundred days ago, where it is old."""
        with transaction.atomic():
            if settlement.finish(ending, statuses=["queued", "running"]):
                self.ended.append(ending.status)
                if is_old:
                    old = ActionRecord.objects.filter(pk=ending.record_id)
                    old.update(completed_at=days_ago(100), created_at=days_ago(100))

    def count(self, _):
        while self.at_work:
            usage.roll_up(never)

    def delete(self, _):
        while self.at_work:
            retention.delete_payloads(never)
            retention.delete_history(never)


@pytest.mark.django_db(transaction=True)
def test_it_is_exact_while_actions_come_end_and_are_deleted_and_others_count(
    acme, definition, short_slices
):
    ledger = Ledger(acme)
    at_once(
        lambda job: job[0](job[1]),
        [
            *((ledger.work, seed) for seed in range(4)),
            (ledger.count, 1),
            (ledger.count, 2),
            (ledger.delete, 1),
        ],
    )
    assert ActionRecord.objects.count() < len(ledger.made)

    usage.roll_up(never)

    totals = Usage.objects.all().totals()
    assert totals["accepted"] == len(ledger.made)
    assert totals["payload_bytes"] == 7 * len(ledger.made)
    assert [totals[column] for column in ENDS] == [
        ledger.ended.count(status) for status in ENDS.values()
    ]


HISTORY = st.lists(
    st.tuples(
        st.sampled_from(["accept", "accept", "accept", "end", "end", "count", "delete", "age"]),
        st.integers(0, 1_000),
    ),
    max_size=40,
)


@given(history=HISTORY)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.django_db
def test_any_history_is_counted_exactly(acme, definition, short_slices, history):
    """Against a ledger that is kept by hand."""
    with transaction.atomic():
        play(acme, history)
        transaction.set_rollback(True)


def play(acme, history):
    came, ended = {}, {}
    for what, number in history:
        unfinished = ActionRecord.objects.filter(completed_at=None).order_by("pk")
        if what == "accept":
            record = move(make_record(acme), created_at=days_ago(number % 3 + 120))
            day = record.created_at.date()
            came[day] = came.get(day, 0) + 1
        elif what == "end" and unfinished:
            record = unfinished[number % len(unfinished)]
            status = ("succeeded", "failed", "canceled")[number % 3]
            moment = days_ago(95 + number % 5)
            move(record, status=status, completed_at=moment)
            key = moment.date(), status
            ended[key] = ended.get(key, 0) + 1
        elif what == "count":
            usage.roll_up(never)
        elif what == "delete":
            retention.delete_history(never)
        elif what == "age":
            retention.delete_payloads(never)
    usage.roll_up(never)
    found = {key[2]: row for key, row in counted().items()}
    for day, row in found.items():
        assert row == (
            came.get(day, 0),
            *(ended.get((day, status), 0) for status in ENDS.values()),
            7 * came.get(day, 0),
        )
    assert set(found) == {*came, *(day for day, _ in ended)}
