"""Destinations and credentials. Deleting a destination is in `dispatch`: it knows the open work."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from config import paging
from config.api import operation, reply
from config.openapi import page_of
from config.parsing import read_timestamp
from destinations import schemas, serializers, services, trials
from destinations.credentials import SHAPES
from destinations.kinds import webhook
from destinations.models import Credential, CredentialType, Destination
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


class TrialView(OrgView):
    """`/v1/orgs/{org_id}/destinations/{id}/test`."""

    tag = "destinations"

    @operation(
        summary="Test a destination",
        description="Sends it a delivery that is marked as a test (`x-waybill-test: true`), now, "
        "also where it is paused, and waits up to ten seconds for what happens. No action stands "
        "behind it, and nothing is stored.",
        body=schemas.NEW_TRIAL,
        data=schemas.TRIAL,
        refuses=(422,),
        example={"input": {"recipient": "user@example.com"}, "variant": "send_email"},
    )
    def post(self, request: Request, org_id: int, id: int, body: dict[str, Any]) -> Response:
        """What happened to it."""
        destination = self.find_row(Destination.objects.all(), id)
        return reply(
            serializers.show_trial(trials.try_destination(destination=destination, **body))
        )


class CredentialsView(OrgView):
    """`/v1/orgs/{org_id}/credentials`."""

    tag = "credentials"

    @operation(
        summary="Create a credential",
        description="The secret is encrypted, and never shown again.",
        body=schemas.NEW_CREDENTIAL,
        shown_body=schemas.SHOWN_NEW_CREDENTIAL,
        data=schemas.CREDENTIAL,
        refuses=(409, 422),
        quotes=False,
        example={
            "type": "http_auth_headers",
            "label": "orders key",
            "secret": SHAPES[CredentialType.HTTP_AUTH_HEADERS].example,
        },
    )
    def put(self, request: Request, org_id: int, body: dict[str, Any]) -> Response:
        """A new credential."""
        made = services.create_credential(org_id=org_id, **_with_expiry(body))
        return reply(serializers.show_credential(made))

    @operation(
        summary="List credentials", data=page_of(schemas.CREDENTIAL), query=paging.PARAMETERS
    )
    def get(self, request: Request, org_id: int) -> Response:
        """The organization's credentials, oldest first, without their secrets."""
        rows = Credential.objects.of_org(org_id)
        fields = {"id": "id", "label": "label", "type": "type"}
        return reply(paging.answer_page(request, rows, serializers.show_credential, fields=fields))


class CredentialView(OrgView):
    """`/v1/orgs/{org_id}/credentials/{id}`."""

    tag = "credentials"

    @operation(summary="Fetch a credential by id", data=schemas.CREDENTIAL)
    def get(self, request: Request, org_id: int, id: int) -> Response:
        """One credential, without its secret."""
        return reply(serializers.show_credential(self.find_row(Credential.objects.all(), id)))

    @operation(
        summary="Update a credential",
        description="Absent fields stay. A new `secret` replaces the whole of the old one, makes "
        "the next `version`, and is used from the next attempt on; `type` never changes.",
        body=schemas.CREDENTIAL_CHANGES,
        data=schemas.CREDENTIAL,
        refuses=(409, 422),
        quotes=False,
        example={"secret": {"X-Api-Key": "a n3w s3cret"}},
    )
    def post(self, request: Request, org_id: int, id: int, body: dict[str, Any]) -> Response:
        """The credential as changed."""
        credential = self.find_row(Credential.objects.all(), id)
        changed = services.update_credential(credential=credential, changes=_with_expiry(body))
        return reply(serializers.show_credential(changed))

    @operation(
        summary="Delete a credential",
        description="409 names the destinations that use it.",
        data=schemas.CREDENTIAL,
        refuses=(409,),
    )
    def delete(self, request: Request, org_id: int, id: int) -> Response:
        """The credential, which nothing uses."""
        credential = self.find_row(Credential.objects.all(), id)
        return reply(serializers.show_credential(services.delete_credential(credential=credential)))


def _with_expiry(body: dict[str, Any]) -> dict[str, Any]:
    """The body with its `expires_at` read."""
    ends = body.get("expires_at")
    return body | {"expires_at": read_timestamp(ends, name="expires_at")} if ends else body
