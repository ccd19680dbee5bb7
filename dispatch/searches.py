"""Searching actions, newest first: page by page, and never through more than a person waits for.

A page begins below an id, or above one. What a filter finds rarely is looked for in windows of
ids, for some tenths of a second; then the page says how far it has looked, and the next one goes
on from there.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from dispatch.filters import RecordFilter
from dispatch.models import ActionRecord, ActionRecordQuerySet

PAGE = 50
# How many actions one statement looks at, and for how long another one is begun.
WINDOW = 20_000
SECONDS = 0.1
MOST_WINDOWS = 10
# What a list shows, and not what was handed in, nor what its contract is.
SHOWN = (
    "status", "attempt", "created_at", "available_at", "completed_at", "error_message", "tags",
    "org__name", "definition__variant", "definition__version", "destination__label",
    "destination__type", "destination__deleted_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page is: below an id, above one, or, with neither, at the newest."""

    below: int | None = None
    above: int | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """The actions of a page, newest first, and where the pages beside it are.

    `looked_to` is the moment at which looking has stopped, where more may match beyond.
    """

    records: Sequence[ActionRecord] = field(default_factory=list)
    older: int | None = None
    newer: int | None = None
    looked_to: datetime | None = None


def find_page(org_id: int | None, asked: RecordFilter, place: Place) -> Page:
    """A page of those actions of an organization, or of all, that match."""
    walk = _Walk(org_id, asked, place)
    walk.go()
    return walk.turn() if walk.is_upwards else walk.page()


class _Walk:
    """A way through the rows, from a place on."""

    def __init__(self, org_id: int | None, asked: RecordFilter, place: Place) -> None:
        self.asked = asked
        self.place = place
        self.is_upwards = place.above is not None
        self.order, self.beyond, self.within = ("-id", "id__lt", "id__gte")
        if self.is_upwards:
            self.order, self.beyond, self.within = ("id", "id__gt", "id__lte")
        self.rows = asked.narrow_ids(asked.index(org_id)).order_by(self.order)
        # By their ids: joined to all that match, what is shown of them would take far longer.
        self.found: list[int] = []
        # How far it has been looked, where there is more.
        self.end: int | None = None

    @property
    def has_more(self) -> bool:
        """Whether the page is full, and goes on."""
        return len(self.found) > PAGE

    def go(self) -> None:
        """Look, window by window, until the page is full, all is seen, or time is up."""
        start = self.place.above if self.is_upwards else self.place.below
        until = time.monotonic() + SECONDS
        for _ in range(MOST_WINDOWS):
            rows = self.rows if start is None else self.rows.filter(**{self.beyond: start})
            self.end = self._find_end(rows)
            if self.end is not None:
                rows = rows.filter(**{self.within: self.end})
            found = self.asked.narrow(rows).values_list("pk", flat=True)
            self.found += found[: PAGE + 1 - len(self.found)]
            if self.has_more or self.end is None or time.monotonic() > until:
                return
            start = self.end

    def _find_end(self, rows: ActionRecordQuerySet) -> int | None:
        """The last id of a window; None where that is the last of all, or no window is needed.

        Nothing but ids is asked for: an index has them, and no row is read.
        """
        if self.asked.is_empty or self.asked.record_ids is not None:
            return None
        ends = rows.values_list("id", flat=True)[WINDOW - 1 : WINDOW]
        return next(iter(ends), None)

    def _read_found(self) -> list[ActionRecord]:
        """What is shown of those that were found, the newest first."""
        if not self.found:
            return []
        rows = ActionRecord.objects.filter(pk__in=self.found[:PAGE]).order_by("-id")
        return list(rows.select_related("definition", "destination", "org").only(*SHOWN))

    def _read_moment(self, record_id: int) -> datetime | None:
        """When the action was accepted at which looking has stopped."""
        moments = ActionRecord.objects.filter(pk=record_id).values_list("created_at", flat=True)
        return moments.first()

    def page(self) -> Page:
        """The page downwards."""
        records = self._read_found()
        newer = records[0].pk if records and self.place.below is not None else None
        if self.has_more:
            # By what was found: it may have been deleted by the time it is read.
            return Page(records, self.found[PAGE - 1], newer)
        if self.end is None:
            return Page(records, None, newer)
        return Page(records, self.end, newer, self._read_moment(self.end))

    def turn(self) -> Page:
        """The page upwards, shown downwards as well; what is below it is known to be there."""
        records = self._read_found()
        above = self.place.above or 0
        older = records[-1].pk if records else above + 1
        if self.has_more:
            return Page(records, older, self.found[PAGE - 1])
        if self.end is None:
            return Page(records, older, None)
        return Page(records, older, self.end, self._read_moment(self.end))
