"""What only this level knows of definitions: who sends them, and what was sent."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from actions.models import ActionDefinition
from config import paging
from config.api import operation, reply
from config.openapi import page_of
from dispatch import definition_schemas as schemas
from dispatch import rehearsals, serializers
from dispatch.models import Sender
from orgs.scope import OrgView


class CheckView(OrgView):
    """`/v1/orgs/{org_id}/actions/definitions/check`."""

    manages = False
    tag = "actions"

    @operation(
        summary="Check a contract before it is published",
        description="Says what a PUT of it would do, how it stands to the versions that the "
        "policy asks for, and which of the last payloads of the variant it would refuse. Nothing "
        "is stored. What else is wrong with it is told as the PUT would.",
        body=schemas.CHECK,
        data=schemas.CHECKED,
        refuses=(409, 422),
        example=schemas.EXAMPLE_CHECK,
    )
    def post(self, request: Request, org_id: int, body: dict[str, Any]) -> Response:
        """What publishing it would do."""
        rehearsal = rehearsals.rehearse(org_id=org_id, **serializers.read_check(body))
        return reply(serializers.show_rehearsal(rehearsal))


class SendersView(OrgView):
    """`/v1/orgs/{org_id}/actions/definitions/{id}/senders`."""

    tag = "actions"

    @operation(
        summary="List who sends an action definition",
        description="Those who have handed in actions of this version, whoever did last first. "
        "It is noted every few minutes, and kept as long as an organization's history.",
        data=page_of(schemas.SENDER),
        query=paging.PARAMETERS,
    )
    def get(self, request: Request, org_id: int, id: int) -> Response:
        """The callers, as the audit names them."""
        definition = self.find_row(ActionDefinition.objects.all(), id)
        rows = Sender.objects.of_definition(definition.pk)
        fields = {"caller": "caller", "last_seen_at": "last_at", "first_seen_at": "first_at"}
        return reply(paging.answer_page(request, rows, serializers.show_sender, fields=fields))
