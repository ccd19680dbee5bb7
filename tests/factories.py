"""Rows for tests, with defaults."""

from __future__ import annotations

from typing import Any

from actions import services as actions
from actions.models import ActionDefinition
from destinations import services as destinations
from destinations.kinds import KINDS
from destinations.models import Destination
from dispatch import intake
from dispatch.intake import Submission
from dispatch.models import ActionRecord
from orgs import services as orgs
from orgs.models import Membership, Organization, User

SCHEMA = {
    "type": "object",
    "required": ["n"],
    "properties": {"n": {"type": "integer"}},
    "additionalProperties": False,
}


def make_org(name: str = "Acme") -> Organization:
    org = Organization.objects.create(name=name, slug=name.lower())
    user = User.objects.create_user(f"owner@{name.lower()}.example", name=f"{name}'s owner")
    Membership.objects.create(org=org, user=user, permissions=["owner"])
    return org


def make_key(org: Organization, **fields: Any) -> str:
    member = org.memberships.first()
    _, material = orgs.create_key(member=member, **{"description": "test key"} | fields)
    return material


def make_destination(org: Organization, kind: str = "webhook", **fields: Any) -> Destination:
    count = Destination.objects.count()
    return destinations.create_destination(
        org_id=org.pk,
        **{"label": f"{kind} {count}", "type": kind, "config": KINDS[kind].EXAMPLE} | fields,
    )


def make_definition(
    org: Organization, variant: str = "count", to: Destination | None = None, **fields: Any
) -> ActionDefinition:
    """A definition, linked by default to a destination where one is given."""
    made = actions.put_definition(
        org_id=org.pk, variant=variant, **{"schema": SCHEMA} | fields
    )
    if to is not None:
        actions.link_destination(definition=made, destination_id=to.pk, is_default=True)
    return made


def make_record(org: Organization, variant: str = "count", **fields: Any) -> ActionRecord:
    """An accepted action of a definition that exists."""
    submission = Submission(name=variant, **{"input": {"n": 1}} | fields)
    (accepted,) = intake.accept(org.pk, [submission], atomic=False)
    return ActionRecord.objects.get(pk=accepted.id)
