"""Organizations, the people in them, and the keys they call with."""

from __future__ import annotations

import uuid
from typing import Any, Self

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinLengthValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now

from orgs.audit.acting import Via

# The longest that anything is kept.
MOST_DAYS = 3_650


class LiveQuerySet(models.QuerySet[Any]):
    """Rows of tables whose deletion is soft."""

    def live(self) -> Self:
        """Those that are not deleted."""
        return self.filter(deleted_at=None)

    def of_org(self, org_id: int) -> Self:
        """The organization's rows that are not deleted."""
        return self.live().filter(org_id=org_id)


class SoftDeleted(models.Model):
    """When a row was made, last changed, and deleted: it stays."""

    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = LiveQuerySet.as_manager()

    class Meta:
        abstract = True


class Organization(SoftDeleted):
    """A tenant. Nothing is shared between two of them but people."""

    name = models.CharField(max_length=255)
    slug = models.SlugField(max_length=64, unique=True)
    tenant_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    payload_days = models.PositiveSmallIntegerField(
        db_default=30,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_DAYS)],
        help_text="Payloads of finished actions are kept this long.",
    )
    history_days = models.PositiveSmallIntegerField(
        db_default=90,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_DAYS)],
        help_text="Finished actions and their events are kept this long.",
    )
    stripe_id = models.CharField(
        max_length=255, blank=True, db_default="", help_text="The customer at Stripe."
    )
    usage_provider_id = models.CharField(
        max_length=255, blank=True, db_default="", help_text="Who meters it elsewhere."
    )

    class Meta:
        ordering = ("id",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(payload_days__gte=1, history_days__gte=models.F("payload_days")),
                name="organization_history_outlives_payloads",
            ),
        )

    def __str__(self) -> str:
        return self.name


class UserManager(BaseUserManager["User"]):
    """Makes users; Django's own commands call it by these names."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """A person who can log in."""
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        """A person who may do everything in the admin."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A person; logs in with an email address."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=255, blank=True)
    is_staff = models.BooleanField(default=False, help_text="May use the admin.")
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = UserManager()

    EMAIL_FIELD = "email"
    USERNAME_FIELD = "email"

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return self.email


class Permission(models.TextChoices):
    """What a member may do, the most first. `orgs.permissions` says what each includes."""

    OWNER = "owner"
    ADMIN = "admin"
    EDITOR = "editor"
    OPERATOR = "operator"
    VIEWER = "viewer"


class Membership(models.Model):
    """A person in an organization, and what they may do there."""

    org = models.ForeignKey(
        Organization, models.PROTECT, related_name="memberships", db_index=False
    )
    user = models.ForeignKey(User, models.PROTECT, related_name="memberships")
    permissions = ArrayField(models.CharField(max_length=32, choices=Permission.choices))
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(fields=("org", "user"), name="membership_once_per_org"),
        )

    def __str__(self) -> str:
        return f"{self.user} in {self.org}"


class ApiKey(models.Model):
    """A secret that acts with its member's permissions. Only its sha256 is stored."""

    org = models.ForeignKey(Organization, models.PROTECT, related_name="keys")
    member = models.ForeignKey(Membership, models.PROTECT, related_name="keys")
    description = models.CharField(max_length=50, validators=[MinLengthValidator(2)])
    prefix = models.CharField(max_length=12, editable=False)
    hash = models.BinaryField(max_length=32, unique=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = LiveQuerySet.as_manager()

    class Meta:
        ordering = ("id",)
        verbose_name = "API key"
        constraints = (
            models.CheckConstraint(
                condition=models.Q(description__regex=".."), name="key_description_length"
            ),
        )

    def __str__(self) -> str:
        return f"{self.description} ({self.masked})"

    @property
    def masked(self) -> str:
        """What may be shown of the secret after its creation."""
        return f"{self.prefix}{'*' * 8}"


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    """Reading the audit."""

    def of_org(self, org_id: int) -> Self:
        """What was changed in the organization."""
        return self.filter(org_id=org_id)


class AuditEntry(models.Model):
    """One row that was made, changed or deleted, and who did it. Triggers write it.

    It refers to nothing: it stays, whatever becomes of what it tells of. `before` and `after`
    have the columns that changed, secret ones without their values.
    """

    class Event(models.TextChoices):
        """What was done to the row."""

        CREATED = "created"
        UPDATED = "updated"
        DELETED = "deleted"
        RESTORED = "restored"

    # None of a person's own row, who may be in several.
    org = models.ForeignKey(
        Organization,
        models.DO_NOTHING,
        related_name="+",
        null=True,
        db_constraint=False,
        db_index=False,
    )
    at = models.DateTimeField(db_default=Now())
    actor = models.TextField()
    via = models.CharField(max_length=8, choices=Via.choices)
    user_id = models.BigIntegerField(null=True)
    key_id = models.BigIntegerField(null=True)
    address = models.TextField()
    path = models.TextField(help_text="What was called.")
    kind = models.CharField(max_length=64)
    row_id = models.TextField()
    event = models.CharField(max_length=8, choices=Event.choices)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)

    objects = AuditQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        verbose_name = "audit entry"
        verbose_name_plural = "audit entries"
        indexes = (
            # The list, newest first, and the story of one row.
            models.Index("org", models.F("id").desc(), name="audit_newest"),
            models.Index("org", "kind", "row_id", models.F("id").desc(), name="audit_of_row"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.row_id} {self.event}"


class SigningKey(SoftDeleted):
    """A secret that deliveries are signed with. While it changes, the former one signs as well.

    `secret` and `previous` are encrypted; what they stand for is `whsec_` and base64 (Standard
    Webhooks, "Signature scheme"). Those of a deleted key are empty.
    """

    org = models.ForeignKey(Organization, models.PROTECT, related_name="signing_keys")
    label = models.CharField(max_length=255)
    secret = models.TextField(editable=False)
    previous = models.TextField(blank=True, editable=False)
    previous_until = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(
                fields=("org", "label"),
                condition=models.Q(deleted_at=None),
                name="signing_key_label_once_per_org",
            ),
        )

    def __str__(self) -> str:
        return self.label
