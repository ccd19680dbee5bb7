"""Action definitions and their links to destinations."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from actions import schemas, services
from actions.models import ActionDefinition
from actions.serializers import read_said, show_definition
from config import paging
from config.api import operation, reply
from config.openapi import page_of
from orgs.scope import OrgView


class DefinitionsView(OrgView):
    """`/v1/orgs/{org_id}/actions/definitions`."""

    tag = "actions"

    @operation(
        summary="Create an action definition",
        description="Publishes a contract. An equal schema gives the stored version back; another "
        "one becomes the next version, which takes over the links of the one before. One that "
        "breaks the variant's policy of compatibility is 409 `INCOMPATIBLE`, one of which that "
        "cannot be told 409 `COMPATIBILITY_INDETERMINATE`; each error has a `finding`.",
        body=schemas.PUT_DEFINITION,
        data=schemas.DEFINITION,
        refuses=(409, 422),
        example=schemas.EXAMPLE,
    )
    def put(self, request: Request, org_id: int, body: dict[str, Any]) -> Response:
        """The stored definition."""
        known = {name: body[name] for name in schemas.PUT_DEFINITION["properties"] if name in body}
        held = self.caller.permissions
        stored = services.put_definition(org_id=org_id, held=held, **read_said(known))
        return reply(show_definition(stored))

    @operation(
        summary="List action definitions",
        data=page_of(schemas.DEFINITION),
        query=[
            OpenApiParameter("variant", str, description="All versions of this variant."),
            *paging.PARAMETERS,
        ],
    )
    def get(self, request: Request, org_id: int) -> Response:
        """The organization's definitions, oldest first."""
        rows = services.with_links(ActionDefinition.objects.of_org(org_id))
        if variant := request.query_params.get("variant"):
            rows = rows.filter(variant=variant)
        fields = {"id": "id", "variant": "variant", "version": "version", "alias": "names__name"}
        return reply(paging.answer_page(request, rows, show_definition, fields=fields))


class DefinitionView(OrgView):
    """`/v1/orgs/{org_id}/actions/definitions/{id}`."""

    tag = "actions"

    @operation(summary="Fetch an action definition by id", data=schemas.DEFINITION)
    def get(self, request: Request, org_id: int, id: int) -> Response:
        """One definition."""
        rows = services.with_links(ActionDefinition.objects.all())
        return reply(show_definition(self.find_row(rows, id)))

    @operation(
        summary="Update an action definition",
        description="Changes aliases, description, when the version is deprecated and goes, and "
        "of the variant whether its actions need approval and which policy of compatibility it "
        "has. The contract of a version never changes.",
        body=schemas.DEFINITION_CHANGES,
        data=schemas.DEFINITION,
        refuses=(409, 422),
        example={"alias": ["email.send"], "description": "Sends one email."},
    )
    def post(self, request: Request, org_id: int, id: int, body: dict[str, Any]) -> Response:
        """The definition as changed."""
        definition = self.find_row(ActionDefinition.objects.all(), id)
        changed = services.update_definition(
            definition=definition, held=self.caller.permissions, **read_said(body)
        )
        return reply(show_definition(changed))

    @operation(summary="Delete an action definition", data=schemas.DEFINITION)
    def delete(self, request: Request, org_id: int, id: int) -> Response:
        """The definition, which takes no new actions."""
        definition = self.find_row(ActionDefinition.objects.all(), id)
        return reply(show_definition(services.delete_definition(definition=definition)))


class LinkView(OrgView):
    """`/v1/orgs/{org_id}/actions/definitions/{id}/destinations/{destination_id}`."""

    tag = "actions"

    @operation(
        summary="Link a destination to an action definition",
        body=schemas.NEW_LINK,
        data=schemas.DEFINITION,
        example={"is_default": True},
    )
    def put(
        self, request: Request, org_id: int, id: int, destination_id: int, body: dict[str, Any]
    ) -> Response:
        """The definition with its links."""
        definition = self.find_row(ActionDefinition.objects.all(), id)
        linked = services.link_destination(
            definition=definition,
            destination_id=destination_id,
            is_default=body.get("is_default"),
        )
        return reply(show_definition(linked))

    @operation(summary="Unlink a destination from an action definition", data=schemas.DEFINITION)
    def delete(self, request: Request, org_id: int, id: int, destination_id: int) -> Response:
        """The definition with its other links."""
        definition = self.find_row(ActionDefinition.objects.all(), id)
        unlinked = services.unlink_destination(definition=definition, destination_id=destination_id)
        return reply(show_definition(unlinked))
