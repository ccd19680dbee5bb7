"""Which definitions agents may call, under which names, and which of them a key may."""

from __future__ import annotations

from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from orgs.models import ApiKey, Organization

MAX_NAME = 128
NAME_PATTERN = r"^[A-Za-z0-9_.-]{1,128}$"


class ToolQuerySet(models.QuerySet["Tool"]):
    """Reading tools."""

    def of_org(self, org_id: int) -> Self:
        """The organization's tools."""
        return self.filter(org_id=org_id)


class Tool(models.Model):
    """A mark on a variant: agents may call it. It holds for all versions, the newest is called.

    The three hints are what clients are told, and nothing that Waybill sees to.
    """

    org = models.ForeignKey(Organization, models.PROTECT, related_name="tools", db_index=False)
    variant = models.CharField(max_length=255)
    name = models.CharField(max_length=MAX_NAME, help_text="What agents call it.")
    title = models.CharField(max_length=255, blank=True, default="")
    description = models.TextField(
        blank=True, default="", help_text="For the model; empty: the description of the definition."
    )
    read_only = models.BooleanField(
        default=False, db_default=False, help_text="It changes nothing."
    )
    destructive = models.BooleanField(
        default=True, db_default=True, help_text="It may delete or overwrite, not only add."
    )
    idempotent = models.BooleanField(
        db_default=False, help_text="The same call once more changes nothing more."
    )
    enabled = models.BooleanField(default=True, db_default=True, help_text="Whether agents see it.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = ToolQuerySet.as_manager()

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(fields=("org", "variant"), name="tool_once_per_variant"),
            models.UniqueConstraint(fields=("org", "name"), name="tool_name_once_per_org"),
            models.CheckConstraint(condition=Q(name__regex=NAME_PATTERN), name="tool_name_is_one"),
        )

    def __str__(self) -> str:
        return self.name


class KeyTools(models.Model):
    """The variants that a key may call as tools. A key without such a row may call all."""

    key = models.OneToOneField(
        ApiKey, models.CASCADE, primary_key=True, related_name="tools", verbose_name="API key"
    )
    # The key's own: the audit has it with what it tells of.
    org = models.ForeignKey(Organization, models.PROTECT, related_name="+", editable=False)
    variants = ArrayField(models.CharField(max_length=255), default=list, blank=True)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ("key_id",)
        verbose_name = "choice of tools"
        verbose_name_plural = "choices of tools"

    def __str__(self) -> str:
        return f"tools of {self.key}"
