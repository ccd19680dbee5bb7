"""The claim: fair across lanes, exact in its limits, and cheap whatever else lies in the table."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from dispatch.engine import claims
from dispatch.models import ActionRecord, Status
from dispatch.retries import LEASE_SECONDS
from tests import factories
from tests.dispatch.claiming import by_lane, claim, connected, lock, take
from tests.dispatch.concurrency import at_once


def test_a_claimed_action_runs_with_a_lease(acme, webhook, definition):
    record = factories.make_record(acme)
    factories.move(record, attempt=2, failures=1)

    (row,) = claim()

    assert row[:3] == (record.pk, 2, 1)
    assert row[3:9] == (record.lane_id, "webhook", row[5], False, '{"n":1}', webhook.pk)
    # Neither credential nor signing key, and a plain webhook is not told the variant.
    assert row[10:13] == (None, None, "plain")
    # What was in flight in the lane before, and the lane as it is stored.
    in_flight, revision, limit = row[13:15], row[15], row[16]
    assert (in_flight, revision, limit) == ((0, 0), 0, 4)
    assert '"url"' in row[5]
    record.refresh_from_db()
    assert (record.status, record.attempt) == ("running", 2)
    assert record.timeout_at - record.started_at == timedelta(seconds=LEASE_SECONDS)
    assert claim() == []


def test_a_claim_tells_that_the_destination_was_deleted(acme, webhook, definition):
    factories.make_record(acme)
    webhook.deleted_at = timezone.now()
    webhook.save()

    (row,) = claim()

    assert row[6] is True


@pytest.mark.parametrize(
    "columns",
    [
        # its time has not come
        {"status": "scheduled"},
        # under way
        {"status": "running"},
        {"status": "ack_wait"},
        # over
        {"status": "succeeded", "completed_at": timezone.now()},
        {"status": "failed", "completed_at": timezone.now()},
        {"status": "canceled", "completed_at": timezone.now()},
        # not delivered by us
        {"push": False},
    ],
)
def test_only_what_is_due_and_pushed_is_claimed(make_lanes, definition, columns):
    (lane,) = make_lanes(1)
    factories.make_records(lane, definition, 3, **columns)

    with connection.cursor() as cursor:
        assert lock(cursor) == (0, False)
    assert claim() == []


def test_what_has_run_out_of_time_is_not_claimed(make_lanes, definition):
    (lane,) = make_lanes(1)
    now = timezone.now()
    factories.make_records(lane, definition, 3, deadline_at=now - timedelta(minutes=1))
    open_ids = factories.make_records(lane, definition, 2, deadline_at=now + timedelta(minutes=1))

    assert sorted(row[0] for row in claim()) == open_ids


def test_nothing_is_claimed_for_a_crowded_destination(acme, make_lanes, definition):
    other = factories.make_lane(factories.make_destination(acme))
    for lane in (*make_lanes(2), other):
        factories.make_records(lane, definition, 3)

    with connection.cursor() as cursor:
        lock(cursor)
        rows = take(cursor, crowded=[definition.links.get().destination_id])

    assert by_lane(rows) == {other.pk: 3}


def test_the_oldest_of_a_lane_come_first(make_lanes, definition):
    (lane,) = make_lanes(1, running_limit=3)
    now = timezone.now()
    newer = factories.make_records(lane, definition, 2, available_at=now)
    older = factories.make_records(lane, definition, 2, available_at=now - timedelta(minutes=1))

    assert sorted(row[0] for row in claim()) == sorted([*older, newer[0]])


def test_a_lane_with_much_work_leaves_room_for_the_others(make_lanes, definition):
    lanes = make_lanes(4)
    for lane, count in zip(lanes, [500, 3, 500, 1], strict=True):
        factories.make_records(lane, definition, count)

    counted = by_lane(claim())

    assert [counted[lane.pk] for lane in lanes] == [16, 3, 16, 1]


def test_a_cut_claim_goes_on_behind_the_last_lane_served(make_lanes, definition):
    lanes = make_lanes(10, running_limit=8)
    for lane in lanes:
        factories.make_records(lane, definition, 20)
    ids = [lane.pk for lane in lanes]
    after, served = 0, []

    while after != ids[-1]:
        counted = by_lane(claim(after, rows=20))
        after = max(counted)
        served.append([counted[pk] for pk in ids])

    # 8 + 8 + 4: the lane that is cut waits for its turn like the others.
    assert served == [
        [8, 8, 4, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 8, 8, 4, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 8, 8, 4, 0],
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 8],
    ]


def test_lanes_are_looked_at_from_the_cursor_on(make_lanes, definition):
    lanes = make_lanes(claims.LANES_A_CLAIM + 6)
    for lane in lanes:
        factories.make_records(lane, definition, 1)
    ids = [lane.pk for lane in lanes]

    with connection.cursor() as cursor:
        assert lock(cursor) == (ids[claims.LANES_A_CLAIM - 1], True)
        assert lock(cursor, after=ids[claims.LANES_A_CLAIM - 1]) == (ids[-1], False)
        assert sorted(by_lane(take(cursor))) == ids[-6:]
        assert lock(cursor, after=ids[-1]) == (ids[-1], False)
        assert take(cursor) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("limits", [{"running_limit": 10}, {"unsettled_limit": 10}])
def test_limits_hold_with_several_claimers_at_once(make_lanes, definition, limits):
    lanes = make_lanes(3, **limits)
    for lane in lanes:
        factories.make_records(lane, definition, 200)

    def claim_often(number):
        most = 0
        with connected() as own:
            for turn in range(30):
                with own.transaction():
                    lock(own.cursor())
                    rows = take(own.cursor())
                with own.cursor() as cursor:
                    cursor.execute(RUNNING)
                    most = max(most, *(count for _, count in cursor.fetchall()), 0)
                # Give some of it back, so that there is room to fight for.
                done = [row[0] for row in rows[turn % 2 :]]
                own.execute(END, {"ids": done})
        return most

    assert max(at_once(claim_often, range(4))) == 10


RUNNING = """
SELECT lane_id, count(*) FROM dispatch_actionrecord WHERE status = 'running' GROUP BY lane_id
UNION ALL SELECT 0, 0
"""
END = """
UPDATE dispatch_actionrecord SET status = 'succeeded', completed_at = now()
WHERE id = ANY(%(ids)s::bigint[])
"""


@pytest.mark.django_db(transaction=True)
def test_a_lane_that_somebody_is_claiming_from_is_passed_over(make_lanes, definition):
    lanes = make_lanes(2)
    first, second = (factories.make_records(lane, definition, 3) for lane in lanes)
    with connected() as one, connected() as other, one.transaction():
        lock(one.cursor(), after=lanes[0].pk)
        with other.transaction():
            # It is counted all the same, so that the cursor moves on.
            assert lock(other.cursor()) == (lanes[1].pk, False)
            assert sorted(row[0] for row in take(other.cursor())) == first
        assert sorted(row[0] for row in take(one.cursor())) == second


@pytest.mark.django_db(transaction=True)
def test_a_claim_sees_what_the_last_holder_of_the_lock_did(make_lanes, definition):
    (lane,) = make_lanes(1, running_limit=5)
    factories.make_records(lane, definition, 20)
    with connected() as one, connected() as other:
        with one.transaction():
            lock(one.cursor())
            with other.transaction():
                # Its snapshot would be older than the claim that is under way.
                lock(other.cursor())
                assert take(other.cursor()) == []
            assert len(take(one.cursor())) == 5
        with other.transaction():
            lock(other.cursor())
            assert take(other.cursor()) == []


def test_lanes_are_locked_in_a_namespace_of_their_own(make_lanes, definition):
    (lane,) = make_lanes(1)
    factories.make_records(lane, definition, 1)

    with connection.cursor() as cursor:
        lock(cursor)
        cursor.execute(
            "SELECT classid::bigint << 32 | objid::bigint, objsubid FROM pg_locks "
            "WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
        )
        held = cursor.fetchall()

    assert held == [(claims.LANE_LOCKS + lane.pk, 1)]
    assert claims.LANE_LOCKS + 2**40 < 2**63


def test_nothing_is_done_where_nothing_is_due(definition):
    with connection.cursor() as cursor:
        assert lock(cursor) == (0, False)
        assert take(cursor) == []


@pytest.fixture
def crowded(make_lanes, definition):
    """20,000 finished actions, 5,000 scheduled for later, 2,000 due ones in 10 lanes."""
    later = timezone.now() + timedelta(hours=1)
    for lane in make_lanes(10):
        over = {"status": Status.SUCCEEDED, "completed_at": timezone.now()}
        factories.make_records(lane, definition, 2_000, **over)
        factories.make_records(lane, definition, 500, status="scheduled", available_at=later)
        factories.make_records(lane, definition, 200)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE dispatch_actionrecord, dispatch_lane")


def explain(statement, parameters):
    """The plan's nodes as text, after running it."""
    with connection.cursor() as cursor:
        if "waybill.lanes" in statement and "set_config" not in statement:
            lock(cursor)
        cursor.execute(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {statement}", parameters)
        return "\n".join(line for (line,) in cursor.fetchall())


@pytest.mark.usefixtures("crowded")
def test_claims_read_only_what_is_due():
    for statement, parameters in (
        (claims.LOCK_LANES, {"after": 0}),
        (claims.CLAIM, {"rows": 100, "crowded": []}),
    ):
        plan = explain(statement, parameters)

        assert "Seq Scan on dispatch_actionrecord" not in plan
        assert "using record_due on dispatch_actionrecord" in plan
    assert ActionRecord.objects.filter(status=Status.RUNNING).count() == 100


@pytest.mark.usefixtures("crowded")
def test_promotion_reads_only_what_has_become_due():
    due = ActionRecord.objects.filter(status=Status.SCHEDULED).order_by("id")[:100]
    minute_ago = timezone.now() - timedelta(minutes=1)
    ActionRecord.objects.filter(pk__in=due.values("pk")).update(available_at=minute_ago)

    plan = explain(claims.PROMOTE, None)

    assert "Seq Scan on dispatch_actionrecord" not in plan
    for index in ("record_scheduled", "record_timeout", "record_deadline"):
        assert f"{index} on dispatch_actionrecord" in plan or f"on {index} " in plan
    assert ActionRecord.objects.filter(status=Status.SCHEDULED).count() == 4_900
