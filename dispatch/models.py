"""Action records: the row is the job. Payloads and events lie in range partitions beside it."""

from __future__ import annotations

from typing import Self

from django.contrib.postgres.functions import TransactionNow
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from actions.fields import ExactJSONField
from actions.models import ActionDefinition
from destinations.models import Destination
from dispatch.limits import START
from orgs.models import Organization


class Lane(models.Model):
    """What limits apply to: a destination paired with a set of tags.

    `limits` decides how the limits move; `revision` grows with each move, so that of several
    processes only one makes it. The caps are an operator's: upper bounds, 0 lets nothing start.
    """

    org = models.ForeignKey(Organization, models.PROTECT, related_name="+")
    destination = models.ForeignKey(
        Destination, models.PROTECT, related_name="lanes", db_index=False
    )
    tags = models.JSONField(default=dict)
    tags_digest = models.BinaryField(max_length=32)
    running_limit = models.PositiveIntegerField(db_default=START)
    running_ceiling = models.PositiveIntegerField(null=True, blank=True)
    running_cap = models.PositiveIntegerField(null=True, blank=True)
    running_decreased_at = models.DateTimeField(null=True, blank=True)
    unsettled_limit = models.PositiveIntegerField(db_default=START)
    unsettled_ceiling = models.PositiveIntegerField(null=True, blank=True)
    unsettled_cap = models.PositiveIntegerField(null=True, blank=True)
    unsettled_decreased_at = models.DateTimeField(null=True, blank=True)
    filled_at = models.DateTimeField(
        null=True, blank=True, help_text="When workers first took as much as its limit allows."
    )
    opened = models.PositiveSmallIntegerField(
        db_default=0, help_text="How often in a row repeated failure has paused it."
    )
    paused_until = models.DateTimeField(null=True, blank=True)
    reason = models.TextField(blank=True, db_default="", help_text="Why its limits last moved.")
    moved_at = models.DateTimeField(null=True, blank=True)
    revision = models.BigIntegerField(db_default=0)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(
                fields=("destination", "tags_digest"), name="lane_once_per_destination_and_tags"
            ),
        )

    def __str__(self) -> str:
        tags = ", ".join(f"{key}={value}" for key, value in sorted(self.tags.items()))
        return f"{self.destination} [{tags}]" if tags else str(self.destination)


class LaneUse(models.Model):
    """That a variant's actions have used a lane: at most 1,000 lanes a variant."""

    org = models.ForeignKey(Organization, models.PROTECT, related_name="+", db_index=False)
    variant = models.CharField(max_length=255)
    lane = models.ForeignKey(Lane, models.CASCADE, related_name="uses")

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(
                fields=("org", "variant", "lane"), name="lane_use_once_per_variant"
            ),
        )

    def __str__(self) -> str:
        return f"{self.variant} on {self.lane}"


class Status(models.TextChoices):
    """Where an action is in its life (design: the life of an action)."""

    QUEUED = "queued"
    SCHEDULED = "scheduled"
    HELD = "held"
    RUNNING = "running"
    ACK_WAIT = "ack_wait"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


OPEN = (Status.QUEUED, Status.SCHEDULED, Status.HELD, Status.RUNNING, Status.ACK_WAIT)
IN_FLIGHT = (Status.RUNNING, Status.ACK_WAIT)
_IN_FLIGHT = Q(status__in=IN_FLIGHT)


class ActionRecordQuerySet(models.QuerySet["ActionRecord"]):
    """Reading actions."""

    def of_org(self, org_id: int) -> Self:
        """The organization's actions."""
        return self.filter(org_id=org_id)

    def unfinished(self) -> Self:
        """Those that are not over, which an index has."""
        return self.filter(completed_at=None)

    def in_status(self, status: str) -> Self:
        """Those that the API shows with this status: `queued` includes `scheduled`."""
        shown = (status, Status.SCHEDULED) if status == Status.QUEUED else (status,)
        return (self.unfinished() if status in OPEN else self).filter(status__in=shown)


class ActionRecord(models.Model):
    """One action. Narrow, unpartitioned, and only its unfinished rows are indexed for claims.

    `attempt` is the current or next delivery, from 0. `timeout_at` ends the current attempt:
    the lease of a running one, the settlement deadline of one in `ack_wait`; of a held one it ends
    the time in which it may be approved.
    """

    org = models.ForeignKey(Organization, models.PROTECT, related_name="+", db_index=False)
    definition = models.ForeignKey(
        ActionDefinition, models.PROTECT, related_name="+", db_index=False
    )
    destination = models.ForeignKey(Destination, models.PROTECT, related_name="+", db_index=False)
    lane = models.ForeignKey(
        Lane, models.PROTECT, related_name="+", db_index=False, null=True, blank=True
    )
    status = models.CharField(max_length=9, choices=Status.choices)
    push = models.BooleanField(help_text="Whether the dispatcher delivers it.")
    attempt = models.PositiveIntegerField(default=0)
    failures = models.PositiveSmallIntegerField(default=0)
    available_at = models.DateTimeField()
    timeout_at = models.DateTimeField(null=True, blank=True)
    deadline_at = models.DateTimeField(null=True, blank=True)
    timeout = models.PositiveIntegerField(null=True, blank=True)
    tags = models.JSONField(default=dict)
    started_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    error_message = models.TextField(blank=True, default="")
    replay_of = models.BigIntegerField(null=True, blank=True)
    once = models.BooleanField(
        db_default=False, help_text="Whether its first attempt is its last: somebody waits for it."
    )
    created_at = models.DateTimeField(db_default=TransactionNow())
    updated_at = models.DateTimeField(db_default=TransactionNow())

    objects = ActionRecordQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        permissions = (("approve_actionrecord", "Can approve and deny held actions"),)
        indexes = (
            # claims.CLAIM: the oldest due rows of a lane, and which lanes have any.
            models.Index(
                fields=("lane", "available_at", "id"),
                condition=Q(status=Status.QUEUED, push=True),
                name="record_due",
            ),
            # claims.CLAIM: how much of a lane is in flight.
            models.Index(fields=("lane", "status"), condition=_IN_FLIGHT, name="record_in_flight"),
            # claims.PROMOTE: what has become due.
            models.Index(
                fields=("available_at",),
                condition=Q(status=Status.SCHEDULED),
                name="record_scheduled",
            ),
            # pulls.CLAIM: the oldest due rows of a lane, and which lanes of a destination have any.
            models.Index(
                fields=("destination", "lane", "available_at", "id"),
                condition=Q(status=Status.QUEUED, push=False),
                name="record_pullable",
            ),
            # gauges.COUNT: what of a lane waits outside the claim index.
            models.Index(
                fields=("lane", "status", "available_at"),
                condition=Q(status=Status.SCHEDULED) | Q(status=Status.QUEUED, push=False),
                name="record_waiting",
            ),
            # gauges.COUNT and the overview: what waits for somebody to approve it.
            models.Index(
                fields=("lane", "id"), condition=Q(status=Status.HELD), name="record_held"
            ),
            # claims.PROMOTE: leases, settlement deadlines and times to approve that have passed.
            # By its own column alone, or a count of what is in flight might go through all of it.
            models.Index(
                fields=("timeout_at",),
                condition=Q(timeout_at__isnull=False),
                name="record_timeout",
            ),
            # claims.PROMOTE: whole actions that have run out of time.
            models.Index(
                fields=("deadline_at",),
                condition=Q(deadline_at__isnull=False, completed_at=None),
                name="record_deadline",
            ),
            # services.delete_destination: the open work of a destination.
            models.Index(
                fields=("destination",), condition=Q(completed_at=None), name="record_open"
            ),
            # The list of records, newest first, and of those that failed; rehearsals.FIND.
            models.Index("org", F("id").desc(), name="record_newest"),
            models.Index(
                "org", F("id").desc(), condition=Q(status=Status.FAILED), name="record_failed"
            ),
            # overview.FAILED: what failed last. Nothing but a failure writes into it.
            models.Index(
                "org",
                F("completed_at").desc(),
                condition=Q(status=Status.FAILED),
                name="record_failed_last",
            ),
            # RecordFilter: the list of those in an unfinished status, which are few among many.
            models.Index(
                "org", F("id").desc(), condition=Q(completed_at=None), name="record_unfinished"
            ),
        )
        constraints = (
            models.CheckConstraint(
                condition=Q(status__in=Status.values), name="record_status_known"
            ),
            models.CheckConstraint(
                condition=Q(status__in=OPEN, completed_at=None)
                | ~Q(status__in=OPEN) & Q(completed_at__isnull=False),
                name="record_completed_when_over",
            ),
        )

    def __str__(self) -> str:
        return f"action {self.pk}"


class ActionPayload(models.Model):
    """What was handed in, byte for byte. Partitioned by record id; no foreign key by design."""

    record = models.OneToOneField(
        ActionRecord,
        models.DO_NOTHING,
        primary_key=True,
        db_constraint=False,
        related_name="payload",
    )
    input = ExactJSONField()
    result = ExactJSONField(null=True)
    # The newest answers that are kept: they go when what was handed in goes.
    answers = models.JSONField(null=True)

    class Meta:
        ordering = ("record_id",)

    def __str__(self) -> str:
        return f"payload of action {self.record_id}"


class ActionEvent(models.Model):
    """One thing that happened to an action. Partitioned by record id; append-only."""

    class Kind(models.TextChoices):
        """What happened."""

        ACCEPTED = "accepted"
        SUNK = "sunk", "kept by a default sink"
        HELD = "held", "held, waiting for approval"
        APPROVED = "approved"
        DENIED = "denied"
        APPROVAL_EXPIRED = "approval_expired", "nobody approved it in time"
        # Of actions that were accepted when there was no way yet to deliver or pull them.
        NOT_DELIVERABLE = "not_deliverable", "the destination's type was not delivered"
        PULLED = "pulled", "pulled, waiting for its settlement"
        DELIVERED = "delivered", "delivered, waiting for its settlement"
        SUCCEEDED = "succeeded"
        NACKED = "nacked"
        RETRIED = "retried", "failed attempt, to be retried"
        FAILED = "failed"
        EXTENDED = "extended", "settlement deadline moved"
        UNSETTLED = "unsettled", "settlement deadline passed"
        LEASE_EXPIRED = "lease_expired", "dispatcher lost"
        DEADLINE_EXCEEDED = "deadline_exceeded"
        LATE = "late", "late outcome, nothing changed"
        CANCELED = "canceled"
        REPLAYED = "replayed"

    id = models.BigAutoField(primary_key=True)
    record = models.ForeignKey(
        ActionRecord,
        models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="events",
    )
    kind = models.CharField(max_length=17, choices=Kind.choices)
    status = models.CharField(max_length=9, choices=Status.choices)
    attempt = models.PositiveIntegerField()
    # When its next attempt may start, where there is one.
    available_at = models.DateTimeField(null=True)
    # How long a delivery took that ended so.
    milliseconds = models.IntegerField(null=True)
    detail = models.JSONField(null=True)
    created_at = models.DateTimeField(db_default=TransactionNow())

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.kind} of action {self.record_id}"


class IdempotencyKey(models.Model):
    """A client's key for a call that stored something, with the answer that it got.

    It outlives the record, and is compared by the digest of the canonical body.
    """

    org = models.ForeignKey(Organization, models.PROTECT, related_name="+", db_index=False)
    key = models.CharField(max_length=255)
    digest = models.BinaryField(max_length=32)
    answer = ExactJSONField(null=True)
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        ordering = ("id",)
        indexes = (
            # retention: the keys that are over.
            models.Index(fields=("created_at",), name="idempotency_key_age"),
        )
        constraints = (
            models.UniqueConstraint(fields=("org", "key"), name="idempotency_key_once_per_org"),
        )

    def __str__(self) -> str:
        return self.key


class SenderQuerySet(models.QuerySet["Sender"]):
    """Reading who sends what."""

    def of_definition(self, definition_id: int) -> Self:
        """Those who have sent the version, whoever did last first."""
        return self.filter(definition_id=definition_id).order_by("-last_at", "-id")


class Sender(models.Model):
    """That somebody has handed in actions of a version: when first, and when last.

    `sightings` writes it down now and then, not for each action.
    """

    org = models.ForeignKey(Organization, models.PROTECT, related_name="+", db_index=False)
    definition = models.ForeignKey(
        ActionDefinition, models.CASCADE, related_name="senders", db_index=False
    )
    # As the audit names them.
    caller = models.CharField(max_length=255)
    key_id = models.BigIntegerField(null=True)
    user_id = models.BigIntegerField(null=True)
    first_at = models.DateTimeField(db_default=Now())
    # No index has it, so that its update touches none.
    last_at = models.DateTimeField(db_default=Now())

    objects = SenderQuerySet.as_manager()

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(
                fields=("definition", "caller"), name="sender_once_per_definition"
            ),
        )

    def __str__(self) -> str:
        return self.caller
