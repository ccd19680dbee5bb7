"""Reading the audit: a list, one entry, and all of it as lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
from django.http import StreamingHttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from config import paging
from config.api import LINES, operation, reply
from config.openapi import page_of
from config.parsing import read_timestamp
from orgs import audit_schemas as schemas
from orgs.audit.acting import Via
from orgs.models import AuditEntry, AuditQuerySet
from orgs.scope import OrgView
from runtime import slots

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
        description="The same as the list, as JSON lines, all of it.",
        data=schemas.ENTRY,
        query=schemas.FILTERS,
        in_lines=True,
    )
    def get(self, request: Request, org_id: int) -> StreamingHttpResponse:
        """The lines, as they are read."""
        rows = narrow(request, AuditEntry.objects.of_org(org_id))
        named = {"Content-Disposition": f'attachment; filename="audit-{org_id}.jsonl"'}
        return StreamingHttpResponse(write_lines(rows), content_type=LINES, headers=named)


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


def write_lines(rows: AuditQuerySet) -> Iterator[bytes]:
    """Each entry on a line. However many there are, few are held at a time."""
    page = read_page(rows)
    while page:
        for entry in page:
            yield orjson.dumps(schemas.show_entry(entry), option=orjson.OPT_APPEND_NEWLINE)
        page = read_page(rows.filter(pk__lt=page[-1].pk))


def read_page(rows: AuditQuerySet) -> list[AuditEntry]:
    """The newest of the rows. A slot is taken for as long as they are read, not for the client."""
    with slots.entered():
        return list(rows.order_by("-id")[:LINES_AT_ONCE])
