"""What a day has left behind in a demo: minutes, soundings and moves of lanes, by made-up figures.

Run within a process of Waybill's (`manage.py shell`), beside what really has happened.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.utils import timezone

from actions.models import ActionDefinition
from config import histograms
from destinations.models import Destination, Sounding
from dispatch.models import Lane
from operations.models import LaneSample, Minute, Usage, VersionUsage
from orgs.models import Organization

HOURS = 24
DAYS = 30
# By what a destination answers with, how often that is a success, and in about how many ms.
ANSWERS = {
    "Orders API": (0.998, 120),
    "Mail relay": (0.97, 260),
    "Warehouse": (0.55, 240),
    "CRM": (0.99, 430),
    "Parcel service": (0.995, 90),
}
OUTAGE = "HTTP 503 Service Unavailable"
# When the warehouse closes: so many hours ago.
CLOSED = (3.0, 1.5)


def write() -> None:
    """The last day, the same each time."""
    dice = random.Random(7)
    now = timezone.now()
    _write_minutes(dice, now)
    _write_soundings(dice, now)
    _write_samples(dice, now)
    _write_usage(dice, now)


def _load(now: datetime, moment: datetime) -> float:
    """How much is going on: now, as on a busy afternoon."""
    ago = (now - moment).total_seconds() / 3600
    return 34 + 20 * math.cos(ago / 24 * 2 * math.pi) + 6 * math.sin(ago * 2.3)


def _spread(dice: random.Random, count: int, around: float) -> Counter[int]:
    """So many times, as buckets."""
    taken = (dice.lognormvariate(math.log(around), 0.5) for _ in range(count))
    return Counter(histograms.bucket_of(one) for one in taken)


def _is_closed(now: datetime, moment: datetime) -> bool:
    return CLOSED[1] < (now - moment).total_seconds() / 3600 < CLOSED[0]


def _minutes(now: datetime, step: int) -> Iterator[datetime]:
    first = (now - timedelta(hours=HOURS)).replace(second=0, microsecond=0)
    first -= timedelta(minutes=first.minute % step)
    # The newest is counted from what really happens.
    for number in range((HOURS * 60 - 1) // step):
        yield first + timedelta(minutes=step * number)


def _write_minutes(dice: random.Random, now: datetime) -> None:
    acme = Organization.objects.get(name="Acme").pk
    made: dict[tuple[int, datetime], Minute] = {}
    for moment in _minutes(now, 1):
        accepted = max(3, round(dice.gauss(_load(now, moment), 3)))
        failed = round(accepted * (0.3 if _is_closed(now, moment) else 0.02) * dice.random())
        times = _spread(dice, accepted - failed, 380)
        for length in (1, 15):
            at = moment - timedelta(minutes=moment.minute % length)
            row = made.setdefault((length, at), Minute(length=length, minute=at))
            row.accepted += accepted
            row.failed += failed
            row.succeeded += accepted - failed
            row.times = dict(Counter(row.times) + times)
    for row in made.values():
        row.times = {str(bucket): count for bucket, count in row.times.items()}
    ours = [
        Minute(**{name: getattr(row, name) for name in _FIELDS}, org_id=acme)
        for row in made.values()
    ]
    # What has been counted already stays as it is.
    Minute.objects.bulk_create([*made.values(), *ours], ignore_conflicts=True)


_FIELDS = ("length", "minute", "accepted", "succeeded", "failed", "times")


def _write_soundings(dice: random.Random, now: datetime) -> None:
    rows = []
    for destination in Destination.objects.filter(label__in=ANSWERS):
        share, around = ANSWERS[destination.label]
        sla = destination.config.get("response_time_sla_ms")
        for moment in _minutes(now, 5):
            closed = destination.label == "Warehouse" and _is_closed(now, moment)
            asked = max(4, round(_load(now, moment)))
            failed = sum(dice.random() > (0.05 if closed else share) for _ in range(asked))
            times = _spread(dice, asked, around * (3 if closed else 1))
            late = sum(
                n for bucket, n in times.items() if sla and histograms.value_of(bucket) > sla
            )
            rows.append(
                Sounding(
                    destination=destination,
                    at=moment,
                    succeeded=asked - failed,
                    failed=failed,
                    late=late,
                    times={str(bucket): count for bucket, count in times.items()},
                    error=OUTAGE if failed else "",
                    error_at=moment if failed else None,
                )
            )
    Sounding.objects.bulk_create(rows, ignore_conflicts=True)


def _write_samples(dice: random.Random, now: datetime) -> None:
    rows = []
    for lane in Lane.objects.all():
        limit = 8
        for number, moment in enumerate(_minutes(now, 20)):
            limit = max(1, limit // 2) if dice.random() < 0.12 else min(40, limit + 2)
            rows.append(
                LaneSample(
                    lane=lane,
                    at=moment,
                    # Before all that the lane has had itself.
                    revision=-1000 + number,
                    running_limit=limit,
                    unsettled_limit=limit,
                    opened=0,
                    reason="Answers are slower." if limit < 8 else "More were let through.",
                )
            )
    LaneSample.objects.bulk_create(rows, ignore_conflicts=True)


def _write_usage(dice: random.Random, now: datetime) -> None:
    """A month of days: a version is used the more the newer it is."""
    versions, totals = [], {}
    for definition in ActionDefinition.objects.filter(org__name="Acme"):
        for ago in range(1, DAYS):
            day = (now - timedelta(days=ago)).date()
            accepted = dice.randrange(200, 900) * definition.version
            counts = {
                "accepted": accepted,
                "failed": accepted // 90,
                "payload_bytes": accepted * 90,
            }
            counts["delivered"] = accepted - counts["failed"]
            named = {"org_id": definition.org_id, "variant": definition.variant, "day": day}
            versions.append(VersionUsage(**named, **counts, version=definition.version))
            total = totals.setdefault((definition.variant, day), Usage(**named))
            for name, count in counts.items():
                setattr(total, name, getattr(total, name) + count)
    VersionUsage.objects.bulk_create(versions, ignore_conflicts=True)
    Usage.objects.bulk_create(totals.values(), ignore_conflicts=True)
