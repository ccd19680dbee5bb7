"""Whether a refusal left anything behind."""

from __future__ import annotations

from actions.models import ActionDefinition
from destinations.models import Destination
from dispatch.models import ActionEvent, ActionPayload, ActionRecord, Lane, LaneUse

COUNTED = (
    ActionRecord, ActionPayload, ActionEvent, Lane, LaneUse, Destination, ActionDefinition
)  # fmt: skip


def count_rows() -> dict[str, int]:
    """How many rows each table has that an action may touch."""
    return {model.__name__: model.objects.count() for model in COUNTED}
