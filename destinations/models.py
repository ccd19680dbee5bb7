"""Destinations: where actions are delivered to."""

from __future__ import annotations

from django.db import models
from django.db.models import F
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import MD5

from orgs.models import Organization, SigningKey, SoftDeleted


class Kind(models.TextChoices):
    """The types a destination can have. Each has a module in `destinations/kinds/`."""

    WEBHOOK = "webhook"
    SDK = "sdk", "SDK"
    GOOGLE_PUBSUB = "google_pubsub", "Google Pub/Sub"
    AWS_SQS = "aws_sqs", "AWS SQS"
    MCP = "mcp", "MCP"
    DEFAULT_SINK = "default_sink"


class Protocol(models.TextChoices):
    """How a webhook is spoken to: with the bare payload, or as gateway actions are."""

    PLAIN = "plain"
    GATEWAY = "gateway"


class CredentialType(models.TextChoices):
    """The types a credential can have; `credentials.SHAPES` says what the secret of each is."""

    HTTP_AUTH_HEADERS = "http_auth_headers", "HTTP headers"
    HTTP_BASIC = "http_basic", "HTTP Basic"
    HTTP_BEARER = "http_bearer", "HTTP Bearer"
    OAUTH2_CLIENT_CREDENTIALS = "oauth2_client_credentials", "OAuth 2.0 client credentials"
    AWS_ACCESS_KEY = "aws_access_key", "AWS access key"
    GCP_SERVICE_ACCOUNT = "gcp_service_account", "Google service account"


class Credential(SoftDeleted):
    """What Waybill shows to a destination. Its `type` never changes.

    `secret` is encrypted; that of a deleted one is empty.
    """

    org = models.ForeignKey(Organization, models.PROTECT, related_name="credentials")
    label = models.CharField(max_length=255)
    type = models.CharField(max_length=32, choices=CredentialType.choices)
    metadata = models.JSONField(default=dict, blank=True)
    secret = models.TextField(editable=False)
    # How often its secret has been given.
    version = models.PositiveIntegerField(default=1, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(
                fields=("org", "label"),
                condition=models.Q(deleted_at=None),
                name="credential_label_once_per_org",
            ),
            models.CheckConstraint(
                condition=models.Q(type__in=CredentialType.values), name="credential_type_known"
            ),
        )

    def __str__(self) -> str:
        return self.label


class Destination(SoftDeleted):
    """Where work goes. `config` is valid for `type`, which never changes, nor does `protocol`."""

    org = models.ForeignKey(Organization, models.PROTECT, related_name="destinations")
    label = models.CharField(max_length=255)
    type = models.CharField(max_length=16, choices=Kind.choices)
    config = models.JSONField(default=dict)
    protocol = models.CharField(
        max_length=8,
        choices=Protocol.choices,
        default=Protocol.PLAIN,
        db_default=Protocol.PLAIN,
        editable=False,
    )
    tags = models.JSONField(null=True, blank=True)
    credential = models.ForeignKey(
        Credential, models.PROTECT, related_name="destinations", null=True, blank=True
    )
    signing_key = models.ForeignKey(
        SigningKey, models.PROTECT, related_name="destinations", null=True, blank=True
    )
    paused_at = models.DateTimeField(null=True, blank=True, editable=False)
    pause_reason = models.CharField(
        max_length=500, blank=True, default="", db_default="", editable=False
    )

    class Meta:
        ordering = ("id",)
        indexes = (
            # pulls.FIND: the destinations of a namespace, however long its name is.
            models.Index(
                F("org"),
                MD5(KeyTextTransform("namespace", "config")),
                condition=models.Q(type=Kind.SDK, deleted_at=None),
                name="destination_namespace",
            ),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("org", "label"),
                condition=models.Q(deleted_at=None),
                name="destination_label_once_per_org",
            ),
            models.CheckConstraint(
                condition=models.Q(type__in=Kind.values), name="destination_type_known"
            ),
            models.CheckConstraint(
                condition=models.Q(protocol=Protocol.PLAIN)
                | models.Q(protocol=Protocol.GATEWAY, type=Kind.WEBHOOK),
                name="destination_gateway_is_webhook",
            ),
        )

    def __str__(self) -> str:
        return self.label


class Sounding(models.Model):
    """How a destination has answered what dispatchers delivered to it within five minutes.

    `times` are how long its answers took: {bucket: count}. `late` are those that took longer than
    the destination says; what has `failed` may have no answer at all.
    """

    destination = models.ForeignKey(
        Destination, models.CASCADE, related_name="soundings", db_index=False
    )
    at = models.DateTimeField()
    succeeded = models.BigIntegerField(default=0)
    failed = models.BigIntegerField(default=0)
    late = models.BigIntegerField(default=0)
    times = models.JSONField(default=dict)
    error = models.TextField(blank=True, default="")
    error_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("destination", "at")
        indexes = (
            # soundings.DELETE: those that are kept no longer.
            models.Index(fields=("at",), name="sounding_age"),
        )
        constraints = (
            # Also what the health of destinations is read by.
            models.UniqueConstraint(fields=("destination", "at"), name="sounding_once"),
        )

    def __str__(self) -> str:
        return f"{self.destination_id} at {self.at:%H:%M}"
