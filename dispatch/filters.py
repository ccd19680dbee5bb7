"""Which of an organization's actions are meant: by status, variant, destination, tags, time, id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Q

from dispatch import moments
from dispatch.models import ActionRecordQuerySet, Status


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """What actions have in common; what is left out matches all."""

    status: str | None = None
    variant: str | None = None
    destination_id: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    created_after: datetime | None = None
    created_before: datetime | None = None
    after_id: int | None = None

    @property
    def is_of_failed(self) -> bool:
        """Whether the index of failed actions has all that match, and little else."""
        return self.status == Status.FAILED

    def narrow_ids(self, rows: ActionRecordQuerySet) -> ActionRecordQuerySet:
        """Those of the actions whose ids are of the time asked for, give or take some minutes."""
        bounds = moments.find_bounds(self.created_after, self.created_before)
        return rows.filter(**bounds)

    def narrow(self, rows: ActionRecordQuerySet) -> ActionRecordQuerySet:
        """Those of the actions that match."""
        if self.status:
            rows = rows.in_status(self.status)
        columns: dict[str, Any] = {
            "definition__variant": self.variant,
            "destination_id": self.destination_id,
            "created_at__gte": self.created_after,
            "created_at__lt": self.created_before,
            "id__gt": self.after_id,
            "tags__contains": dict(self.tags) or None,
        }
        return rows.filter(
            Q(**{name: asked for name, asked in columns.items() if asked is not None})
        )
