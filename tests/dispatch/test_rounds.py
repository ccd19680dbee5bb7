"""Settlements that workers report raise the unsettled limit, at no cost until a round is full."""

import pytest
from django.db import OperationalError

from dispatch import rounds, settlement, throttle
from dispatch.models import ActionRecord
from dispatch.rounds import Rounds
from tests import factories
from tests.dispatch.claiming import connected


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch):
    monkeypatch.setattr(rounds, "rounds", Rounds())


@pytest.fixture
def lane(webhook):
    return factories.make_lane(webhook, unsettled_limit=4)


def deliver(lane, definition, count):
    return factories.make_records(lane, definition, count, status="ack_wait")


def ack(lane, record_ids):
    for record_id in record_ids:
        settlement.ack(org_id=lane.org_id, record_id=record_id, attempt=0)


def test_a_full_round_raises_the_unsettled_limit(lane, definition):
    # Two rounds, because what makes the lane full is looked at when a round ends.
    ack(lane, deliver(lane, definition, 7)[:4])

    lane.refresh_from_db()
    assert (lane.unsettled_limit, lane.running_limit) == (5, 16)
    assert lane.reason == "unsettled raised from 4 to 5: a round went well"


def test_a_lane_with_room_is_left_as_it_is(lane, definition):
    ack(lane, deliver(lane, definition, 4))

    lane.refresh_from_db()
    assert (lane.unsettled_limit, lane.revision) == (4, 0)


def test_a_settlement_within_a_round_costs_no_statement_more(
    lane, definition, django_assert_num_queries
):
    first, second, *_ = deliver(lane, definition, 5)
    ack(lane, [first])

    # The record, and the compare-and-set with its event and its wake-up.
    with django_assert_num_queries(2):
        ack(lane, [second])


def test_a_settle_that_did_not_win_is_not_counted(lane, definition):
    (record_id,) = deliver(lane, definition, 1)
    for _ in range(3):
        ack(lane, [record_id])

    assert rounds.rounds.counts == {lane.pk: 1}


def test_a_process_forgets_counts_rather_than_grow_without_end(monkeypatch):
    monkeypatch.setattr(throttle, "MOST_LANES", 3)
    counting = Rounds()
    for lane_id in range(3):
        counting.take_full(lane_id)

    full = [counting.take_full(3) for _ in range(4)]

    assert [bool(count) for count in full] == [False, False, False, True]
    assert not counting.counts


@pytest.mark.django_db(transaction=True)
def test_an_ack_is_answered_also_where_its_lane_is_locked(api, acme, lane, definition):
    record_ids = deliver(lane, definition, 7)
    with connected() as somebody, somebody.transaction():
        somebody.execute("SELECT FROM dispatch_lane WHERE id = %s FOR UPDATE", [lane.pk])
        for record_id in record_ids[:4]:
            body = {"action_record_id": str(record_id), "attempt": 0}
            assert api.data(api.post("/v1/ack", body)) == {"status": "ok"}

    lane.refresh_from_db()
    assert lane.unsettled_limit == 4
    # The next round is a new one.
    assert rounds.rounds.throttle.moving == set()


def test_an_ack_stands_where_its_round_cannot_be_counted(lane, definition, monkeypatch, caplog):
    (record_id,) = deliver(lane, definition, 1)

    def fail(*_):
        raise OperationalError("gone")

    monkeypatch.setattr(rounds, "count_settled", fail)

    ack(lane, [record_id])

    assert ActionRecord.objects.get(pk=record_id).status == "succeeded"
    assert "is not counted" in caplog.text
