"""What the gateway knows of its actions beside the registry: the registry has the rest."""

from __future__ import annotations

import uuid
from typing import Self

from django.db import models
from django.db.models import Exists, Func, OuterRef, Subquery, Sum
from django.db.models.functions import Cast, Now

from actions.models import ActionDefinition, DefinitionDestination
from destinations.models import Destination
from orgs.models import Organization, SoftDeleted
from orgs.querysets import LiveQuerySet

MAX_NAME = 100
MAX_DESCRIPTION = 500
# As it is stored. A list has all of them, and no pages.
MAX_SCHEMA_BYTES = 65_536


class GatewayActionQuerySet(LiveQuerySet):
    """Reads of gateway actions."""

    def registered(self) -> Self:
        """Those that are there: their variant's newest live version leads to their destination.

        Each has the id of that version as `newest_id`. The registry's own API may have taken
        either away.
        """
        newest = ActionDefinition.objects.live().filter(
            org=OuterRef("org"), variant=OuterRef("name")
        )
        link = DefinitionDestination.objects.filter(
            definition=OuterRef("newest_id"), destination=OuterRef("destination")
        )
        return (
            self.live()
            .filter(destination__deleted_at=None)
            .annotate(newest_id=Subquery(newest.order_by("-version").values("pk")[:1]))
            .filter(Exists(link))
            .select_related("org", "destination")
        )

    def count_schema_bytes(self) -> int:
        """How large the schemas of all that are registered here are together."""
        size = Func(
            Cast("schema", models.TextField()),
            function="octet_length",
            output_field=models.BigIntegerField(),
        )
        newest = ActionDefinition.objects.filter(pk__in=self.values("newest_id"))
        total: int | None = newest.aggregate(total=Sum(size))["total"]
        return total or 0


class GatewayAction(SoftDeleted):
    """An action as the gateway shows it: a definition's variant, and the webhook it goes to."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    org = models.ForeignKey(
        Organization, models.PROTECT, related_name="gateway_actions", db_index=False
    )
    name = models.CharField(max_length=MAX_NAME)
    description = models.CharField(max_length=MAX_DESCRIPTION)
    destination = models.OneToOneField(Destination, models.PROTECT, related_name="gateway_action")

    # The plugin takes the base's for a class variable, and this one for none.
    objects = GatewayActionQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        ordering = ("created_at", "id")
        verbose_name = "gateway action"
        constraints = (
            models.UniqueConstraint(
                fields=("org", "name"),
                condition=models.Q(deleted_at=None),
                name="gateway_action_name_once_per_org",
            ),
        )

    def __str__(self) -> str:
        return self.name


class RequestWindow(models.Model):
    """How many requests of an organization the gateway has answered since when."""

    org = models.OneToOneField(Organization, models.PROTECT, related_name="+", primary_key=True)
    began_at = models.DateTimeField(db_default=Now(), editable=False)
    used = models.PositiveIntegerField(editable=False)

    def __str__(self) -> str:
        return f"{self.used} since {self.began_at}"
