"""Config revisions: plan, look, apply, and see what has drifted."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from bundles.models import ConfigRevision
from bundles.revisions import schemas, serializers, services
from config import paging
from config.api import operation, reply
from config.openapi import page_of
from orgs.scope import OrgView

STATUSES = {str(status): status for status in ConfigRevision.Status}


class RevisionsView(OrgView):
    """`/v1/orgs/{org_id}/config/revisions`."""

    tag = "config"

    @operation(
        summary="Plan a config revision",
        description="Says what applying the document would do, step by step, and keeps that. "
        "Nothing is changed yet. With faults in it, all of them are told and nothing is kept. "
        "Judging new versions by the policies of their variants may take a minute.",
        body=schemas.NEW_REVISION,
        shown_body=schemas.SHOWN_NEW_REVISION,
        data=schemas.REVISION,
        refuses=(409, 422),
        example=schemas.EXAMPLE,
    )
    def post(self, request: Request, org_id: int, body: dict[str, Any]) -> Response:
        """The planned revision."""
        return reply(serializers.show_revision(services.plan_revision(org_id=org_id, **body)))

    @operation(
        summary="List config revisions",
        description=f"Newest first, without `definition` and `preview_steps`. The newest "
        f"{services.KEPT:,} are kept, and fewer where they take more than "
        f"{services.KEPT_BYTES // 2**20} MiB.",
        data=page_of(schemas.LISTED_REVISION),
        query=[
            OpenApiParameter("status", {"type": "string", "enum": list(STATUSES)}),
            OpenApiParameter("asc", {"type": "boolean"}, description="Oldest first."),
            *paging.PARAMETERS,
        ],
    )
    def get(self, request: Request, org_id: int) -> Response:
        """The organization's revisions."""
        rows = ConfigRevision.objects.of_org(org_id).defer(
            "definition", "preview_steps", "state_parts"
        )
        if status := paging.read_choice(request, "status", STATUSES):
            rows = rows.filter(status=status)
        if paging.read_flag(request, "asc"):
            rows = rows.order_by("id")
        fields = {"id": "id", "status": "status", "error_message": "error_message"}
        return reply(paging.answer_page(request, rows, serializers.show_listed, fields=fields))


class RevisionView(OrgView):
    """`/v1/orgs/{org_id}/config/revisions/{id}`."""

    tag = "config"

    @operation(summary="Fetch a config revision by id", data=schemas.REVISION)
    def get(self, request: Request, org_id: int, id: int) -> Response:
        """One revision, with its document."""
        return reply(serializers.show_revision(self.find_row(ConfigRevision.objects.all(), id)))


class ApplyView(OrgView):
    """`/v1/orgs/{org_id}/config/revisions/{id}/apply`."""

    tag = "config"

    @operation(
        summary="Apply a config revision",
        description="All of its steps, or none. 409 `PLAN_STALE` where what is there has changed "
        "since it was planned, and names the first few: plan it anew. A revision "
        "that is applied stays as it is.",
        data=schemas.REVISION,
        refuses=(409, 422),
    )
    def post(self, request: Request, org_id: int, id: int) -> Response:
        """The applied revision."""
        revision = self.find_row(ConfigRevision.objects.all(), id)
        applied = services.apply_revision(revision=revision, held=self.caller.permissions)
        return reply(serializers.show_revision(applied))


class DriftView(OrgView):
    """`/v1/orgs/{org_id}/config/revisions/{id}/drift`."""

    tag = "config"

    @operation(
        summary="Tell the drift of a config revision",
        description="What of its document is not so, or no longer: the steps that planning it "
        "anew finds. Versions that it would publish are not judged by their policies.",
        data=schemas.DRIFT,
    )
    def get(self, request: Request, org_id: int, id: int) -> Response:
        """What has drifted."""
        revision = self.find_row(ConfigRevision.objects.all(), id)
        return reply(serializers.show_drift(revision, services.find_drift(revision=revision)))
