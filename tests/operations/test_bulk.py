"""Replaying and canceling in bulk: batch by batch, counted, capped, stopped and gone on with."""

from __future__ import annotations

import pytest
from django.db import connection
from procrastinate.contrib.django.models import ProcrastinateJob

from actions import services as actions
from config.errors import ConflictError, RuleError
from dispatch import services as dispatch
from dispatch.intake import DestinationGoneError
from dispatch.models import ActionPayload, ActionRecord, Status
from operations import matching, services
from operations.models import BulkOperation
from tests import factories
from tests.factories import make_over, make_record, start_bulk
from tests.operations.bulk import carry_out, ids, replays


def test_every_action_that_matches_is_replayed_once(acme, failed):
    make_over(acme, Status.SUCCEEDED)
    make_record(acme)

    operation = carry_out(start_bulk(acme, filter={"status": "failed"}))

    assert replays() == ids(failed)
    assert (operation.status, operation.done, operation.found) == ("succeeded", 5, 5)
    assert (operation.skipped, operation.progress) == ({}, 1.0)
    assert not operation.is_cap_reached
    inputs = ActionPayload.objects.filter(record__replay_of__isnull=False).order_by("pk")
    assert [payload.input for payload in inputs] == [b'{"n":%d}' % n for n in range(5)]


def test_each_action_tells_who_replayed_it_why_and_as_what(acme, failed):
    operation = carry_out(start_bulk(acme, reason="The mail server was down.", actor="key 7"))

    for record in failed:
        event = record.events.get(kind="replayed")
        assert event.status == "failed"
        assert event.detail == {
            "by": "key 7",
            "reason": "The mail server was down.",
            "bulk": str(operation.pk),
            "replayed_as": str(ActionRecord.objects.get(replay_of=record.pk).pk),
        }


def test_every_action_that_matches_is_canceled(acme, definition):
    waiting = [make_record(acme) for _ in range(3)]
    over = make_over(acme, Status.SUCCEEDED)

    operation = carry_out(start_bulk(acme, "cancel", reason="Called off.", actor="bob@example.com"))

    assert (operation.status, operation.done) == ("succeeded", 3)
    for record in waiting:
        record.refresh_from_db()
        assert record.status == "canceled"
        assert record.error_message == "Canceled by bob@example.com: Called off."
        event = record.events.order_by("id").last()
        assert (event.kind, event.detail["bulk"]) == ("canceled", str(operation.pk))
    over.refresh_from_db()
    assert over.status == "succeeded"


@pytest.mark.parametrize("status", ["queued", "scheduled", "running", "ack_wait"])
def test_whatever_is_not_over_is_canceled(acme, definition, status):
    factories.move(make_record(acme), status=status)

    operation = carry_out(start_bulk(acme, "cancel"))

    assert operation.done == 1
    assert ActionRecord.objects.get().status == "canceled"


def test_only_the_organizations_own_are_touched(acme, globex, failed):
    factories.make_definition(globex, to=factories.make_destination(globex))
    theirs = make_over(globex)

    carry_out(start_bulk(acme))
    with pytest.raises(ConflictError):
        start_bulk(globex, filter={"after_id": str(theirs.pk)})

    assert theirs.pk not in replays()
    assert theirs.events.count() == 2
    assert ActionRecord.objects.of_org(globex.pk).count() == 1


def test_what_a_replay_makes_is_not_replayed_again(acme, failed, monkeypatch):
    monkeypatch.setattr(services, "BATCH", 2)
    operation = start_bulk(acme)
    while services.advance(operation.pk):
        made = ActionRecord.objects.exclude(replay_of=None)
        made.update(status="failed", completed_at=failed[0].completed_at)

    assert replays() == ids(failed)
    assert ActionRecord.objects.count() == 10


def test_what_a_sink_has_kept_is_redriven_once_there_is_a_real_route(acme, webhook):
    definition = factories.make_definition(acme)
    sunk = [make_record(acme, tags={"n": str(number)}) for number in range(3)]
    sink = sunk[0].destination
    asked = {"filter": {"status": "succeeded", "destination": str(sink.pk)}}
    # Where there is none yet it sinks again, and that one is redriven later.
    carry_out(start_bulk(acme, **asked))
    assert ActionRecord.objects.filter(destination=sink, status="succeeded").count() == 6
    actions.link_destination(definition=definition, destination_id=webhook.pk, is_default=True)

    operation = carry_out(start_bulk(acme, **asked))

    redriven = ActionRecord.objects.filter(destination=webhook).order_by("pk")
    assert operation.done == 3
    assert [record.tags for record in redriven] == [one.tags for one in sunk]
    assert {(one.status, one.push, one.lane is not None) for one in redriven} == {
        ("queued", True, True)
    }
    assert {one.payload.input for one in redriven} == {b'{"n":1}'}


def test_what_comes_later_is_left_alone(acme, failed):
    operation = start_bulk(acme)
    make_over(acme)

    assert carry_out(operation).done == 5
    assert replays() == ids(failed)


@pytest.mark.parametrize(("cap", "done"), [(1, 1), (3, 3), (4, 4), (5, 5), (6, 5)])
def test_a_cap_is_kept_and_says_where_to_go_on(acme, failed, monkeypatch, cap, done):
    monkeypatch.setattr(services, "BATCH", 2)

    operation = carry_out(start_bulk(acme, cap=cap))

    assert (operation.done, operation.status) == (done, "succeeded")
    assert replays() == ids(failed[:done])
    assert operation.is_cap_reached == (done < 5)
    if done < 5:
        assert operation.last_id == failed[done - 1].pk
        rest = {"after_id": str(operation.last_id), "status": "failed"}
        carry_out(start_bulk(acme, filter=rest))
        assert replays() == ids(failed)


def test_payloads_too_large_for_one_batch_are_cut_into_several(acme, failed, monkeypatch):
    monkeypatch.setattr(dispatch, "MOST_REPLAYED_BYTES", 14)
    operation = start_bulk(acme)

    # Two payloads of seven bytes are as many as one batch may hold.
    for done in (2, 4):
        assert services.advance(operation.pk) is True
        operation.refresh_from_db()
        assert (operation.done, operation.last_id) == (done, failed[done].pk - 1)
    assert services.advance(operation.pk) is False
    assert replays() == ids(failed)


def test_a_crash_between_two_batches_loses_and_repeats_nothing(acme, failed, monkeypatch):
    monkeypatch.setattr(services, "BATCH", 2)
    operation = start_bulk(acme)
    services.advance(operation.pk)

    def crash(operation):
        raise KeyboardInterrupt

    # The work of the second batch is done, and its count is not kept.
    with monkeypatch.context() as broken:
        broken.setattr(services, "_save_progress", crash)
        with pytest.raises(KeyboardInterrupt):
            services.advance(operation.pk)
    assert replays() == ids(failed[:2])
    operation.refresh_from_db()
    assert (operation.done, operation.status, operation.progress > 0) == (2, "running", True)

    carry_out(operation)
    assert replays() == ids(failed)


def test_a_destination_deleted_meanwhile_costs_another_try(acme, failed, monkeypatch):
    operation = start_bulk(acme)
    store, tries = dispatch.intake.store, []

    def store_once_in_vain(*arguments, **options):
        tries.append(arguments)
        if len(tries) == 1:
            raise DestinationGoneError("It was deleted.")
        return store(*arguments, **options)

    monkeypatch.setattr(dispatch.intake, "store", store_once_in_vain)

    assert services.advance(operation.pk) is True
    assert replays() == []
    carry_out(operation)
    assert replays() == ids(failed)


def test_one_of_a_kind_is_under_way_in_an_organization(acme, globex, failed):
    first = start_bulk(acme)
    make_record(acme)

    with pytest.raises(ConflictError) as refused:
        start_bulk(acme, filter={"status": "failed"})
    assert refused.value.faults[0].code == "BULK_UNDER_WAY"
    assert ProcrastinateJob.objects.count() == 1

    # Another kind, and another organization, are not in its way.
    start_bulk(acme, "cancel")
    factories.make_definition(globex, to=factories.make_destination(globex))
    make_over(globex)
    start_bulk(globex)
    carry_out(first)
    start_bulk(acme, filter={"status": "failed"})
    assert BulkOperation.objects.under_way().count() == 3


def test_nothing_that_matches_is_refused(acme, failed):
    with pytest.raises(ConflictError) as refused:
        start_bulk(acme, filter={"variant": "none"})

    assert refused.value.faults[0].code == "NOTHING_MATCHES"
    assert not BulkOperation.objects.exists()
    assert not ProcrastinateJob.objects.exists()


def test_an_organization_without_any_action_has_nothing_to_replay(acme):
    assert services.count_matching(org_id=acme.pk, kind="replay", filter={}).ids == []
    with pytest.raises(ConflictError):
        start_bulk(acme)


def test_what_could_not_be_counted_in_time_is_started_all_the_same(acme, failed, monkeypatch):
    monkeypatch.setattr(matching, "COUNTING_SECONDS", -1.0)

    operation = start_bulk(acme)

    assert (operation.found, operation.found_exact) == (0, False)
    assert carry_out(operation).done == 5


@pytest.mark.parametrize(
    ("kind", "status"),
    [("replay", "queued"), ("replay", "running"), ("cancel", "failed"), ("cancel", "canceled")],
)
def test_a_status_that_the_kind_does_not_take_is_refused(acme, failed, kind, status):
    with pytest.raises(RuleError, match="in bulk takes actions that are ") as refused:
        start_bulk(acme, kind, filter={"status": status})

    assert refused.value.faults[0].code == "INVALID_FILTER"
    assert refused.value.faults[0].pointer == "/filter/status"


def test_it_is_handed_to_a_worker_together_with_its_row(acme, failed):
    operation = start_bulk(acme)

    job = ProcrastinateJob.objects.get()
    assert (job.task_name, job.queue_name) == ("run_bulk_operation", "bulk")
    assert (job.args, job.lock) == ({"operation_id": operation.pk}, f"bulk/{operation.pk}")


def test_a_cancel_stops_it_where_it_is(acme, failed, monkeypatch):
    monkeypatch.setattr(services, "BATCH", 2)
    operation = start_bulk(acme)
    services.advance(operation.pk)

    stopped = services.cancel_operation(operation=operation, actor="key 7")

    assert (stopped.status, stopped.done, stopped.last_id) == ("canceled", 2, failed[1].pk)
    assert stopped.error_message == "Canceled by key 7."
    assert stopped.finished_at is not None
    assert services.advance(operation.pk) is False
    assert replays() == ids(failed[:2])


@pytest.mark.parametrize("status", ["succeeded", "failed", "canceled"])
def test_what_is_over_cannot_be_canceled_nor_gone_on_with(acme, status):
    operation = factories.make_bulk(acme, status=status)

    with pytest.raises(ConflictError) as refused:
        services.cancel_operation(operation=operation, actor="key 7")
    assert refused.value.faults[0].code == "NOT_CANCELABLE"
    assert services.advance(operation.pk) is False
    services.fail_operation(operation_id=operation.pk, error="too late")
    operation.refresh_from_db()
    assert (operation.status, operation.error_message) == (status, "")


def test_an_operation_without_a_job_is_lost(acme, globex, failed):
    lost = start_bulk(acme)
    make_record(acme)
    alive = start_bulk(acme, "cancel")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE procrastinate_jobs SET status = 'failed' WHERE args->>'operation_id' = %s",
            [str(lost.pk)],
        )

    assert services.fail_lost_operations() == [lost.pk]
    assert services.fail_lost_operations() == []

    lost.refresh_from_db()
    assert (lost.status, lost.error_message) == ("failed", services.LOST)
    alive.refresh_from_db()
    assert alive.status == "queued"
