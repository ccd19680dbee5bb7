"""Config revisions: documents that were planned, and what became of them."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import F
from django.db.models.functions import Now

from actions.fields import ExactJSONField
from orgs.models import Organization


class ConfigRevisionQuerySet(models.QuerySet["ConfigRevision"]):
    """Reading revisions."""

    def of_org(self, org_id: int) -> Self:
        """The organization's."""
        return self.filter(org_id=org_id)


class ConfigRevision(models.Model):
    """A document as it was planned, with the steps that this found, and whether they were done."""

    class Status(models.TextChoices):
        """What became of it."""

        PLANNED = "planned"
        APPLIED = "applied"
        FAILED = "failed"

    org = models.ForeignKey(Organization, models.PROTECT, related_name="+", db_index=False)
    definition = ExactJSONField()
    prune = models.BooleanField(default=False, help_text="Whether what it does not name goes.")
    force = models.BooleanField(
        default=False, help_text="Whether destinations go that have open actions."
    )
    allow_indeterminate = models.BooleanField(
        default=False,
        help_text="Whether versions are published, too, of which nobody can tell whether they keep "
        "the policy.",
    )
    preview_steps = ExactJSONField()
    # How many steps there are of each op: lists have these instead of the steps.
    step_counts = models.JSONField(default=dict)
    # Of what was there: an equal one is what it was planned for.
    state_digest = models.BinaryField(max_length=32)
    # Of each part of it, to name what has changed.
    state_parts = models.JSONField(default=dict)
    status = models.CharField(max_length=7, choices=Status.choices, default=Status.PLANNED)
    error_message = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)
    applied_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ConfigRevisionQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        verbose_name = "config revision"
        indexes = (
            # The list, newest first, and those that are too many.
            models.Index("org", F("id").desc(), name="revision_newest"),
        )
        constraints = (
            models.CheckConstraint(
                condition=models.Q(status="applied", applied_at__isnull=False)
                | models.Q(status__in=("planned", "failed"), applied_at=None),
                name="revision_applied_at_some_time",
            ),
        )

    def __str__(self) -> str:
        return f"Revision {self.pk}"
