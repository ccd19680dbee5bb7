"""Action definitions: versioned contracts, the names they go by, and where they lead."""

from __future__ import annotations

from typing import Any

import orjson
from django.db import models
from django.db.models.functions import Collate

from actions.fields import ExactJSONField
from destinations.models import Destination
from orgs.models import Organization, SoftDeleted


class Compatibility(models.TextChoices):
    """What a new version of a variant has to be (`compatibility.Policy`), to the live version
    before it or to all of them."""

    NONE = "none"
    BACKWARD = "backward", "backward: it takes what the one before takes"
    FORWARD = "forward", "forward: the one before takes what it takes"
    FULL = "full", "full: both"
    BACKWARD_TRANSITIVE = "backward_transitive", "backward, to all before"
    FORWARD_TRANSITIVE = "forward_transitive", "forward, to all before"
    FULL_TRANSITIVE = "full_transitive", "full, to all before"


class OpenContent(models.TextChoices):
    """How strictly an added property is judged (`compatibility.OpenContent`)."""

    STRICT = "strict"
    LENIENT = "lenient"


class ActionDefinition(SoftDeleted):
    """A kind of work: a variant, a version, and the JSON Schema its payloads satisfy."""

    org = models.ForeignKey(
        Organization, models.PROTECT, related_name="definitions", db_index=False
    )
    variant = models.CharField(max_length=255)
    version = models.PositiveIntegerField()
    schema = ExactJSONField()
    schema_digest = models.BinaryField(max_length=32)
    description = models.TextField(blank=True, default="")
    # Properties of the variant, on each of its rows: `services` keeps them equal.
    requires_approval = models.BooleanField(
        db_default=False,
        help_text="Whether the actions of all versions are held until somebody approves them.",
    )
    compatibility = models.CharField(
        max_length=19,
        choices=Compatibility.choices,
        db_default=Compatibility.NONE,
        help_text="What each further version has to be.",
    )
    open_content = models.CharField(
        max_length=7,
        choices=OpenContent.choices,
        db_default=OpenContent.STRICT,
        help_text="How strictly an added property is judged.",
    )
    # Of this version: what ingress tells those who still send it.
    deprecated_at = models.DateTimeField(null=True, blank=True)
    sunset_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("id",)
        constraints = (
            # Deleted rows count: a version number is never freed.
            models.UniqueConstraint(
                fields=("org", "variant", "version"), name="definition_version_once"
            ),
            models.CheckConstraint(
                condition=models.Q(version__gte=1), name="definition_version_from_one"
            ),
            models.CheckConstraint(
                condition=models.Q(compatibility__in=Compatibility.values),
                name="definition_compatibility_known",
            ),
            models.CheckConstraint(
                condition=models.Q(open_content__in=OpenContent.values),
                name="definition_open_content_known",
            ),
            models.CheckConstraint(
                condition=models.Q(deprecated_at=None)
                | models.Q(sunset_at=None)
                | models.Q(sunset_at__gte=models.F("deprecated_at")),
                name="definition_deprecated_before_sunset",
            ),
        )

    def __str__(self) -> str:
        return f"{self.variant} v{self.version}"

    def read_schema(self) -> Any:
        """The contract as a value."""
        return orjson.loads(self.schema)


class DefinitionName(models.Model):
    """What ingress may call: a live variant, or an alias of one definition."""

    class Kind(models.TextChoices):
        """What the name stands for."""

        VARIANT = "variant"
        ALIAS = "alias"

    org = models.ForeignKey(Organization, models.PROTECT, related_name="+", db_index=False)
    name = models.CharField(max_length=255)
    variant = models.CharField(max_length=255)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    definition = models.ForeignKey(
        ActionDefinition, models.CASCADE, null=True, blank=True, related_name="names"
    )

    class Meta:
        ordering = ("id",)
        constraints = (
            # One namespace for variants and aliases. Rows go when the name is freed.
            models.UniqueConstraint(fields=("org", "name"), name="definition_name_once"),
            models.CheckConstraint(
                condition=models.Q(kind="alias", definition__isnull=False)
                | models.Q(kind="variant", definition__isnull=True),
                name="definition_name_alias_has_definition",
            ),
        )
        indexes = (
            # `browsing`: an organization's names in an order in which those with one beginning
            # are neighbours, whatever the database's collation.
            models.Index("org", Collate("name", "C"), name="definition_name_by_beginning"),
        )

    def __str__(self) -> str:
        return self.name


class DefinitionDestination(models.Model):
    """A link: this definition's actions may go to that destination."""

    org = models.ForeignKey(Organization, models.PROTECT, related_name="+")
    definition = models.ForeignKey(ActionDefinition, models.CASCADE, related_name="links")
    destination = models.ForeignKey(Destination, models.PROTECT, related_name="links")
    is_default = models.BooleanField(default=False)

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(
                fields=("definition", "destination"), name="link_once_per_definition"
            ),
            models.UniqueConstraint(
                fields=("definition",),
                condition=models.Q(is_default=True),
                name="link_one_default_per_definition",
            ),
        )

    def __str__(self) -> str:
        return f"{self.definition} to {self.destination}"
