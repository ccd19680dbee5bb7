"""What organizations use is counted exactly: each action once, on the days it came and ended."""

from __future__ import annotations

import random
import threading
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection, connections, transaction
from django.db.models import Count
from django.db.models.functions import TruncDate
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dispatch import intake, settlement
from dispatch.intake import Submission
from dispatch.models import ActionPayload, ActionRecord, Status
from dispatch.retries import Ending
from operations import retention, usage
from operations.models import COUNTS, Usage, UsageProgress, UsageSlice
from tests import factories
from tests.client import codes
from tests.dispatch.concurrency import at_once
from tests.factories import make_over, make_record, move

TODAY = datetime.now(tz=UTC).date()
ENDS = {"delivered": "succeeded", "failed": "failed", "canceled": "canceled"}


def never():
    return False


def counted():
    """What has been counted: {(organization, variant, day): counts}, without what is nothing."""
    rows = Usage.objects.values_list("org_id", "variant", "day", *COUNTS)
    return {tuple(row[:3]): tuple(row[3:]) for row in rows if any(row[3:])}


def from_records():
    """The same from the records themselves, all of which are there."""
    found = {}

    def add(column, rows):
        for org_id, variant, day, number in rows:
            counts = found.setdefault((org_id, variant, day), dict.fromkeys(COUNTS, 0))
            counts[column] += number or 0

    def group(rows, moment):
        days = rows.annotate(on=TruncDate(moment, tzinfo=UTC)).order_by()
        return days.values_list("org_id", "definition__variant", "on")

    records = ActionRecord.objects.all()
    add("accepted", group(records, "created_at").annotate(n=Count("pk")))
    sizes = ActionPayload.objects.extra(select={"size": "octet_length(input::text)"})
    bytes_of = dict(sizes.values_list("record_id", "size"))
    for record in records.select_related("definition"):
        day = record.created_at.astimezone(UTC).date()
        size = bytes_of.get(record.pk, 0)
        add("payload_bytes", [(record.org_id, record.definition.variant, day, size)])
    for column, status in ENDS.items():
        ended = records.filter(status=status)
        add(column, group(ended, "completed_at").annotate(n=Count("pk")))
    return {key: tuple(counts.values()) for key, counts in found.items() if any(counts.values())}


def days_ago(number):
    return datetime.now(tz=UTC) - timedelta(days=number)


def end(record, status="succeeded"):
    assert settlement.finish(
        Ending(record.pk, record.attempt, status, status, 0), statuses=list(Status)
    )


def test_each_action_is_counted_when_it_comes_and_when_it_ends(acme, globex, definition):
    factories.make_definition(globex, "other", factories.make_destination(globex))
    made = [make_record(acme) for _ in range(5)]
    make_record(globex, "other")
    end(made[0])
    end(made[1], "failed")
    end(made[2], "canceled")

    report = usage.roll_up(never)

    assert counted() == from_records() == {
        (acme.pk, "count", TODAY): (5, 1, 1, 1, 5 * len('{"n":1}')),
        (globex.pk, "other", TODAY): (1, 0, 0, 0, len('{"n":1}')),
    }  # fmt: skip
    assert report.trouble == ""
    assert report.result["last_id"] >= made[-1].pk


def test_counting_again_changes_nothing_and_adds_what_is_new(acme, record):
    for _ in range(3):
        usage.roll_up(never)
        assert counted() == from_records()

    end(record)
    make_record(acme)
    for _ in range(2):
        usage.roll_up(never)
        assert counted() == from_records()


def test_what_came_yesterday_and_ends_today_is_counted_on_both_days(acme, record):
    move(record, created_at=days_ago(1))
    usage.roll_up(never)
    end(record)
    usage.roll_up(never)

    yesterday = TODAY - timedelta(days=1)
    size = len('{"n":1}')
    assert counted() == {
        (acme.pk, "count", yesterday): (1, 0, 0, 0, size),
        (acme.pk, "count", TODAY): (0, 1, 0, 0, 0),
    }


def test_a_sink_and_a_replay_count_like_any_other(acme):
    factories.make_definition(acme)
    sunk = make_record(acme)
    usage.roll_up(never)

    assert counted() == {(acme.pk, "count", TODAY): (1, 1, 0, 0, 7)}
    assert sunk.status == "succeeded"


def test_versions_of_a_variant_are_counted_together(acme, webhook):
    factories.make_definition(acme, to=webhook)
    make_record(acme)
    factories.make_definition(acme, schema=True)
    make_record(acme, input="ß")
    usage.roll_up(never)

    # Bytes, not characters.
    assert counted() == {(acme.pk, "count", TODAY): (2, 0, 0, 0, 7 + 4)}


@pytest.fixture
def short_slices(monkeypatch):
    monkeypatch.setattr(usage, "SLICE", 4)


def test_slices_of_which_all_is_over_are_looked_at_no_more(acme, definition, short_slices):
    made = [make_record(acme) for _ in range(12)]
    usage.roll_up(never)
    for record in made[:-5]:
        end(record)
    usage.roll_up(never)
    for record in made[-5:]:
        end(record)
    open_before = UsageSlice.objects.count()
    usage.roll_up(never)

    assert counted() == from_records()
    # The last one is not full, unless it happens to be.
    assert UsageSlice.objects.count() <= 1 < open_before


def test_a_run_that_is_stopped_is_gone_on_with(acme, definition, short_slices):
    made = [make_record(acme) for _ in range(20)]
    usage.roll_up(never)
    as_of = days_ago(1)
    UsageProgress.objects.update(as_of=as_of)
    for record in made:
        end(record)
        make_record(acme)

    for _ in range(40):
        answers = iter([False, True, True, True])
        usage.roll_up(lambda answers=answers: next(answers, True))
    assert counted() == from_records()
    assert UsageProgress.objects.get().as_of == as_of

    usage.roll_up(never)
    assert UsageProgress.objects.get().as_of > as_of


def test_a_step_that_fails_leaves_no_half_of_it(acme, record, monkeypatch):
    def fail(*_, **__):
        raise ZeroDivisionError

    with monkeypatch.context() as broken:
        broken.setattr(UsageProgress, "save", fail)
        with pytest.raises(ZeroDivisionError):
            usage.roll_up(never)
    assert counted() == {}
    usage.roll_up(never)
    end(record)
    with monkeypatch.context() as broken:
        broken.setattr(UsageSlice, "save", fail)
        with pytest.raises(ZeroDivisionError):
            usage.roll_up(never)
    usage.roll_up(never)
    assert counted() == from_records()


def test_gaps_in_the_ids_cost_nothing(acme, definition):
    make_record(acme)
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('dispatch_actionrecord_id_seq')")
        (newest,) = cursor.fetchone()
        try:
            cursor.execute("SELECT setval('dispatch_actionrecord_id_seq', 1900000000, true)")
            with CaptureQueriesContext(connection) as queries:
                usage.roll_up(never)
        finally:
            cursor.execute("SELECT setval('dispatch_actionrecord_id_seq', %s, true)", [newest])

    assert counted() == from_records()
    assert len(queries) < 50
    assert usage.find_counted() == 1_900_000_000


def test_before_the_first_action_there_is_nothing_to_count(db):
    """The first id is not passed over before it is given out."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT last_value, is_called FROM dispatch_actionrecord_id_seq")
        before = cursor.fetchone()
        try:
            cursor.execute("SELECT setval('dispatch_actionrecord_id_seq', 50000, false)")
            usage.roll_up(never)
        finally:
            cursor.execute("SELECT setval('dispatch_actionrecord_id_seq', %s, %s)", before)

    assert usage.find_counted() == 49_999
    assert counted() == {}


# --- retention ----------------------------------------------------------------------------------


@pytest.mark.parametrize("with_roll_up", [True, False])
def test_what_is_deleted_stays_counted(acme, definition, short_slices, with_roll_up):
    """Whether it was counted before, and also in a slice that has something unfinished."""
    for number in range(30):
        if number % 7 == 0:
            move(make_record(acme), created_at=days_ago(200))
        else:
            make_over(acme, ("succeeded", "failed", "canceled")[number % 3], days_ago=100 + number)
    expected = from_records()
    if with_roll_up:
        usage.roll_up(never)

    retention.delete_payloads(never)
    retention.delete_history(never)

    assert ActionRecord.objects.count() == 5
    assert ActionPayload.objects.count() == 5
    usage.roll_up(never)
    assert counted() == expected
    # What was left is counted when it ends.
    for record in ActionRecord.objects.all():
        end(record)
    usage.roll_up(never)
    assert sum(row[1] for row in counted().values()) == sum(r[1] for r in expected.values()) + 5


def test_what_is_not_counted_is_not_deleted(acme, definition, monkeypatch):
    make_over(acme, days_ago=100)
    monkeypatch.setattr(usage, "_find_horizon", lambda stop: None)

    retention.delete_payloads(never)
    retention.delete_history(never)
    dropped = retention.drop_partitions(never)

    assert ActionRecord.objects.count() == ActionPayload.objects.count() == 1
    assert dropped.result == {"dropped": []}


# --- at the same time ---------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_an_action_that_is_stored_late_is_not_passed_over(acme, definition):
    """Its id was taken before that of one that is there already."""
    # From here on there is a lane, which nobody waits for.
    make_record(acme)
    usage.roll_up(never)
    before = counted()
    taken, go = threading.Event(), threading.Event()

    def store_slowly():
        try:
            with transaction.atomic():
                make_record(acme)
                taken.set()
                go.wait(10)
        finally:
            connections.close_all()

    slow = threading.Thread(target=store_slowly)
    slow.start()
    taken.wait(10)
    make_record(acme)
    stopped = usage.roll_up(slow.is_alive)
    assert counted() == before
    go.set()
    slow.join(10)
    usage.roll_up(never)

    assert stopped.trouble == ""
    assert counted() == from_records()
    assert [row[0] for row in counted().values()] == [3]


@pytest.mark.django_db(transaction=True)
def test_who_stores_for_too_long_is_told_of(acme, definition, monkeypatch):
    monkeypatch.setattr(usage, "PATIENCE_SECONDS", 0.1)
    taken, go = threading.Event(), threading.Event()

    def store_slowly():
        try:
            with transaction.atomic():
                make_record(acme)
                taken.set()
                go.wait(10)
        finally:
            connections.close_all()

    slow = threading.Thread(target=store_slowly)
    slow.start()
    taken.wait(10)
    report = usage.roll_up(never)
    go.set()
    slow.join(10)

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


# --- reading it ---------------------------------------------------------------------------------


@pytest.fixture
def used(acme, globex):
    """Two variants of acme on three days, and one of globex."""
    for org, variant, day, number in [
        (acme, "a", date(2026, 1, 30), 1),
        (acme, "a", date(2026, 2, 1), 2),
        (acme, "b", date(2026, 2, 1), 4),
        (acme, "b", date(2026, 2, 3), 8),
        (globex, "a", date(2026, 2, 1), 100),
    ]:
        Usage.objects.create(org=org, variant=variant, day=day, **dict.fromkeys(COUNTS, number))


def sums(number):
    return dict.fromkeys(COUNTS, number)


def test_days_are_summed_and_those_of_others_left_out(api, acme, used):
    answer = api.data(api.get("~/usage?from=2026-01-30&to=2026-02-01"))

    assert answer == {
        "org_id": str(acme.pk),
        "from": "2026-01-30",
        "to": "2026-02-01",
        "variant": None,
        "as_of": None,
        "totals": sums(7),
        "items": [
            {"day": "2026-01-30", **sums(1)},
            {"day": "2026-02-01", **sums(6)},
        ],
    }


def test_variants_are_summed_too_and_one_can_be_asked_for(api, used):
    by_variant = api.data(api.get("~/usage?from=2026-01-30&to=2026-02-03&by=variant"))
    only = api.data(api.get("~/usage?to=2026-02-28&variant=b"))

    assert by_variant["items"] == [{"variant": "a", **sums(3)}, {"variant": "b", **sums(12)}]
    # From the first of the month on.
    assert (only["from"], only["variant"], only["totals"]) == ("2026-02-01", "b", sums(12))
    assert [item["day"] for item in only["items"]] == ["2026-02-01", "2026-02-03"]


def test_unasked_it_is_of_this_month_and_says_as_of_when(api, acme, record):
    usage.roll_up(never)

    answer = api.data(api.get("~/usage"))

    assert (answer["from"], answer["to"]) == (str(TODAY.replace(day=1)), str(TODAY))
    assert answer["as_of"] is not None
    assert answer["totals"] == sums(0) | {"accepted": 1, "payload_bytes": 7}
    assert answer["items"] == [{"day": str(TODAY), **answer["totals"]}]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("from=yesterday", "/from"),
        ("to=2026-02-30", "/to"),
        ("to=", "/to"),
        ("from=2026-02-02&to=2026-02-01", "/from"),
        ("from=2024-12-01&to=2026-02-01", "/from"),
        ("by=hour", "/by"),
        ("variant=%00", None),
    ],
)
def test_nonsense_is_400(api, query, pointer):
    answer = api.get(f"~/usage?{query}")

    assert answer.status_code == 400
    assert codes(answer)[0][1] == pointer


def test_the_admin_shows_it(admin_client, used):
    page = admin_client.get("/admin/operations/usage/").content.decode()

    assert "Jan. 30, 2026" in page or "2026-01-30" in page
    assert admin_client.get("/admin/operations/usage/add/").status_code == 403
