"""What lies in the table costs those who are served nothing: plans and statements, pinned."""

import json
from datetime import timedelta
from hashlib import sha256

import pytest
from django.db import connection
from django.utils import timezone

from dispatch.engine import claims
from dispatch.models import ActionPayload, ActionRecord, Lane
from tests import factories
from tests.dispatch import plans
from tests.dispatch.background import wait_until

RECORDS = "dispatch_actionrecord"
LANES = 100


def add_lanes(destination, count, prefix="", **fields):
    """So many lanes, warm unless the fields say more."""
    fields = {"running_limit": 16, "unsettled_limit": 1_000} | fields
    tags = [{"tenant": f"{prefix}{number}"} for number in range(count)]
    return Lane.objects.bulk_create(
        Lane(
            org=destination.org,
            destination=destination,
            tags=one,
            tags_digest=sha256(json.dumps(one).encode()).digest(),
            **fields,
        )
        for one in tags
    )


def fill(destination, definition):
    """20,000 due in 100 lanes, 5,000 for later, 2,000 dead lanes' retries, 5,000 in a full lane.

    The full lane is the first that a claim comes by.
    """
    now = timezone.now()
    (full,) = add_lanes(destination, 1, "full", running_limit=1)
    soon = {"timeout_at": now + timedelta(minutes=1), "started_at": now}
    factories.make_records(full, definition, 1, status="running", **soon)
    factories.make_records(full, definition, 5_000)
    later = {"status": "scheduled", "available_at": now + timedelta(hours=1)}
    for lane in add_lanes(destination, LANES):
        factories.make_records(lane, definition, 200)
        factories.make_records(lane, definition, 50, **later)
    dead = add_lanes(destination, 2_000, "dead", running_limit=1)
    retries = factories.make_records(dead[0], definition, 2_000, failures=4, attempt=4, **later)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {RECORDS} r SET lane_id = moved.lane FROM unnest(%s::bigint[], %s::bigint[]) "
            "AS moved(id, lane) WHERE r.id = moved.id",
            [retries, [lane.pk for lane in dead]],
        )


def analyze():
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {RECORDS}, dispatch_lane")


def add_payloads(ids):
    payloads = (ActionPayload(record_id=pk, input=b'{"n":1}') for pk in ids)
    ActionPayload.objects.bulk_create(payloads, batch_size=10_000)


@pytest.mark.parametrize("analyzed", [True, False], ids=["known", "planned while idle"])
def test_a_claim_reads_what_it_takes_and_little_else(webhook, definition, analyzed):
    (lane,) = add_lanes(webhook, 1, "old")
    over = {"status": "succeeded", "completed_at": timezone.now()}
    factories.make_records(lane, definition, 20_000, **over)
    analyze()
    with plans.prepared():
        # As by a dispatcher that has had nothing to do: no open work, and hardly a lane.
        plans.explain("lanes(0)")
        plans.explain("claim(100, '{}')")
        fill(webhook, definition)
        if analyzed:
            analyze()
        for turn in range(5):
            locked = plans.explain("lanes(0)")
            claimed = plans.explain("claim(100, '{}')")

            assert locked.indexes(RECORDS) == {"record_due"}
            # One entry for each lane, however much lies in it.
            assert locked.rows(RECORDS) <= claims.LANES_A_CLAIM
            assert claimed.indexes(RECORDS) == {
                *("record_due", "record_in_flight", "dispatch_actionrecord_pkey")
            }
            # What is due is found by one index and changed by another; the rest is in flight.
            in_flight = 5 + turn * claims.ROWS_A_CLAIM
            assert claimed.rows(RECORDS) <= 2 * claims.ROWS_A_CLAIM + in_flight
            assert locked.blocks + claimed.blocks < 6_000
    assert ActionRecord.objects.filter(status="running").count() == 501


def test_promotion_looks_at_nothing_that_has_time(webhook, definition):
    fill(webhook, definition)
    analyze()
    with plans.prepared():
        plan = plans.explain("promotion")

    assert plan.indexes(RECORDS) <= {
        *("record_due", "record_scheduled", "record_timeout", "record_deadline"),
        "dispatch_actionrecord_pkey",
    }
    assert plan.rows(RECORDS) <= 10


@pytest.mark.django_db(transaction=True)
def test_a_thousand_deliveries_take_few_statements(
    acme, delivered, receiver, start_dispatcher, statements
):
    destination = delivered.links.get().destination
    lanes = add_lanes(destination, 8, running_limit=100)
    jobs = 2_000
    for lane in lanes:
        ids = factories.make_records(lane, delivered, jobs // len(lanes))
        add_payloads(ids)
    start_dispatcher(concurrency=1_000)

    wait_until(lambda: not ActionRecord.objects.exclude(status="succeeded").exists(), 60)

    assert len(receiver.received) == jobs
    # Each statement is a transaction of its own, a claim's two are one: nobody says BEGIN.
    assert {"BEGIN", "COMMIT"}.isdisjoint(statements)
    # How many of them fit into one depends on how busy the machine is: 40 on a quiet one.
    assert statements.total() / jobs * 1_000 < 100
