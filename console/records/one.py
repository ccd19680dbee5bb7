"""One action: what it is, what was handed in, what happened to it, and what it would send."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeAlias

import orjson
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from config.errors import ConflictError
from console.pages import fragment, page
from console.records.deciding import find_decisions
from destinations.attempts import Request
from dispatch import sendings, timelines
from dispatch.models import ActionPayload, ActionRecord, Status
from dispatch.retries import MAX_FAILURES
from orgs.permissions import LIST_RECORDS, READ_DESTINATION
from orgs.viewers import Viewer, viewer_of

AUDIT = "GET /v1/orgs/{org_id}/audit"
SHOWN_CHARACTERS = 100_000
# What has moved within this is looked at often.
MOVING = timedelta(minutes=1)
PARTS = ("input", "result")
Show: TypeAlias = Callable[[ActionRecord, bytes], Request | None]


def find_record(viewer: Viewer, record_id: int) -> ActionRecord:
    """The action with what it belongs to, but without contracts; 404 where it is not in reach."""
    rows = ActionRecord.objects.select_related("org", "definition", "destination", "lane")
    found = viewer.narrow(rows.defer("definition__schema")).filter(pk=record_id).first()
    if found is None:
        raise Http404
    return found


@page("console/records/one.html")
def show_record(request: HttpRequest, record_id: int) -> dict[str, Any]:
    """All of one action."""
    viewer = viewer_of(request)
    viewer.require(LIST_RECORDS)
    record = find_record(viewer, record_id)
    payload = ActionPayload.objects.filter(pk=record.pk).defer("answers").first()
    return {
        "title": f"Action {record.pk}",
        "crumbs": [("Records", reverse("console:records"))],
        "input": payload and Text.of(payload.input),
        "result": payload and payload.result and Text.of(payload.result),
        "sending": payload and _show_sending(viewer, record, payload.input),
        "shows_org": viewer.org is None,
        "may_audit": viewer.may(AUDIT),
        **_show_state(viewer, record),
    }


@fragment("console/records/timeline.html")
def show_timeline(request: HttpRequest, record_id: int) -> dict[str, Any]:
    """What happened to an action and where it stands; it is asked for anew until it is over."""
    viewer = viewer_of(request)
    viewer.require(LIST_RECORDS)
    return _show_state(viewer, find_record(viewer, record_id))


def _show_state(viewer: Viewer, record: ActionRecord) -> dict[str, Any]:
    return {
        "record": record,
        "seconds": _find_pause(record),
        "attempt": record.attempt + 1,
        "took": record.completed_at and record.completed_at - record.created_at,
        "most_failures": MAX_FAILURES,
        "timeline": timelines.read(record),
        "decisions": [
            (one, reverse(f"console:record_{one.verb}", args=[record.pk]))
            for one in find_decisions(viewer, record)
        ],
    }


def _find_pause(record: ActionRecord) -> int:
    """In how many seconds an open action is looked at again: what waits for long moves rarely."""
    is_moving = timezone.now() - record.updated_at < MOVING
    return 2 if is_moving and record.status != Status.HELD else 10


@fragment("console/records/one.html")
def download(request: HttpRequest, record_id: int, part: str) -> HttpResponse:
    """All of what was handed in, or of what came back, as it is stored."""
    viewer = viewer_of(request)
    viewer.require(LIST_RECORDS)
    record = find_record(viewer, record_id)
    texts = ActionPayload.objects.filter(pk=record.pk).values_list(part, flat=True)
    text = texts.first() if part in PARTS else None
    if text is None:
        raise Http404
    name = f"action-{record.pk}-{part}.json"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(text, "application/json", headers=headers)


class Text:
    """A JSON text as a person reads it, cut where it is endless."""

    def __init__(self, shown: str, characters: int) -> None:
        self.shown = shown[:SHOWN_CHARACTERS]
        self.characters = characters

    @classmethod
    def of(cls, stored: bytes) -> Text:
        """The text of stored JSON."""
        text = orjson.dumps(orjson.loads(stored), option=orjson.OPT_INDENT_2).decode()
        return cls(text, len(text))

    @property
    def is_cut(self) -> bool:
        """Whether there is more of it."""
        return self.characters > SHOWN_CHARACTERS


@fragment("console/records/request.html")
def show_sent(request: HttpRequest, record_id: int, number: int) -> dict[str, Any]:
    """What the attempt of that number, from 0, has sent."""
    viewer = viewer_of(request)
    viewer.require(LIST_RECORDS)
    record = find_record(viewer, record_id)
    at = timelines.find_sent(record, number)
    if at is None:
        raise Http404
    payload = ActionPayload.objects.filter(pk=record.pk).only("input").first()
    if payload is None:
        return {"sending": {"why_not": "What was handed in is no longer kept."}}
    show = functools.partial(sendings.show_sent, number=number, at=at)
    return {"sending": _show_sending(viewer, record, payload.input, show)}


def _show_sending(
    viewer: Viewer, record: ActionRecord, payload: bytes, show: Show = sendings.show_request
) -> dict[str, Any]:
    """What is sent, or why nothing is shown."""
    if not viewer.may(READ_DESTINATION):
        return {"why_not": "You may not look at its destination."}
    try:
        request = show(record, payload)
    except ConflictError as reason:
        return {"why_not": str(reason)}
    if request is None:
        return {"why_not": f"Nothing is sent to a destination of type {record.destination.type}."}
    return {
        "line": f"{request.method} {request.url}",
        "headers": sorted(request.headers.items()),
        "body": request.body.decode("utf-8", "replace"),
        "is_cut": len(request.body) >= sendings.SHOWN_BYTES,
    }
