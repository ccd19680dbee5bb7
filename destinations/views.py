"""Destinations: create, list, get, update. Deleting is in `dispatch`, which knows the open work."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from config import paging
from config.api import operation, reply
from config.openapi import page_of
from destinations import schemas, serializers, services
from destinations.kinds import webhook
from destinations.models import Destination
from orgs.scope import OrgView


class DestinationsView(OrgView):
    """`/v1/orgs/{org_id}/destinations`."""

    tag = "destinations"

    @operation(
        summary="Create a destination",
        body=schemas.NEW_DESTINATION,
        shown_body=schemas.SHOWN_NEW_DESTINATION,
        data=schemas.DESTINATION,
        refuses=(409, 422),
        example={"label": "orders webhook", "type": "webhook", "config": webhook.EXAMPLE},
    )
    def put(self, request: Request, org_id: int, body: dict[str, Any]) -> Response:
        """A new destination."""
        made = services.create_destination(org_id=org_id, **body)
        return reply(serializers.show_destination(made))

    @operation(
        summary="List destinations", data=page_of(schemas.DESTINATION), query=paging.PARAMETERS
    )
    def get(self, request: Request, org_id: int) -> Response:
        """The organization's destinations, oldest first."""
        rows = Destination.objects.of_org(org_id)
        fields = {"id": "id", "label": "label", "type": "type"}
        return reply(paging.answer_page(request, rows, serializers.show_destination, fields=fields))


class DestinationView(OrgView):
    """`/v1/orgs/{org_id}/destinations/{id}`."""

    tag = "destinations"

    @operation(summary="Fetch a destination by id", data=schemas.DESTINATION)
    def get(self, request: Request, org_id: int, id: int) -> Response:
        """One destination."""
        return reply(serializers.show_destination(self.find_row(Destination.objects.all(), id)))

    @operation(
        summary="Update a destination",
        description="Absent fields stay; `config` is replaced whole; `type` never changes.",
        body=schemas.DESTINATION_CHANGES,
        data=schemas.DESTINATION,
        refuses=(409, 422),
        example={"label": "orders webhook (eu)"},
    )
    def post(self, request: Request, org_id: int, id: int, body: dict[str, Any]) -> Response:
        """The destination as changed."""
        destination = self.find_row(Destination.objects.all(), id)
        updated = services.update_destination(destination=destination, changes=body)
        return reply(serializers.show_destination(updated))
