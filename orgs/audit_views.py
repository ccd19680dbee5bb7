"""Reading the audit: a list, one entry, and all of it as lines."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import orjson
from django.db import DatabaseError
from django.http import StreamingHttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from config import paging
from config.api import LINES, operation, reply
from config.errors import BusyError, Fault
from config.openapi import page_of
from config.parsing import read_timestamp
from orgs import audit_schemas as schemas
from orgs.audit.acting import Via
from orgs.models import AuditEntry
from orgs.querysets import AuditQuerySet
from orgs.scope import OrgView
from runtime import slots
from runtime.seats import Seats

logger = logging.getLogger(__name__)

# So many exports are read from a process at once, half of them by one organization. A thread is
# kept by each for as long as its client takes, and by one that reads nothing until it hangs up:
# the server has no end for that.
seats = Seats(8)
LASTS_SECONDS = 900.0
CUT_OFF = Fault("CUT_OFF", "The export ends here, before its end. Ask for less by `from` and `to`.")
# What an export holds at a time. A change may be of a megabyte.
LINES_AT_ONCE = 25
EXACT = ("actor", "kind", "row_id")
CHOICES = {"via": Via, "event": schemas.Event}
IDS = ("user_id", "key_id")
BOUNDS = {"from": "at__gte", "to": "at__lt"}
SEARCHED = {name: name for name in ("id", "at", "address", "path", *EXACT, *CHOICES, *IDS)}


class AuditView(OrgView):
    """`/v1/orgs/{org_id}/audit`."""

    tag = "audit"

    @operation(
        summary="List what was changed, and by whom",
        description="Every row that was made, changed or deleted, newest first.",
        data=page_of(schemas.ENTRY),
        query=[*paging.PARAMETERS, *schemas.FILTERS],
    )
    def get(self, request: Request, org_id: int) -> Response:
        """A page of the organization's audit."""
        rows = narrow(request, AuditEntry.objects.of_org(org_id))
        return reply(paging.answer_page(request, rows, schemas.show_entry, fields=SEARCHED))


class AuditEntryView(OrgView):
    """`/v1/orgs/{org_id}/audit/{id}`."""

    tag = "audit"

    @operation(summary="Fetch one change", data=schemas.ENTRY)
    def get(self, request: Request, org_id: int, id: int) -> Response:
        """One entry."""
        return reply(schemas.show_entry(self.find_row(AuditEntry.objects.all(), id)))


class AuditExportView(OrgView):
    """`/v1/orgs/{org_id}/audit/export`."""

    tag = "audit"

    @operation(
        summary="Export what was changed, and by whom",
        description="The same as the list, as JSON lines, all of it within 15 minutes. One that is "
        "cut off has a last line with `errors`, as other answers have them.",
        data=schemas.ENTRY,
        query=schemas.FILTERS,
        media_type=LINES,
    )
    def get(self, request: Request, org_id: int) -> StreamingHttpResponse:
        """The lines, as they are read."""
        rows = narrow(request, AuditEntry.objects.of_org(org_id))
        named = {"Content-Disposition": f'attachment; filename="audit-{org_id}.jsonl"'}
        return StreamingHttpResponse(Export(rows, org_id), content_type=LINES, headers=named)


def narrow(request: Request, rows: AuditQuerySet) -> AuditQuerySet:
    """The rows that the query asks for; 400 where it asks for nonsense."""
    query = request.query_params
    asked: dict[str, Any] = {name: query[name] for name in EXACT if name in query}
    for name, choices in CHOICES.items():
        choice = paging.read_choice(request, name, dict(choices.choices))
        if choice is not None:
            asked[name] = choice
    for name in IDS:
        if name in query:
            most = paging.MAX_ROW_ID
            asked[name] = paging.read_integer(request, name, default=0, least=0, most=most)
    for name, lookup in BOUNDS.items():
        if name in query:
            asked[lookup] = read_timestamp(query[name], name=name)
    return rows.filter(**asked)


class Export:
    """The lines of an export, for a while: each entry on one. Few entries are held at a time."""

    def __init__(self, rows: AuditQuerySet, org_id: int) -> None:
        self._rows = rows
        self._held = ExitStack()
        if not self._held.enter_context(seats.take(org_id)):
            raise BusyError("Too many exports are being read. Try again later.", retry_after=30)

    def __iter__(self) -> Iterator[bytes]:
        began = time.monotonic()
        page: list[AuditEntry] | None = None
        try:
            while page := read_page(self._rows, page):
                for entry in page:
                    yield write_line(schemas.show_entry(entry))
                if time.monotonic() - began >= LASTS_SECONDS or slots.is_stopping():
                    yield write_line({"data": None, "errors": [CUT_OFF.as_dict()]})
                    return
        except DatabaseError:
            # The answer has begun: the server would end it as if this were all.
            logger.exception("An export of the audit is cut off")
            yield write_line({"data": None, "errors": [CUT_OFF.as_dict()]})

    def close(self) -> None:
        """Give back its seat; the server calls this, however it ends."""
        self._held.close()


def write_line(value: dict[str, Any]) -> bytes:
    """The value as JSON on a line."""
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)


def read_page(rows: AuditQuerySet, former: list[AuditEntry] | None) -> list[AuditEntry]:
    """The newest of the rows that come after the former page.

    A slot is taken for as long as they are read, not for the client.
    """
    rows = rows.filter(pk__lt=former[-1].pk) if former else rows
    with slots.entered():
        return list(rows.order_by("-id")[:LINES_AT_ONCE])
