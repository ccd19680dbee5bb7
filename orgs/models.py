"""Organizations, the people in them, and the keys they call with."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinLengthValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from orgs.audit.acting import Via
from orgs.querysets import (
    AuditQuerySet,
    InviteQuerySet,
    LiveQuerySet,
    MembershipQuerySet,
    SigningKeyQuerySet,
)

# The longest that anything is kept.
MOST_DAYS = 3_650


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
    # None of those that operators have made.
    created_by = models.ForeignKey(
        "User", models.PROTECT, related_name="made_orgs", null=True, editable=False
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
        """A person who may do everything in the admin, and whom an operator vouches for."""
        rights = {"is_staff": True, "is_superuser": True, "email_verified_at": Now()}
        return self.create_user(email, password, **rights | fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A person; logs in with an email address."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=255, blank=True)
    is_staff = models.BooleanField(default=False, help_text="May use the admin.")
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    # When an operator gave the address, or a provider of logins had verified it.
    email_verified_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = UserManager()

    EMAIL_FIELD = "email"
    USERNAME_FIELD = "email"

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return self.email

    @property
    def verified_email(self) -> str:
        """The address, where it is theirs for certain; else nothing."""
        return self.email if self.email_verified_at else ""


class Permission(models.TextChoices):
    """What a member may do, the most first. `orgs.permissions` says what each includes."""

    OWNER = "owner"
    ADMIN = "admin"
    EDITOR = "editor"
    OPERATOR = "operator"
    VIEWER = "viewer"


def permissions_known(field: str, name: str) -> models.CheckConstraint:
    """The rule that a list of permissions holds nothing else."""
    known = models.Q(**{f"{field}__contained_by": list(Permission.values)})
    return models.CheckConstraint(condition=known, name=name)


class Membership(models.Model):
    """A person in an organization, and what they may do there. Who has left stays as a row."""

    org = models.ForeignKey(
        Organization, models.PROTECT, related_name="memberships", db_index=False
    )
    user = models.ForeignKey(User, models.PROTECT, related_name="memberships")
    permissions = ArrayField(models.CharField(max_length=32, choices=Permission.choices))
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(fields=("org", "user"), name="membership_once_per_org"),
            permissions_known("permissions", "membership_permissions_known"),
        )

    def __str__(self) -> str:
        return f"{self.user} in {self.org}"


class Invite(models.Model):
    """That somebody may become a member; for a user, or for an address.

    Only the sha256 of its token is stored. An invite for a user has none. Nobody is told whether
    there is a user, so that it may be for an id that nobody has: it stays nobody's.
    """

    org = models.ForeignKey(Organization, models.PROTECT, related_name="invites", db_index=False)
    user = models.ForeignKey(
        User, models.PROTECT, related_name="invites", null=True, blank=True, db_constraint=False
    )
    email = models.EmailField(blank=True, db_index=True)
    init_permissions = ArrayField(models.CharField(max_length=32, choices=Permission.choices))
    token_hash = models.BinaryField(max_length=32, null=True, unique=True)
    invited_by = models.ForeignKey(
        Membership, models.PROTECT, related_name="invites", null=True, editable=False
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(editable=False)
    accepted_at = models.DateTimeField(null=True, blank=True, editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = InviteQuerySet.as_manager()

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(
                fields=("org", "user"),
                condition=models.Q(accepted_at=None, deleted_at=None),
                name="invite_once_per_user",
            ),
            models.UniqueConstraint(
                fields=("org", "email"),
                condition=models.Q(accepted_at=None, deleted_at=None) & ~models.Q(email=""),
                name="invite_once_per_email",
            ),
            models.CheckConstraint(
                condition=models.Q(user=None) ^ models.Q(email=""), name="invite_for_one_person"
            ),
            permissions_known("init_permissions", "invite_permissions_known"),
        )

    def __str__(self) -> str:
        return f"Invite of {self.email or f'user {self.user_id}'}"


class CaptiveDomain(models.Model):
    """The domain whose people join an organization by themselves when they log in."""

    org = models.OneToOneField(Organization, models.PROTECT, related_name="captive_domain")
    domain = models.CharField(max_length=253, unique=True, null=True, blank=True)
    github_org = models.CharField(max_length=39, blank=True)
    default_permissions = ArrayField(models.CharField(max_length=32, choices=Permission.choices))
    enabled = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ("id",)
        constraints = (
            permissions_known("default_permissions", "captive_domain_permissions_known"),
            models.CheckConstraint(
                condition=models.Q(enabled=False) | models.Q(domain__isnull=False),
                name="captive_domain_when_enabled",
            ),
        )

    def __str__(self) -> str:
        return self.domain or "no domain"


class ApiKey(models.Model):
    """A secret that acts with its member's permissions, or fewer. Only its sha256 is stored."""

    org = models.ForeignKey(Organization, models.PROTECT, related_name="keys")
    member = models.ForeignKey(Membership, models.PROTECT, related_name="keys")
    description = models.CharField(max_length=50, validators=[MinLengthValidator(2)])
    prefix = models.CharField(max_length=12, editable=False)
    hash = models.BinaryField(max_length=32, unique=True)
    permissions = ArrayField(
        models.CharField(max_length=32, choices=Permission.choices),
        null=True,
        blank=True,
        help_text="None: all that its member has, now and later.",
    )
    variants = ArrayField(
        models.CharField(max_length=255),
        null=True,
        blank=True,
        help_text="It then hands in actions of these variants, and does nothing else.",
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    # The one that a rotation has made in its place.
    replaced_by = models.OneToOneField(
        "self", models.PROTECT, null=True, blank=True, editable=False, related_name="replaces"
    )

    objects = LiveQuerySet.as_manager()

    class Meta:
        ordering = ("id",)
        verbose_name = "API key"
        constraints = (
            models.CheckConstraint(
                condition=models.Q(description__regex=".."), name="key_description_length"
            ),
            permissions_known("permissions", "key_permissions_known"),
        )

    def __str__(self) -> str:
        return f"{self.description} ({self.masked})"

    @property
    def masked(self) -> str:
        """What may be shown of the secret after its creation."""
        return f"{self.prefix}{'*' * 8}"

    @property
    def is_expired(self) -> bool:
        """Whether its time is over."""
        return bool(self.expires_at and self.expires_at <= timezone.now())


_LATEST = (models.F("at").desc(), models.F("id").desc())


class AuditEntry(models.Model):
    """One row that was made, changed or deleted, and who did it. Triggers write it.

    What people do to single actions is written by `dispatch.audit`: there is no trigger on what
    changes all the time.

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
    path = models.TextField()
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
            # The console's list, by when it was, narrowed to a time, an actor, a way or a kind.
            models.Index(*_LATEST, name="audit_latest"),
            models.Index("org", *_LATEST, name="audit_latest_of_org"),
            models.Index("actor", *_LATEST, name="audit_latest_of_actor"),
            models.Index("via", *_LATEST, name="audit_latest_via"),
            models.Index("kind", *_LATEST, name="audit_latest_of_kind"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.row_id} {self.event}"


class SigningKey(SoftDeleted):
    """A secret that deliveries are signed with. While it changes, the former one signs as well.

    `secret` and `previous` are encrypted; what they stand for is `whsec_` and base64 (Standard
    Webhooks, "Signature scheme"). Those of a deleted key are empty. Of several, one signs what
    goes to gateway actions.
    """

    org = models.ForeignKey(Organization, models.PROTECT, related_name="signing_keys")
    label = models.CharField(max_length=255)
    secret = models.TextField(editable=False)
    previous = models.TextField(blank=True, editable=False)
    previous_until = models.DateTimeField(null=True, blank=True, editable=False)
    signs_gateway_from = models.DateTimeField(null=True, blank=True, editable=False)

    # The plugin takes the base's for a class variable, and this one for none.
    objects = SigningKeyQuerySet.as_manager()  # type: ignore[misc]

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
