"""Signing keys: create, list, get, rename, rotate, delete."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from config import paging
from config.api import operation, reply
from config.openapi import page_of
from config.parsing import read_timestamp
from destinations import schemas, signing_keys
from destinations.serializers import show_signing_key
from orgs.models import SigningKey
from orgs.scope import OrgView


class SigningKeysView(OrgView):
    """`/v1/orgs/{org_id}/signing-keys`."""

    tag = "signing_keys"

    @operation(
        summary="Create a signing key",
        description="The answer is the only one that shows the secret.",
        body=schemas.NEW_SIGNING_KEY,
        data=schemas.SHOWN_SIGNING_KEY,
        refuses=(409, 422),
        quotes=False,
        example={"label": "orders"},
    )
    def put(self, request: Request, org_id: int, body: dict[str, Any]) -> Response:
        """A new key; its secret is made where none is given."""
        made, secret = signing_keys.create_signing_key(org_id=org_id, **body)
        return reply(show_signing_key(made) | {"secret": secret})

    @operation(
        summary="List signing keys", data=page_of(schemas.SIGNING_KEY), query=paging.PARAMETERS
    )
    def get(self, request: Request, org_id: int) -> Response:
        """The organization's keys, oldest first, without their secrets."""
        rows = SigningKey.objects.of_org(org_id)
        fields = {"id": "id", "label": "label"}
        return reply(paging.answer_page(request, rows, show_signing_key, fields=fields))


class SigningKeyView(OrgView):
    """`/v1/orgs/{org_id}/signing-keys/{id}`."""

    tag = "signing_keys"

    @operation(summary="Fetch a signing key by id", data=schemas.SIGNING_KEY)
    def get(self, request: Request, org_id: int, id: int) -> Response:
        """One key, without its secret."""
        return reply(show_signing_key(self.find_row(SigningKey.objects.all(), id)))

    @operation(
        summary="Update a signing key",
        description="Renames it, or says from when on it signs what goes to gateway actions. Its "
        "secret stays: `rotate` changes that.",
        body=schemas.SIGNING_KEY_CHANGES,
        data=schemas.SIGNING_KEY,
        refuses=(409,),
        quotes=False,
        example={"label": "orders (eu)"},
    )
    def post(self, request: Request, org_id: int, id: int, body: dict[str, Any]) -> Response:
        """The key as changed."""
        key = self.find_row(SigningKey.objects.all(), id)
        moment = body.get("signs_gateway_from")
        if moment:
            body |= {"signs_gateway_from": read_timestamp(moment, name="signs_gateway_from")}
        return reply(show_signing_key(signing_keys.update_signing_key(key=key, changes=body)))

    @operation(
        summary="Delete a signing key",
        description="409 names the destinations that use it.",
        data=schemas.SIGNING_KEY,
        refuses=(409,),
    )
    def delete(self, request: Request, org_id: int, id: int) -> Response:
        """The key, which nothing uses."""
        key = self.find_row(SigningKey.objects.all(), id)
        return reply(show_signing_key(signing_keys.delete_signing_key(key=key)))


class SigningKeyRotationView(OrgView):
    """`/v1/orgs/{org_id}/signing-keys/{id}/rotate`."""

    tag = "signing_keys"

    @operation(
        summary="Rotate a signing key",
        description="Gives it another secret, which only this answer shows. For 24 hours every "
        "delivery bears a signature by the new secret and one by the former.",
        body=schemas.NEXT_SIGNING_SECRET,
        data=schemas.SHOWN_SIGNING_KEY,
        refuses=(422,),
        quotes=False,
        example={"secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"},
    )
    def post(self, request: Request, org_id: int, id: int, body: dict[str, Any]) -> Response:
        """The key with its new secret; one is made where `{}` gives none."""
        key = self.find_row(SigningKey.objects.all(), id)
        rotated, secret = signing_keys.rotate_signing_key(key=key, **body)
        return reply(show_signing_key(rotated) | {"secret": secret})
