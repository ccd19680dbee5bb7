"""Carrying bulk operations out, and what came of them."""

from __future__ import annotations

from dispatch.models import ActionRecord
from operations import services


def carry_out(operation):
    """Work until there is nothing more to do."""
    while services.advance(operation.pk):
        pass
    operation.refresh_from_db()
    return operation


def replays():
    """Which action each replay came from, in the order of the replays."""
    made = ActionRecord.objects.exclude(replay_of=None).order_by("pk")
    return list(made.values_list("replay_of", flat=True))


def ids(records):
    return [record.pk for record in records]
