"""Organizations, their keys and settings, and who the caller is."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from config import paging
from config.api import operation, reply
from config.openapi import page_of
from config.parsing import read_timestamp
from orgs import people_schemas, schemas, serializers, services
from orgs.models import ApiKey, Membership, Organization, User
from orgs.scope import CallerView, OrgView


class OrgsView(CallerView):
    """`/v1/orgs`."""

    tag = "orgs"

    @operation(
        summary="Create an organization",
        description="The person behind the key owns it. The answer has a key for it, whose secret "
        "is shown this once. 409 `TOO_MANY_ORGANIZATIONS` where they have made as many as a person "
        "may. Not with a key that has limits.",
        body=people_schemas.NEW_ORG,
        data=people_schemas.CREATED_ORG,
        refuses=(409,),
        example={"name": "Initech"},
    )
    def put(self, request: Request, body: dict[str, Any]) -> Response:
        """The organization, with its first key."""
        org, key, material = services.create_org(
            user_id=self.caller.user_id, name=body["name"], slug=body.get("slug")
        )
        shown = serializers.show_key(key) | {"material": material}
        return reply(serializers.show_org(org) | {"key": shown})

    @operation(
        summary="List the organizations of the authenticated user",
        description="Where the person behind the key is a member; a key that has limits shows its "
        "own organization only.",
        data=page_of(people_schemas.OWN_ORG),
        query=paging.PARAMETERS,
    )
    def get(self, request: Request) -> Response:
        """Where the person behind the key is a member, and with which permissions."""
        rows, show = self.memberships().select_related("org"), serializers.show_own_org
        fields = {"id": "org_id", "name": "org__name", "slug": "org__slug"}
        return reply(paging.answer_page(request, rows, show, fields=fields))


class OneOrgView(OrgView):
    """`/v1/orgs/{org_id}`."""

    tag = "orgs"

    @operation(summary="Fetch an organization", data=people_schemas.ORG)
    def get(self, request: Request, org_id: int) -> Response:
        """The organization."""
        return reply(serializers.show_org(Organization.objects.get(pk=org_id)))

    @operation(
        summary="Change an organization",
        description="What is left out stays.",
        body=people_schemas.ORG_CHANGES,
        data=people_schemas.ORG,
        refuses=(409,),
        example={"name": "Initech Ltd"},
    )
    def post(self, request: Request, org_id: int, body: dict[str, Any]) -> Response:
        """The organization as it is now."""
        return reply(serializers.show_org(services.change_org(org_id=org_id, changes=body)))


class KeysView(OrgView):
    """`/v1/orgs/{org_id}/keys`."""

    tag = "api_keys"

    @operation(
        summary="Create an API key",
        description="The answer is the only one that shows the secret. The key acts with its "
        "member's permissions as they are at each call, and with `permissions` with no more than "
        "those; with `variants` it hands in actions of these, and does nothing else.",
        body=schemas.NEW_KEY,
        data=schemas.CREATED_KEY,
        example={"description": "billing service"},
    )
    def put(self, request: Request, org_id: int, body: dict[str, Any]) -> Response:
        """A new key of the caller's member."""
        member = Membership.objects.get(pk=self.caller.member_id)
        ends = body.get("expires_at")
        expires_at = read_timestamp(ends, name="expires_at") if ends else None
        key, material = services.create_key(
            member=member,
            description=body["description"],
            expires_at=expires_at,
            limits=services.Limits(body.get("permissions"), body.get("variants")),
            held=self.caller.limit,
        )
        return reply(serializers.show_key(key) | {"material": material})

    @operation(summary="List API keys", data=page_of(schemas.KEY), query=paging.PARAMETERS)
    def get(self, request: Request, org_id: int) -> Response:
        """The organization's keys, oldest first."""
        keys = ApiKey.objects.of_org(org_id).select_related("member")
        fields = {"id": "id", "description": "description", "member_id": "member_id"}
        show = serializers.show_key_with_member
        return reply(paging.answer_page(request, keys, show, fields=fields))


class KeyView(OrgView):
    """`/v1/orgs/{org_id}/keys/{id}`."""

    tag = "api_keys"

    @operation(summary="Fetch an API key by id", data=schemas.KEY)
    def get(self, request: Request, org_id: int, id: int) -> Response:
        """One key; its secret is masked."""
        key = self.find_row(ApiKey.objects.select_related("member"), id)
        return reply(serializers.show_key_with_member(key))

    @operation(summary="Delete an API key", data=schemas.DELETED_KEY)
    def delete(self, request: Request, org_id: int, id: int) -> Response:
        """The key, which from now on opens nothing."""
        key = self.find_row(ApiKey.objects.select_related("member"), id)
        deleted = services.delete_key(key=key, held=self.caller.permissions)
        return reply(serializers.show_key(deleted))


class RetentionView(OrgView):
    """`/v1/orgs/{org_id}/settings/retention`."""

    tag = "settings"

    @operation(summary="Fetch how long things are kept", data=schemas.RETENTION)
    def get(self, request: Request, org_id: int) -> Response:
        """The organization's retention."""
        return reply(serializers.show_retention(Organization.objects.get(pk=org_id)))

    @operation(
        summary="Change how long things are kept",
        description="What is left out stays. What is over for longer is deleted within hours; "
        "what is not over is kept, however old it is.",
        body=schemas.RETENTION_CHANGES,
        data=schemas.RETENTION,
        refuses=(422,),
        example={"payload_days": 30, "history_days": 90},
    )
    def post(self, request: Request, org_id: int, body: dict[str, Any]) -> Response:
        """The retention as it is now."""
        changed = services.change_retention(org_id=org_id, changes=body, actor=str(self.caller))
        return reply(serializers.show_retention(changed))


class BillingView(OrgView):
    """`/v1/orgs/{org_id}/billing`."""

    tag = "billing"

    @operation(
        summary="Fetch the billing record",
        description="Under which names the organization is known to those who bill it.",
        data=schemas.BILLING,
    )
    def get(self, request: Request, org_id: int) -> Response:
        """The organization's billing record."""
        return reply(serializers.show_billing(Organization.objects.get(pk=org_id)))


class SelfView(CallerView):
    """`/v1/self`."""

    tag = "users"

    @operation(
        summary="Fetch the user data of the authenticated user",
        description="A key that has limits shows the membership in its own organization only.",
        data=schemas.SELF,
    )
    def get(self, request: Request) -> Response:
        """The person behind the key."""
        user = User.objects.get(pk=self.caller.user_id)
        return reply(serializers.show_user(user, self.memberships()))
