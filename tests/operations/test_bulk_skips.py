"""What matches and is not done in bulk: counted by its reason, and no more than that."""

from __future__ import annotations

import pytest

from actions import services as actions
from dispatch import services as dispatch
from dispatch.models import ActionPayload, ActionRecord
from operations import matching, services
from tests import factories
from tests.factories import make_over, make_record, start_bulk
from tests.operations.bulk import carry_out, ids, replays


def test_skipped_actions_do_not_count_against_the_cap(acme, failed):
    ActionPayload.objects.filter(pk__in=ids(failed[:2])).delete()

    operation = carry_out(start_bulk(acme, cap=2))

    assert replays() == ids(failed[2:4])
    assert operation.skipped["PAYLOAD_EXPIRED"]["count"] == operation.skipped_count == 2


def test_what_cannot_be_replayed_is_counted_by_its_reason(acme, failed, webhook):
    ActionPayload.objects.filter(pk__in=ids(failed[:1])).delete()
    gone = factories.make_definition(acme, "gone", to=webhook)
    others = [make_over(acme, variant="gone") for _ in range(7)]
    actions.delete_definition(definition=gone)

    operation = carry_out(start_bulk(acme))

    assert (operation.done, operation.skipped_count) == (4, 8)
    assert operation.skipped == {
        "PAYLOAD_EXPIRED": {"count": 1, "ids": [str(failed[0].pk)]},
        # The first of many are named.
        "DEFINITION_DELETED": {"count": 7, "ids": [str(one.pk) for one in others[:5]]},
    }
    assert all(one.events.count() == 2 for one in others)


def test_what_ended_meanwhile_is_not_canceled(acme, definition, monkeypatch):
    first, second = make_record(acme), make_record(acme)
    operation = start_bulk(acme, "cancel")
    find = matching.Aim.find

    def find_and_lose(aim, span, most):
        found = find(aim, span, most)
        factories.move(first, status="succeeded", completed_at=first.created_at)
        return found

    monkeypatch.setattr(matching.Aim, "find", find_and_lose)
    carry_out(operation)

    assert operation.skipped == {"NOT_CANCELABLE": {"count": 1, "ids": [str(first.pk)]}}
    assert operation.done == 1
    second.refresh_from_db()
    assert second.status == "canceled"


@pytest.mark.parametrize("lost", [slice(0, 1), slice(2, 3), slice(4, 5), slice(0, 5)])
def test_what_is_deleted_between_finding_and_replaying_is_skipped(acme, failed, monkeypatch, lost):
    operation = start_bulk(acme)
    gone, find = ids(failed[lost]), matching.Aim.find

    def find_and_lose(aim, span, most):
        found = find(aim, span, most)
        ActionRecord.objects.filter(pk__in=gone).delete()
        return found

    monkeypatch.setattr(matching.Aim, "find", find_and_lose)
    carry_out(operation)

    assert replays() == [pk for pk in ids(failed) if pk not in gone]
    assert operation.skipped["HISTORY_EXPIRED"]["count"] == len(gone)
    assert operation.status == "succeeded"


def test_what_was_replayed_before_is_skipped(acme, failed):
    carry_out(start_bulk(acme, cap=3))

    # Asked for once more: the originals are failed as before.
    second = carry_out(start_bulk(acme, filter={"status": "failed"}))

    assert replays() == ids(failed)
    assert (second.found, second.done) == (5, 2)
    assert second.skipped == {
        "ALREADY_REPLAYED": {"count": 3, "ids": list(map(str, ids(failed[:3])))}
    }
    assert all(record.events.filter(kind="replayed").count() == 1 for record in failed)


def test_what_was_replayed_by_itself_is_skipped_too(acme, failed):
    dispatch.replay_record(record=failed[1], actor="key 7")

    operation = carry_out(start_bulk(acme))

    assert operation.skipped == {"ALREADY_REPLAYED": {"count": 1, "ids": [str(failed[1].pk)]}}
    assert operation.done == 4
    # By itself it is replayed as often as somebody says so.
    dispatch.replay_record(record=failed[1], actor="key 7")


def test_where_all_were_replayed_before_nothing_is_done(acme, failed):
    carry_out(start_bulk(acme))

    second = carry_out(start_bulk(acme, filter={"status": "failed"}))

    assert (second.status, second.done, second.last_id) == ("succeeded", 0, failed[-1].pk)
    assert second.skipped["ALREADY_REPLAYED"]["count"] == 5


def test_what_a_replay_made_is_replayed_when_it_has_failed_as_well(acme, failed):
    carry_out(start_bulk(acme))
    made = ActionRecord.objects.filter(replay_of__isnull=False).order_by("pk")
    made.update(status="failed", completed_at=failed[0].completed_at)

    second = carry_out(start_bulk(acme))

    assert (second.done, second.skipped["ALREADY_REPLAYED"]["count"]) == (5, 5)
    assert replays()[5:] == list(made.values_list("pk", flat=True)[:5])


def test_asked_for_again_it_is_replayed_again(acme, failed):
    carry_out(start_bulk(acme))

    second = carry_out(start_bulk(acme, filter={"status": "failed"}, again=True))

    assert (second.done, second.skipped, second.again) == (5, {}, True)
    assert replays() == ids(failed) * 2


def test_what_is_skipped_is_counted_once_where_a_batch_is_cut(acme, failed, monkeypatch):
    monkeypatch.setattr(dispatch, "MOST_REPLAYED_BYTES", 14)
    for record in (failed[0], failed[4]):
        dispatch.replay_record(record=record, actor="key 7")
    operation = start_bulk(acme, filter={"status": "failed"})

    # Two payloads are as many as one batch may hold; the last one is of the next batch.
    assert services.advance(operation.pk) is True
    operation.refresh_from_db()
    assert (operation.done, operation.skipped["ALREADY_REPLAYED"]["count"]) == (2, 1)

    carry_out(operation)
    assert (operation.done, operation.skipped["ALREADY_REPLAYED"]["count"]) == (3, 2)


def test_a_cancel_asks_nothing_of_the_kind(acme, failed):
    carry_out(start_bulk(acme))

    canceled = carry_out(start_bulk(acme, "cancel"))

    assert (canceled.done, canceled.skipped) == (5, {})
