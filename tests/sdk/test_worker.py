"""Workers in their own processes: what they do of what they take, and what they leave behind."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from dispatch.models import ActionEvent, ActionRecord
from tests import factories
from tests.dispatch.background import wait_until
from tests.dispatch.claiming import promote

pytestmark = pytest.mark.django_db(transaction=True)
both = pytest.mark.parametrize("mode", ["sync", "async"])


def make(acme, *numbers):
    return [factories.make_record(acme, input={"n": n}) for n in numbers]


def statuses():
    return list(ActionRecord.objects.order_by("id").values_list("status", flat=True))


def wait_for(*expected):
    wait_until(lambda: statuses() == list(expected), seconds=20)


def kinds(record):
    return list(record.events.order_by("id").values_list("kind", flat=True))


@both
def test_what_a_handler_does_decides(acme, sdk, start_worker, mode):
    done, failing, hopeless, later = make(acme, 1, -1, -2, -3)
    factories.make_definition(acme, "unknown", sdk)
    unknown = factories.make_record(acme, "unknown")

    worker = start_worker(mode, lease_seconds=60)

    wait_for("succeeded", "scheduled", "failed", "scheduled", "scheduled")
    assert kinds(done) == ["accepted", "pulled", "succeeded"]
    assert kinds(failing) == kinds(hopeless) == kinds(later) == ["accepted", "pulled", "nacked"]
    assert kinds(unknown) == ["accepted", "pulled", "nacked"]
    ahead = {
        one.pk: (one.available_at - timezone.now()).total_seconds()
        for one in ActionRecord.objects.filter(status="scheduled")
    }
    assert 80 < ahead[later.pk] <= 102
    # By the schedule: five seconds.
    assert ahead[failing.pk] < 7
    assert ahead[unknown.pk] < 7
    assert worker.did("end") == [(done.pk, 0)]
    pulled = ActionEvent.objects.filter(kind="pulled").first()
    assert pulled.detail["worker"].endswith(f":{worker.process.pid}")
    assert worker.end() == 0


@both
def test_many_are_done_at_once_and_each_once(acme, sdk, start_worker, mode):
    records = make(acme, *[100] * 40)

    workers = [start_worker(mode, concurrency=8) for _ in range(2)]

    wait_for(*["succeeded"] * 40)
    done = [one for worker in workers for one in worker.did("end")]
    assert sorted(done) == [(record.pk, 0) for record in records]
    assert [worker.end() for worker in workers] == [0, 0]


@both
def test_a_lease_is_kept_while_a_handler_runs(acme, sdk, start_worker, mode):
    (record,) = make(acme, 5_000)

    start_worker(mode, lease_seconds=2)

    wait_until(lambda: kinds(record).count("extended") >= 3, seconds=20)
    promote()
    wait_for("succeeded")
    record.refresh_from_db()
    assert record.attempt == 0


@both
def test_a_worker_that_is_told_to_stop_ends_what_it_has_begun(acme, sdk, start_worker, mode):
    (record,) = make(acme, 1_500)
    worker = start_worker(mode)
    worker.wait_for("start")

    assert worker.end() == 0

    assert worker.did("end") == [(record.pk, 0)]
    assert statuses() == ["succeeded"]


@both
def test_what_does_not_end_in_its_grace_is_given_back(acme, sdk, start_worker, mode):
    (record,) = make(acme, 60_000)
    worker = start_worker(mode, grace_seconds=0.5)
    worker.wait_for("start")

    assert worker.end() == 0

    record.refresh_from_db()
    assert (record.status, record.attempt) == ("queued", 1)
    assert worker.did("end") == []


@both
def test_a_worker_that_is_killed_loses_nothing(acme, sdk, start_worker, mode):
    """Killed in the middle of ten actions, with more of them waiting."""
    records = make(acme, *[400] * 30)
    doomed = start_worker(mode, lease_seconds=2, concurrency=10)
    doomed.wait_for("start", 12)

    doomed.process.kill()
    doomed.process.wait()
    assert ActionRecord.objects.filter(status="ack_wait").exists()
    start_worker(mode, lease_seconds=10)

    def promoted_and_done():
        promote()
        return statuses() == ["succeeded"] * 30

    wait_until(promoted_and_done, seconds=30)
    # What it held came back by its lease, each once more; all else was done at first. What it had
    # acknowledged when it was killed may have been on its way, and so may a poll: it held no more
    # than it has room for.
    again = ActionRecord.objects.filter(attempt=1)
    assert 0 < again.count() <= 10
    assert ActionRecord.objects.filter(attempt__gt=1).count() == 0
    assert ActionEvent.objects.filter(kind="succeeded").count() == len(records)


def test_a_lease_that_was_lost_is_somebody_elses(acme, sdk, start_worker):
    (record,) = make(acme, 2_500)
    worker = start_worker(lease_seconds=2)
    worker.wait_for("start")
    # As if it had been cut off for longer than its lease.
    factories.move(record, timeout_at=timezone.now() - timedelta(seconds=1))
    promote()

    wait_until(lambda: (record.pk, 1) in worker.did("end"), seconds=20)
    wait_for("succeeded")
    record.refresh_from_db()
    assert record.attempt == 1
    # What the first attempt did afterwards was refused.
    assert [one.attempt for one in record.events.filter(kind="succeeded")] == [1]
