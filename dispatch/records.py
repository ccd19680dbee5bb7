"""Reading actions: what a list is narrowed by, and a record with all that belongs to it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import Prefetch
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from actions.models import ActionDefinition
from actions.services import with_links
from config.openapi import ROW_ID, TIMESTAMP
from config.paging import MAX_ROW_ID, read_choice, read_integer
from config.parsing import read_timestamp
from dispatch.filters import RecordFilter
from dispatch.models import ActionRecord, ActionRecordQuerySet
from dispatch.schemas import SHOWN_STATUS

TAG_PREFIX = "tag."
# The members of an object stand in a query by themselves: these are the names that a caller sends.
TAG_PARAMETER = OpenApiParameter(
    "tag",
    {
        "type": "object",
        "maxProperties": 16,
        "propertyNames": {"pattern": r"^tag\.", "minLength": 5, "maxLength": 132},
        "additionalProperties": {"type": "string", "maxLength": 256},
    },
    description="`tag.<key>=<value>`, as often as there are tags.",
)
# Not by status: what is shown as `queued` is stored as two, and `?status=` knows that.
SEARCHED = {
    "id": "id",
    "attempt": "attempt",
    "variant": "definition__variant",
    "destination_id": "destination_id",
    "action_definition_id": "definition_id",
    "replay_of": "replay_of",
    "error_message": "error_message",
}
PARAMETERS = [
    OpenApiParameter("status", SHOWN_STATUS),
    OpenApiParameter("variant", str),
    OpenApiParameter("destination", ROW_ID, description="A destination's id."),
    OpenApiParameter("created_after", TIMESTAMP, description="At or after this moment."),
    OpenApiParameter("created_before", TIMESTAMP, description="Before this moment."),
]


def read_tags(request: Request) -> dict[str, str]:
    """The tags that the query names as `tag.<key>=<value>`."""
    return {
        name.removeprefix(TAG_PREFIX): str(value)
        for name, value in request.query_params.items()
        if name.startswith(TAG_PREFIX)
    }


def narrow(rows: ActionRecordQuerySet, request: Request) -> ActionRecordQuerySet:
    """The records that the query asks for."""
    asked = read_filter(request)
    return asked.narrow(asked.narrow_ids(rows))


def read_filter(request: Request) -> RecordFilter:
    """Which records the query asks for."""
    asked = request.query_params
    destination_id = None
    if "destination" in asked:
        destination_id = read_integer(request, "destination", default=0, least=0, most=MAX_ROW_ID)
    return RecordFilter(
        status=read_choice(request, "status", dict.fromkeys(SHOWN_STATUS["enum"])),
        variant=asked.get("variant") or None,
        destination_id=destination_id,
        tags=read_tags(request),
        created_after=_read_moment(asked, "created_after"),
        created_before=_read_moment(asked, "created_before"),
    )


def _read_moment(asked: Mapping[str, Any], name: str) -> datetime | None:
    return read_timestamp(str(asked[name]), name=name) if name in asked else None


def in_full() -> ActionRecordQuerySet:
    """Records with payload and definition: a few queries for any number."""
    definitions = with_links(ActionDefinition.objects.all())
    return ActionRecord.objects.prefetch_related("payload", Prefetch("definition", definitions))
