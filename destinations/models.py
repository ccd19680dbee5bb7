"""Destinations: where actions are delivered to."""

from __future__ import annotations

from django.db import models

from orgs.models import Organization, SoftDeleted


class Kind(models.TextChoices):
    """The types a destination can have. Each has a module in `destinations/kinds/`."""

    WEBHOOK = "webhook"
    SDK = "sdk", "SDK"
    GOOGLE_PUBSUB = "google_pubsub", "Google Pub/Sub"
    AWS_SQS = "aws_sqs", "AWS SQS"
    MCP = "mcp", "MCP"
    DEFAULT_SINK = "default_sink"


class Destination(SoftDeleted):
    """Where work goes. `config` is valid for `type`, which never changes."""

    org = models.ForeignKey(Organization, models.PROTECT, related_name="destinations")
    label = models.CharField(max_length=255)
    type = models.CharField(max_length=16, choices=Kind.choices)
    config = models.JSONField(default=dict)
    tags = models.JSONField(null=True, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(
                fields=("org", "label"),
                condition=models.Q(deleted_at=None),
                name="destination_label_once_per_org",
            ),
            models.CheckConstraint(
                condition=models.Q(type__in=Kind.values), name="destination_type_known"
            ),
        )

    def __str__(self) -> str:
        return self.label
