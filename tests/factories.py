"""Rows for tests, with defaults."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import Any

from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.text import slugify

from actions import services as actions
from actions.models import ActionDefinition
from agents import services as tools
from agents.models import Tool
from bundles.models import ConfigRevision
from bundles.revisions import services as revisions
from destinations import services as destinations
from destinations import signing_keys
from destinations.credentials import SHAPES
from destinations.kinds import KINDS
from destinations.models import Credential, Destination
from dispatch import intake
from dispatch.intake import Submission
from dispatch.lanes import canonical_tags
from dispatch.models import ActionEvent, ActionRecord, Lane, Sender, Status
from operations import services as operations
from operations.models import BulkOperation
from operations.services import Terms
from orgs import invites
from orgs import services as orgs
from orgs.models import Membership, Organization, SigningKey, User

SCHEMA = {
    "type": "object",
    "required": ["n"],
    "properties": {"n": {"type": "integer"}},
    "additionalProperties": False,
}


def make_org(name: str = "Acme") -> Organization:
    org = Organization.objects.create(name=name, slug=slugify(name))
    user = make_user(f"owner@{slugify(name)}.example", name=f"{name}'s owner")
    Membership.objects.create(org=org, user=user, permissions=["owner"])
    return org


def make_user(email: str, **fields: Any) -> User:
    """Somebody whom an operator has made, and whose address therefore is theirs."""
    return User.objects.create_user(email, **{"email_verified_at": Now()} | fields)


def make_member(org: Organization, *permissions: str, **fields: Any) -> Membership:
    """Somebody else in the organization; a viewer unless the permissions say more."""
    number = User.objects.count()
    user = make_user(**{"email": f"member{number}@people.example"} | fields)
    return Membership.objects.create(
        org=org, user=user, permissions=list(permissions or ["viewer"])
    )


def make_invite(org: Organization, identifier: str | int, *permissions: str) -> invites.Invited:
    """An invite by the organization's first member."""
    return invites.invite(
        org_id=org.pk,
        invitee=invites.read_invitee(str(identifier)),
        given=permissions or ["viewer"],
        by=org.memberships.first(),
        held=["owner"],
    )


def make_key(org: Organization, **fields: Any) -> str:
    member = fields.pop("member", None) or org.memberships.first()
    _, material = orgs.create_key(member=member, **{"description": "test key"} | fields)
    return material


def make_destination(org: Organization, kind: str = "webhook", **fields: Any) -> Destination:
    count = Destination.objects.count()
    return destinations.create_destination(
        org_id=org.pk,
        **{"label": f"{kind} {count}", "type": kind, "config": KINDS[kind].EXAMPLE} | fields,
    )


def make_credential(
    org: Organization, type: str = "http_auth_headers", **fields: Any
) -> Credential:
    """A credential that no destination has, with its type's example for a secret."""
    defaults = {
        "label": f"{type} {Credential.objects.count()}",
        "secret": SHAPES[type].example,
    }
    return destinations.create_credential(org_id=org.pk, type=type, **defaults | fields)


def make_signing_key(org: Organization, secret: str | None = None, **fields: Any) -> SigningKey:
    """A signing key that no destination has."""
    label = f"key {SigningKey.objects.count()}"
    made, _ = signing_keys.create_signing_key(
        org_id=org.pk, secret=secret, **{"label": label} | fields
    )
    return made


def make_receiving(org: Organization, url: str, **config: Any) -> Destination:
    """A webhook at this URL; a 2xx without a signal is a success unless `config` says more."""
    signaling = {"enabled": True, "default": "ack"}
    return make_destination(org, config={"url": url, "signaling": signaling} | config)


def make_definition(
    org: Organization, variant: str = "count", to: Destination | None = None, **fields: Any
) -> ActionDefinition:
    """A definition, linked by default to a destination where one is given."""
    made = actions.put_definition(org_id=org.pk, variant=variant, **{"schema": SCHEMA} | fields)
    if to is not None:
        actions.link_destination(definition=made, destination_id=to.pk, is_default=True)
    return made


def make_record(org: Organization, variant: str = "count", **fields: Any) -> ActionRecord:
    """An accepted action of a definition that exists."""
    submission = Submission(name=variant, **{"input": {"n": 1}} | fields)
    (accepted,) = intake.accept(org.pk, [submission], atomic=False)
    return ActionRecord.objects.get(pk=accepted.id)


def make_sender(definition: ActionDefinition, caller: str = "key 1", **fields: Any) -> Sender:
    """That somebody has sent the version."""
    return Sender.objects.create(org=definition.org, definition=definition, caller=caller, **fields)


def move(record: ActionRecord, **columns: Any) -> ActionRecord:
    """The record with columns set past every rule, as if something had happened to it."""
    ActionRecord.objects.filter(pk=record.pk).update(**columns)
    record.refresh_from_db()
    return record


def make_lane(destination: Destination, **fields: Any) -> Lane:
    """A lane that has grown, without tags, unless the fields say more."""
    fields = {"running_limit": 16, "unsettled_limit": 1_000} | fields
    tags = fields.pop("tags", {})
    digest = sha256(canonical_tags(tags)).digest()
    return Lane.objects.create(
        org=destination.org, destination=destination, tags=tags, tags_digest=digest, **fields
    )


def make_records(lane: Lane, definition: ActionDefinition, count: int, **columns: Any) -> list[int]:
    """The ids of bare records in a lane: due now, without payload or events."""
    fields = {"status": Status.QUEUED, "push": True, "available_at": Now()} | columns
    first = ActionRecord.objects.create(
        org=lane.org, destination=lane.destination, lane=lane, definition=definition, **fields
    )
    names = ", ".join(
        field.column for field in ActionRecord._meta.concrete_fields if not field.primary_key
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO dispatch_actionrecord ({names}) SELECT {names} "
            "FROM dispatch_actionrecord, generate_series(2, %s) WHERE id = %s RETURNING id",
            [count, first.pk],
        )
        return [first.pk, *(record_id for (record_id,) in cursor.fetchall())]


def make_bulk(org: Organization, **fields: Any) -> BulkOperation:
    """A replay in bulk that is over, unless the fields say more."""
    over = {"status": BulkOperation.Status.SUCCEEDED, "started_at": Now(), "finished_at": Now()}
    made = BulkOperation.objects.create(
        org=org,
        **{"kind": BulkOperation.Kind.REPLAY, "filter": {}, "reason": "a test", "actor": "tests"}
        | {"cap": 100, "found": 0, "first_id": 0, "last_id": 10, "newest_id": 10}
        | over
        | fields,
    )
    made.refresh_from_db()
    return made


def start_bulk(org: Organization, kind: str = "replay", **asked: Any) -> BulkOperation:
    """A bulk operation that is asked for, and that nobody works on yet."""
    terms = {
        name: asked.pop(name) for name in ("reason", "cap", "again", "may_approve") if name in asked
    }
    return operations.start_operation(
        org_id=org.pk,
        kind=kind,
        **{"filter": {}, "actor": "tests"} | asked,
        terms=Terms(**{"reason": "a test", "cap": 1_000} | terms),
    )


def make_revision(org: Organization, *actions: Any, **terms: Any) -> ConfigRevision:
    """A planned revision: of one action that is new, unless there are others."""
    definition = {"actions": actions or [{"variant": "from a revision", "schema": SCHEMA}]}
    return revisions.plan_revision(org_id=org.pk, definition=definition, **terms)


def make_tool(org: Organization, variant: str = "count", **fields: Any) -> Tool:
    """A mark on a variant that has a live definition."""
    name = fields.pop("name", "")
    return tools.put_tool(org_id=org.pk, variant=variant, name=name, actor="tests", texts=fields)


def make_over(org: Organization, status: str = Status.FAILED, **fields: Any) -> ActionRecord:
    """An action that has ended so, whose events say it."""
    days = fields.pop("days_ago", 0)
    record = make_record(org, **fields)
    at = timezone.now() - timedelta(days=days)
    ActionEvent.objects.create(record=record, kind=status, status=status, attempt=0)
    return move(record, status=status, created_at=at, completed_at=at)
