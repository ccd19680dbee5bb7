"""Which actions are meant: by status, variant, destination, tags, time, error, id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import BooleanField, Q
from django.db.models.expressions import RawSQL

from dispatch import moments
from dispatch.models import OPEN, ActionRecord, ActionRecordQuerySet, Status

# In the text of the statement: of a parameter nobody knows that the index has all of it.
IS_FAILED = RawSQL("dispatch_actionrecord.status = 'failed'", [], output_field=BooleanField())
IS_HELD = RawSQL("dispatch_actionrecord.status = 'held'", [], output_field=BooleanField())


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
    # Those of these ids; none where there are none.
    record_ids: tuple[int, ...] | None = None
    definition_ids: tuple[int, ...] | None = None
    # Of all destinations that have this label, or had it until they were deleted.
    destination_label: str | None = None
    # What the error says somewhere, in whatever case.
    error: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it matches all."""
        return self == RecordFilter()

    @property
    def is_of_failed(self) -> bool:
        """Whether the index of failed actions has all that match, and little else."""
        return self.status == Status.FAILED

    def index(self, org_id: int | None) -> ActionRecordQuerySet:
        """Actions of an organization, or of all, in the order of ids; all that match are there.

        Of one, an index gives those that failed or are not over. Of all together it would take one
        that every delivery pays for: there, only those that are held are few.
        """
        rows = ActionRecord.objects.all()
        if org_id is not None:
            rows = rows.of_org(org_id)
        if self.record_ids is not None:
            return rows.filter(_among("id", self.record_ids)) if self.record_ids else rows.none()
        if self.status == Status.HELD:
            return rows.unfinished().filter(IS_HELD)
        if org_id is None:
            return rows
        if self.is_of_failed:
            return rows.filter(IS_FAILED)
        return rows.unfinished() if self.status in OPEN else rows

    def narrow_ids(self, rows: ActionRecordQuerySet) -> ActionRecordQuerySet:
        """Those of the actions whose ids are of the time asked for, give or take some minutes."""
        bounds = moments.find_bounds(self.created_after, self.created_before)
        return rows.filter(**bounds)

    def narrow(self, rows: ActionRecordQuerySet) -> ActionRecordQuerySet:
        """Those of the actions that match."""
        if self.status:
            rows = rows.in_status(self.status)
        for column, ids in (("id", self.record_ids), ("definition_id", self.definition_ids)):
            if ids is not None:
                rows = rows.filter(_among(column, ids))
        columns: dict[str, Any] = {
            "definition__variant": self.variant,
            "destination_id": self.destination_id,
            "destination__label": self.destination_label,
            "error_message__icontains": self.error,
            "created_at__gte": self.created_after,
            "created_at__lt": self.created_before,
            "id__gt": self.after_id,
            "tags__contains": dict(self.tags) or None,
        }
        return rows.filter(
            Q(**{name: asked for name, asked in columns.items() if asked is not None})
        )


def _among(column: str, ids: tuple[int, ...]) -> RawSQL:
    """Whether the column is one of these: as one parameter, of which there may be 65,535."""
    return RawSQL(  # noqa: S611 -- a name of ours
        f"dispatch_actionrecord.{column} = ANY(%s::bigint[])",
        [list(ids)],
        output_field=BooleanField(),
    )
