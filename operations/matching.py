"""Finding the actions of a bulk operation, so many ids at a time that no statement runs long."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from config.errors import RuleError
from config.paging import MAX_ROW_ID
from config.parsing import read_row_id, read_timestamp
from dispatch.filters import RecordFilter
from dispatch.models import OPEN, ActionRecordQuerySet, Status
from operations.models import BulkOperation

# How many of an organization's actions one statement looks at.
WINDOW = 10_000
# Where counting stops: as many as lists count, or as long as a caller would wait.
COUNTED = 10_000
COUNTING_SECONDS = 1.5


@dataclass(frozen=True, slots=True)
class Span:
    """Ids above the first of these, up to the last."""

    after: int
    newest: int


@dataclass(frozen=True, slots=True)
class Found:
    """Ids of actions that match, in order; every id up to `last_id` has been looked at."""

    ids: list[int]
    last_id: int


@dataclass(frozen=True, slots=True)
class Count:
    """How many actions match, with the ids of those that were counted."""

    ids: list[int]
    exact: bool

    @property
    def number(self) -> int:
        """At most 10,000."""
        return min(len(self.ids), COUNTED)


@dataclass(frozen=True, slots=True)
class Aim:
    """What an operation is about: whose actions, what becomes of them, and which."""

    org_id: int
    kind: str
    filter: RecordFilter

    def whole_span(self) -> Span:
        """From the oldest action that may match to the newest one at this moment."""
        rows = self.filter.narrow_ids(self._indexed())
        oldest = rows.order_by("id").values_list("id", flat=True).first() or 0
        newest = rows.order_by("-id").values_list("id", flat=True).first() or 0
        return Span(max(oldest - 1, self.filter.after_id or 0), newest)

    def find(self, span: Span, most: int) -> Found:
        """The first that match in the span, at most so many, looking at one window of ids."""
        rows = self._indexed().filter(id__gt=span.after, id__lte=span.newest).order_by("id")
        ends = rows.values_list("id", flat=True)[WINDOW - 1 : WINDOW]
        end = next(iter(ends), span.newest)
        matching = self.filter.narrow(rows.filter(id__lte=end, status__in=self._statuses()))
        ids = list(matching.values_list("id", flat=True)[:most])
        return Found(ids, ids[-1] if len(ids) == most else end)

    def count(self, span: Span) -> Count:
        """How many match in the span: exact, unless there are too many or it takes too long."""
        ids: list[int] = []
        until = time.monotonic() + COUNTING_SECONDS
        while span.after < span.newest:
            if len(ids) > COUNTED or time.monotonic() > until:
                return Count(ids, exact=False)
            found = self.find(span, COUNTED + 1 - len(ids))
            ids += found.ids
            span = Span(found.last_id, span.newest)
        return Count(ids, exact=len(ids) <= COUNTED)

    def _indexed(self) -> ActionRecordQuerySet:
        """What there is to look through, by an index in the order of ids."""
        rows = self.filter.index(self.org_id)
        return rows if self.kind == BulkOperation.Kind.REPLAY else rows.unfinished()

    def _statuses(self) -> list[str]:
        return [str(status) for status in APPLIES_TO[BulkOperation.Kind(self.kind)]]


APPLIES_TO = {
    BulkOperation.Kind.REPLAY: tuple(status for status in Status if status not in OPEN),
    BulkOperation.Kind.CANCEL: OPEN,
    BulkOperation.Kind.APPROVE: (Status.HELD,),
    BulkOperation.Kind.DENY: (Status.HELD,),
}


def read_aim(org_id: int, kind: str, asked: Mapping[str, Any]) -> Aim:
    """The aim of an operation whose filter is asked for in these words."""
    status, taken = asked.get("status"), APPLIES_TO[BulkOperation.Kind(kind)]
    if status is not None and status not in taken:
        takes = ", ".join(_shown_statuses(kind))
        raise RuleError(
            f"{kind.capitalize()} in bulk takes actions that are {takes}.",
            code="INVALID_FILTER",
            pointer="/filter/status",
        )
    return Aim(
        org_id,
        kind,
        RecordFilter(
            # Where it can be one only, an index has those, and nothing else is looked through.
            status=taken[0] if len(taken) == 1 else status,
            variant=asked.get("variant"),
            destination_id=_read_id(asked.get("destination")),
            tags=asked.get("tags", {}),
            created_after=_read_moment(asked, "created_after"),
            created_before=_read_moment(asked, "created_before"),
            after_id=_read_id(asked.get("after_id")),
            record_ids=_read_ids(asked.get("ids")),
            destination_label=asked.get("destination_label"),
            error=asked.get("error"),
        ),
    )


def _shown_statuses(kind: str) -> list[str]:
    applies_to = APPLIES_TO[BulkOperation.Kind(kind)]
    return [str(status) for status in applies_to if status != Status.SCHEDULED]


def _read_id(text: str | None) -> int | None:
    """The number; one that no row can have is as good as the greatest that one can."""
    return None if text is None else min(read_row_id(text), MAX_ROW_ID)


def _read_ids(texts: Sequence[str] | None) -> tuple[int, ...] | None:
    return None if texts is None else tuple(min(read_row_id(one), MAX_ROW_ID) for one in texts)


def _read_moment(asked: Mapping[str, Any], name: str) -> datetime | None:
    return read_timestamp(asked[name], name=f"filter/{name}") if name in asked else None
