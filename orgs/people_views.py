"""Members, invites and captive domains."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from config import paging
from config.api import operation, reply
from config.errors import NotFoundError
from config.openapi import page_of
from orgs import domains, invites, people, people_schemas, serializers
from orgs.models import CaptiveDomain, Invite, Membership, Permission, User
from orgs.scope import CallerView, OrgView

SEARCHED = {"user_id": "user_id", "email": "user__email", "name": "user__name"}
CHOICES = dict.fromkeys(Permission.values)
HELD = OpenApiParameter(
    "permissions",
    {"type": "string", "enum": Permission.values},
    description="Only members that have been given this one; not those whose others include it.",
)


class MembersView(OrgView):
    """`/v1/orgs/{org_id}/members`."""

    tag = "members"

    @operation(
        summary="List organization members",
        data=page_of(people_schemas.MEMBER),
        query=[HELD, *paging.PARAMETERS],
    )
    def get(self, request: Request, org_id: int) -> Response:
        """The organization's members, oldest first."""
        rows = Membership.objects.of_org(org_id).select_related("user")
        held = paging.read_choice(request, "permissions", CHOICES)
        rows = rows.filter(permissions__contains=[held]) if held else rows
        return reply(paging.answer_page(request, rows, serializers.show_member, fields=SEARCHED))


class MemberView(OrgView):
    """`/v1/orgs/{org_id}/members/{user_id}`."""

    tag = "members"

    def find_member(self, user_id: int) -> Membership:
        """The organization's member, else 404."""
        rows = Membership.objects.of_org(self.caller.org_id).select_related("user")
        member = rows.filter(user_id=user_id).first()
        if not isinstance(member, Membership):
            raise NotFoundError(f"There is no member {user_id}.")
        return member

    @operation(summary="Get a member of an organization", data=people_schemas.MEMBER)
    def get(self, request: Request, org_id: int, user_id: int) -> Response:
        """One member."""
        return reply(serializers.show_member(self.find_member(user_id)))

    @operation(
        summary="Change what a member may do",
        description="Nobody gives or takes what they do not have. 409 `LAST_OWNER` for the last "
        "owner.",
        body=people_schemas.CHANGED_PERMISSIONS,
        data=people_schemas.MEMBER,
        refuses=(409,),
        example={"permissions": ["editor", "operator"]},
    )
    def post(self, request: Request, org_id: int, user_id: int, body: dict[str, Any]) -> Response:
        """The member with these permissions, which its keys have from now on."""
        changed = people.change_permissions(
            member=self.find_member(user_id),
            given=body["permissions"],
            held=self.caller.permissions,
            actor=str(self.caller),
        )
        return reply(serializers.show_member(changed))

    @operation(
        summary="Remove a member from an organization",
        description="The member's keys stop at once. 409 `LAST_OWNER` for the last owner.",
        data=people_schemas.MEMBER,
        refuses=(409,),
    )
    def delete(self, request: Request, org_id: int, user_id: int) -> Response:
        """The former member."""
        removed = people.remove_member(
            member=self.find_member(user_id), held=self.caller.permissions, actor=str(self.caller)
        )
        return reply(serializers.show_member(removed))


class OwnMembershipView(OrgView):
    """`/v1/orgs/{org_id}/members/self`."""

    tag = "members"

    @operation(
        summary="Leave an organization",
        description="Ends the membership of the person behind the key, and with it all their keys "
        "there. 409 `LAST_OWNER` for the last owner. Not with a key that has limits.",
        data=people_schemas.MEMBER,
        refuses=(409,),
    )
    def delete(self, request: Request, org_id: int) -> Response:
        """The former member."""
        left = people.remove_member(
            member=Membership.objects.select_related("user").get(pk=self.caller.member_id),
            held=self.caller.permissions,
            actor=str(self.caller),
        )
        return reply(serializers.show_member(left))


class InvitesView(OrgView):
    """`/v1/orgs/{org_id}/members/invites`."""

    tag = "invites"

    @operation(
        summary="List invites",
        description="Those that nobody has accepted or revoked; also those whose time is over.",
        data=page_of(people_schemas.INVITE),
        query=paging.PARAMETERS,
    )
    def get(self, request: Request, org_id: int) -> Response:
        """The organization's open invites, oldest first."""
        fields = {"email": "email", "user_id": "user_id"}
        rows, show = Invite.objects.of_org(org_id), serializers.show_invite
        return reply(paging.answer_page(request, rows, show, fields=fields))


class InviteView(OrgView):
    """`/v1/orgs/{org_id}/members/invites/{identifier}`."""

    tag = "invites"

    @operation(
        summary="Invite or save a member",
        description="`identifier` is a user's id or an email address. Who is a member gets the "
        "permissions (`saved`); everybody else an invite of seven days (`invited`), which "
        "replaces an earlier one. One for an address has a token, shown in this answer only: pass "
        "it on, for nothing is mailed. Whether there is such a user, the answer does not tell.",
        body=people_schemas.CHANGED_PERMISSIONS,
        data=people_schemas.INVITED,
        refuses=(409,),
        example={"permissions": ["viewer"]},
    )
    def put(self, request: Request, org_id: int, identifier: str, body: dict[str, Any]) -> Response:
        """What came of it."""
        invited = invites.invite(
            org_id=org_id,
            invitee=invites.read_invitee(identifier),
            given=body["permissions"],
            by=Membership.objects.get(pk=self.caller.member_id),
            held=self.caller.permissions,
        )
        invite, member = invited.invite, invited.membership
        return reply(
            {
                "action": invited.action,
                "invite": serializers.show_invite(invite) if invite else None,
                "membership": serializers.show_member(member) if member else None,
                "token": invited.token,
            }
        )

    @operation(
        summary="Get an invite",
        description="By the user's id or the email address that it is for.",
        data=people_schemas.INVITE,
    )
    def get(self, request: Request, org_id: int, identifier: str) -> Response:
        """The open invite."""
        found = invites.find_invite(org_id=org_id, identifier=identifier)
        return reply(serializers.show_invite(found))

    @operation(
        summary="Revoke an invite",
        description="By the user's id or the email address that it is for.",
        data=people_schemas.INVITE,
    )
    def delete(self, request: Request, org_id: int, identifier: str) -> Response:
        """The invite, which opens nothing any more."""
        found = invites.find_invite(org_id=org_id, identifier=identifier)
        return reply(serializers.show_invite(invites.revoke_invite(invite=found)))


class OwnInvitesView(CallerView):
    """`/v1/self/invites`."""

    tag = "invites"

    @operation(
        summary="List the invites of the authenticated user",
        description="Those for their id, and those for their address once an operator or a "
        "provider of logins has vouched for it. Not with a key that has limits.",
        data=page_of(people_schemas.OWN_INVITE),
        query=paging.PARAMETERS,
    )
    def get(self, request: Request) -> Response:
        """The invites that the person behind the key may accept now, oldest first."""
        user = User.objects.get(pk=self.caller.user_id)
        rows = Invite.objects.acceptable().for_user(user).select_related("org")
        show, fields = serializers.show_own_invite, {"org_id": "org_id"}
        return reply(paging.answer_page(request, rows, show, fields=fields))


class AcceptInviteView(CallerView):
    """`/v1/self/invites/{invite_id}/accept`."""

    tag = "invites"

    @operation(
        summary="Accept an invite for the authenticated user",
        description="404 for everything else: other people's invites, those that are accepted, "
        "revoked or expired, and those that who made them could not make any more. Not with a key "
        "that has limits.",
        data=people_schemas.MEMBER,
    )
    def post(self, request: Request, invite_id: int) -> Response:
        """The membership."""
        invite = Invite.objects.filter(pk=invite_id).first()
        if invite is None:
            raise NotFoundError(f"There is no invite {invite_id}.")
        user = User.objects.get(pk=self.caller.user_id)
        return reply(serializers.show_member(invites.accept_invite(invite=invite, user=user)))


class DomainView(OrgView):
    """`/v1/orgs/{org_id}/settings/domain`."""

    tag = "settings"

    def verified_email(self) -> str:
        """The address by which a domain is captured; none where the key has limits."""
        user = User.objects.get(pk=self.caller.user_id)
        return "" if self.caller.is_limited else user.verified_email

    @operation(summary="Fetch captive domain settings", data=people_schemas.DOMAIN)
    def get(self, request: Request, org_id: int) -> Response:
        """The organization's captive domain."""
        row = CaptiveDomain.objects.filter(org_id=org_id).first()
        return reply(serializers.show_domain(org_id, row))

    @operation(
        summary="Create or update captive domain settings",
        description="Whoever logs in with a verified address of the domain joins with these "
        "permissions, once. The domain is that of your own verified address; `null` gives it "
        "back. What is left out stays. A key that has limits captures none.",
        body=people_schemas.DOMAIN_CHANGES,
        data=people_schemas.DOMAIN,
        refuses=(409, 422),
        example={"default_permissions": ["viewer"], "enabled": True},
    )
    def post(self, request: Request, org_id: int, body: dict[str, Any]) -> Response:
        """The settings as they are now."""
        row = domains.save_domain(
            org_id=org_id,
            changes=body,
            held=self.caller.permissions,
            email=self.verified_email(),
        )
        return reply(serializers.show_domain(org_id, row))
