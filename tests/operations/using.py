"""What has been counted, and what there is to count."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from django.db import connections, transaction
from django.db.models import Count, Sum
from django.db.models.functions import TruncDate

from dispatch import settlement
from dispatch.models import ActionPayload, ActionRecord, Status
from dispatch.retries import Ending
from operations.models import COUNTS, Usage, VersionUsage
from tests.factories import make_record

TODAY = datetime.now(tz=UTC).date()
ENDS = {"delivered": "succeeded", "failed": "failed", "canceled": "canceled"}


def never():
    return False


@contextmanager
def storing_slowly(org):
    """An action whose id is taken, and which is committed at the end of the block."""
    taken, go = threading.Event(), threading.Event()

    def store():
        try:
            with transaction.atomic():
                make_record(org)
                taken.set()
                go.wait(10)
        finally:
            connections.close_all()

    slow = threading.Thread(target=store)
    slow.start()
    taken.wait(10)
    try:
        yield slow
    finally:
        go.set()
        slow.join(10)


def counted():
    """What has been counted: {(organization, variant, day): counts}, without what is nothing.

    Counted by versions, it is the same.
    """
    rows = Usage.objects.values_list("org_id", "variant", "day", *COUNTS)
    found = {tuple(row[:3]): tuple(row[3:]) for row in rows if any(row[3:])}
    sums = VersionUsage.objects.order_by().values_list("org_id", "variant", "day")
    rows = sums.annotate(*map(Sum, COUNTS))
    assert {tuple(row[:3]): tuple(row[3:]) for row in rows if any(row[3:])} == found
    return found


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
