"""Replaying, canceling, approving and denying in bulk."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from config import paging
from config.api import operation, reply
from config.openapi import page_of
from operations import schemas, serializers, services
from operations.models import BulkOperation
from orgs import permissions
from orgs.scope import OrgView

EXAMPLE_FILTER = {"status": "queued", "variant": "send_email"}
SEARCHED = {
    "id": "id",
    "kind": "kind",
    "status": "status",
    "actor": "actor",
    "reason": "reason",
}


class BulkPreviewView(OrgView):
    """`/v1/orgs/{org_id}/actions/bulk/preview`."""

    tag = "actions"

    @operation(
        summary="Preview a bulk operation",
        description="How many actions match, and the first of them. Nothing is changed. A replay "
        "takes actions that are over, a cancel those that are not; approve and deny those that are "
        "held.",
        body=schemas.PREVIEW_REQUEST,
        data=schemas.PREVIEW,
        refuses=(422,),
        example={"kind": "cancel", "filter": EXAMPLE_FILTER},
    )
    def post(self, request: Request, org_id: int, body: dict[str, Any]) -> Response:
        """What it would be about."""
        count = services.count_matching(org_id=org_id, **body)
        return reply(serializers.show_preview(count, body["filter"]))


class BulkOperationsView(OrgView):
    """`/v1/orgs/{org_id}/actions/bulk`."""

    tag = "actions"

    @operation(
        summary="Replay, cancel, approve or deny actions in bulk",
        description="A worker carries it out, batch by batch, and goes on where it was after any "
        "crash. It is about the actions that are there now, in the order of their ids, up to the "
        "cap. Of a kind one is under way at a time. `filter` is asked for even where it is `{}`, "
        "which matches everything. To approve and to deny needs the permission `admin`, as for "
        "one action.",
        body=schemas.NEW_OPERATION,
        data=schemas.OPERATION,
        refuses=(409, 422),
        example={
            "kind": "cancel",
            "filter": EXAMPLE_FILTER,
            "reason": "The campaign was called off.",
            "cap": 10_000,
        },
    )
    def put(self, request: Request, org_id: int, body: dict[str, Any]) -> Response:
        """The operation, which begins at once."""
        started = services.start_operation(
            org_id=org_id,
            kind=body["kind"],
            filter=body["filter"],
            terms=serializers.read_terms(body, may_approve=self.caller.may(permissions.APPROVE)),
            actor=str(self.caller),
        )
        return reply(serializers.show_operation(started))

    @operation(
        summary="List bulk operations",
        description="Newest first.",
        data=page_of(schemas.OPERATION),
        query=paging.PARAMETERS,
    )
    def get(self, request: Request, org_id: int) -> Response:
        """The organization's operations."""
        rows = BulkOperation.objects.of_org(org_id)
        show = serializers.show_operation
        return reply(paging.answer_page(request, rows, show, fields=SEARCHED))


class BulkOperationView(OrgView):
    """`/v1/orgs/{org_id}/actions/bulk/{id}`."""

    tag = "actions"

    @operation(summary="Fetch a bulk operation", data=schemas.OPERATION)
    def get(self, request: Request, org_id: int, id: int) -> Response:
        """One operation, and how far it has come."""
        return reply(serializers.show_operation(self.find_row(BulkOperation.objects.all(), id)))


class BulkCancelView(OrgView):
    """`/v1/orgs/{org_id}/actions/bulk/{id}/cancel`."""

    tag = "actions"

    @operation(
        summary="Stop a bulk operation",
        description="What it has done stays done; the batch under way is finished.",
        data=schemas.OPERATION,
        refuses=(409,),
    )
    def post(self, request: Request, org_id: int, id: int) -> Response:
        """The operation, where it has stopped."""
        found = self.find_row(BulkOperation.objects.all(), id)
        stopped = services.cancel_operation(operation=found, actor=str(self.caller))
        return reply(serializers.show_operation(stopped))
