"""What is done to many actions at once: bulk operations and imports, and how far each has come."""

from __future__ import annotations

from datetime import date
from typing import Any, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Func, Q, Sum
from django.db.models.functions import Coalesce, Now

from dispatch.models import Lane
from orgs.models import Organization


class BulkOperationQuerySet(models.QuerySet["BulkOperation"]):
    """Reading bulk operations."""

    def of_org(self, org_id: int) -> Self:
        """The organization's."""
        return self.filter(org_id=org_id)

    def under_way(self) -> Self:
        """Those that are not over."""
        return self.filter(status__in=UNDER_WAY)


class BulkOperation(models.Model):
    """A replay, a cancel or a decision on all actions that match a filter.

    It looks at the organization's actions in the order of their ids, from `first_id` to
    `newest_id`, which is fixed when it is asked for: what comes later, and what a replay makes,
    is none of its business. `last_id` is how far it has come; it moves in the transaction that
    did the work, so that whoever goes on after a crash goes on exactly there.
    """

    class Kind(models.TextChoices):
        """What is done to each action."""

        REPLAY = "replay"
        CANCEL = "cancel"
        APPROVE = "approve"
        DENY = "deny"

    class Status(models.TextChoices):
        """Where the operation is."""

        QUEUED = "queued"
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        CANCELED = "canceled"

    org = models.ForeignKey(Organization, models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=7, choices=Kind.choices)
    filter = models.JSONField(help_text="As it was asked for.")
    reason = models.CharField(max_length=1000)
    actor = models.CharField(max_length=255)
    cap = models.PositiveIntegerField(help_text="At most this many are done.")
    again = models.BooleanField(default=False, help_text="Whether what was replayed is, too.")
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.QUEUED)
    found = models.PositiveIntegerField(help_text="How many matched when it was asked for.")
    found_exact = models.BooleanField(default=True)
    first_id = models.BigIntegerField()
    newest_id = models.BigIntegerField()
    last_id = models.BigIntegerField()
    done = models.PositiveIntegerField(default=0)
    # {code: {"count": n, "ids": [the first few]}}
    skipped = models.JSONField(default=dict)
    error_message = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)
    started_at = models.DateTimeField(null=True, blank=True, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = BulkOperationQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        indexes = (
            # The list, newest first.
            models.Index("org", F("id").desc(), name="bulk_newest"),
        )
        constraints = (
            # Asked for twice by mistake, it is done once.
            models.UniqueConstraint(
                fields=("org", "kind"),
                condition=Q(status__in=("queued", "running")),
                name="bulk_one_of_a_kind_under_way",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=("replay", "cancel", "approve", "deny")),
                name="bulk_kind_known",
            ),
            models.CheckConstraint(
                condition=Q(status__in=("queued", "running"), finished_at=None)
                | Q(status__in=("succeeded", "failed", "canceled"), finished_at__isnull=False),
                name="bulk_finished_when_over",
            ),
            models.CheckConstraint(condition=Q(done__lte=F("cap")), name="bulk_within_its_cap"),
            models.CheckConstraint(condition=~Q(reason=""), name="bulk_has_a_reason"),
        )

    def __str__(self) -> str:
        return f"{self.kind} in bulk {self.pk}"

    @property
    def skipped_count(self) -> int:
        """How many matched and could not be done."""
        return sum(one["count"] for one in self.skipped.values())

    @property
    def is_cap_reached(self) -> bool:
        """Whether it stopped at its cap: what has a greater id than `last_id` was left alone."""
        return self.done >= self.cap and self.last_id < self.newest_id

    @property
    def progress(self) -> float:
        """How much of what there is to look through has been, from 0 to 1."""
        if self.status == self.Status.SUCCEEDED:
            return 1.0
        span = self.newest_id - self.first_id
        by_ids = (self.last_id - self.first_id) / span if span > 0 else 0.0
        return min(1.0, max(by_ids, self.done / self.cap))

    @property
    def rate(self) -> float | None:
        """Actions done a second, on the average; None before it has begun."""
        if self.started_at is None:
            return None
        seconds = (self.updated_at - self.started_at).total_seconds()
        return self.done / seconds if seconds > 0 else None


UNDER_WAY = (BulkOperation.Status.QUEUED, BulkOperation.Status.RUNNING)


class Chore(models.Model):
    """A periodic job of the worker, when it last ran, and what came of it.

    `cursor` is how far a sweep has come that goes on with its next run; 0 starts it anew.
    """

    name = models.CharField(max_length=64, primary_key=True)
    cursor = models.BigIntegerField(default=0)
    began_at = models.DateTimeField(null=True)
    seconds = models.FloatField(null=True)
    result = models.JSONField(default=dict)
    trouble = models.TextField(blank=True, default="", help_text="What an operator should see.")

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name.replace("_", " ")


COUNTS = ("accepted", "delivered", "failed", "canceled", "payload_bytes")


class UsageQuerySet(models.QuerySet["Usage"]):
    """Reading usage."""

    def between(self, first: date, last: date) -> Self:
        """What was used on these days, the last one included."""
        return self.filter(day__range=(first, last))

    def of_org(self, org_id: int) -> Self:
        """The organization's."""
        return self.filter(org_id=org_id)

    def totals(self) -> dict[str, int]:
        """The sum of each count; nothing is 0."""
        return self.aggregate(**{name: Coalesce(Sum(name), 0) for name in COUNTS})

    def by(self, column: str) -> models.QuerySet[Usage, dict[str, Any]]:
        """The sum of each count for each day, or each variant, in their order.

        They are `all_accepted` and so on, for the columns have the other names.
        """
        sums = {f"all_{name}": Sum(name) for name in COUNTS}
        alike: models.QuerySet[Usage, dict[str, Any]] = self.order_by(column).values(column)
        return alike.annotate(**sums)


class Usage(models.Model):
    """How much of a variant an organization has used on a day (UTC).

    `accepted` and `payload_bytes` are of the actions that came on that day, the others of those
    that ended on it, whenever they came.
    """

    org = models.ForeignKey(Organization, models.PROTECT, related_name="+", db_index=False)
    variant = models.CharField(max_length=255)
    day = models.DateField()
    accepted = models.BigIntegerField(default=0)
    delivered = models.BigIntegerField(default=0)
    failed = models.BigIntegerField(default=0)
    canceled = models.BigIntegerField(default=0)
    payload_bytes = models.BigIntegerField(default=0)

    objects = UsageQuerySet.as_manager()

    class Meta:
        ordering = ("-day", "org", "variant")
        verbose_name_plural = "usage"
        constraints = (
            # Also what a report of some days is read by.
            models.UniqueConstraint(
                fields=("org", "day", "variant"), name="usage_once_per_org_day_and_variant"
            ),
        )

    def __str__(self) -> str:
        return f"{self.variant} on {self.day}"


class VersionUsage(models.Model):
    """The same of one version of a variant, of all that has been counted by versions.

    Together they are what `Usage` has, less what was counted by an earlier release.
    """

    org = models.ForeignKey(Organization, models.PROTECT, related_name="+", db_index=False)
    variant = models.CharField(max_length=255)
    version = models.PositiveIntegerField()
    day = models.DateField()
    accepted = models.BigIntegerField(default=0)
    delivered = models.BigIntegerField(default=0)
    failed = models.BigIntegerField(default=0)
    canceled = models.BigIntegerField(default=0)
    payload_bytes = models.BigIntegerField(default=0)

    class Meta:
        ordering = ("-day", "org", "variant", "version")
        verbose_name_plural = "usage by version"
        constraints = (
            # Also what a report of some days is read by.
            models.UniqueConstraint(
                fields=("org", "day", "variant", "version"), name="usage_once_per_version"
            ),
        )

    def __str__(self) -> str:
        return f"{self.variant} v{self.version} on {self.day}"


class UsageProgress(models.Model):
    """How far usage has been counted; whoever counts locks this one row.

    All actions up to `last_id` are counted as accepted. The round of counting ends that is under
    way goes on at `next_slice`, or begins there where that is 0; when it is through, what had
    happened by `began_at` is counted, which then is `as_of`.
    """

    last_id = models.BigIntegerField(default=0)
    next_slice = models.BigIntegerField(default=0)
    began_at = models.DateTimeField(null=True)
    as_of = models.DateTimeField(null=True)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"usage up to action {self.last_id}"


class UsageSlice(models.Model):
    """Those of a range of action ids that are counted as accepted, and not yet as over."""

    first_id = models.BigIntegerField(primary_key=True)
    unfinished = ArrayField(models.BigIntegerField())

    class Meta:
        ordering = ("first_id",)

    def __str__(self) -> str:
        return f"actions from {self.first_id}"


class Minute(models.Model):
    """What came and what ended within so many minutes, of an organization, or without one of all.

    `times` is how long those took that succeeded: {bucket: count}, as `minutes` has them.
    """

    org = models.ForeignKey(
        Organization, models.CASCADE, related_name="+", db_index=False, null=True
    )
    length = models.PositiveSmallIntegerField(default=1)
    minute = models.DateTimeField()
    accepted = models.BigIntegerField(default=0)
    succeeded = models.BigIntegerField(default=0)
    failed = models.BigIntegerField(default=0)
    canceled = models.BigIntegerField(default=0)
    times = models.JSONField(default=dict)

    class Meta:
        ordering = ("minute",)
        indexes = (
            # minutes.DELETE: those that are kept no longer.
            models.Index(
                "length",
                Func("minute", template="(%(expressions)s AT TIME ZONE 'UTC')"),
                name="minute_age",
            ),
        )
        constraints = (
            # Also what the first page is read by.
            models.UniqueConstraint(
                fields=("org", "length", "minute"), nulls_distinct=False, name="minute_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.minute:%Y-%m-%d %H:%M}"


class LaneSample(models.Model):
    """How a lane's limits stood after a move: the last one of five minutes in which it moved."""

    lane = models.ForeignKey(Lane, models.CASCADE, related_name="samples", db_index=False)
    at = models.DateTimeField()
    revision = models.BigIntegerField()
    running_limit = models.PositiveIntegerField()
    unsettled_limit = models.PositiveIntegerField()
    opened = models.PositiveSmallIntegerField()
    reason = models.TextField(blank=True)

    class Meta:
        ordering = ("lane", "at")
        indexes = (
            # lane_samples.TAKE and DELETE: the newest, and those that are kept no longer.
            models.Index(fields=("at",), name="lane_sample_age"),
        )
        constraints = (
            # Also what a lane's limits over time are read by.
            models.UniqueConstraint(fields=("lane", "revision"), name="lane_sample_once"),
        )

    def __str__(self) -> str:
        return f"{self.running_limit} at {self.at:%H:%M}"


class RecordImport(models.Model):
    """A file of actions that is imported, and how far that has come.

    `digest` is of its content and of how it is read: by it an import is known that is repeated.
    `line` and `offset` are how many lines and bytes of it are read; they move in the transaction
    that stores what was read, so that whoever goes on after a crash goes on exactly there.
    """

    org = models.ForeignKey(Organization, models.PROTECT, related_name="+", db_index=False)
    digest = models.BinaryField(max_length=32)
    name = models.CharField(max_length=255)
    actor = models.CharField(max_length=255)
    runs = models.PositiveIntegerField(default=1, help_text="How often it was to be imported.")
    line = models.BigIntegerField(default=0)
    offset = models.BigIntegerField(default=0)
    stored = models.BigIntegerField(default=0)
    refused = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)
    finished_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=("org", "digest"), name="record_import_once_per_org"),
        )

    def __str__(self) -> str:
        return f"import of {self.name}"
