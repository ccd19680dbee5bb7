"""What people do to single actions stands in the audit, and costs nobody else anything."""

from __future__ import annotations

import pytest
from django.db import connection
from django.urls import reverse

from actions.models import ActionDefinition
from config.errors import ConflictError
from dispatch import approvals, services
from dispatch.models import ActionRecord
from operations.services import advance
from orgs.models import AuditEntry
from tests import factories

REASON = "It was agreed on."
# What is done, to an action in which status, and what of it is told besides.
DONE = {
    "approve": ("held", "queued", {"done": "approved", "reason": REASON}),
    "deny": ("held", "canceled", {"done": "denied", "reason": REASON}),
    "cancel": ("running", "canceled", {"done": "canceled"}),
    "replay": ("failed", "failed", {"done": "replayed"}),
}
every_way = pytest.mark.parametrize("verb", DONE)


def prepare(acme, verb):
    """An action to which this may be done."""
    status, *_ = DONE[verb]
    if status == "held":
        ActionDefinition.objects.update(requires_approval=True)
        return factories.make_record(acme)
    record = factories.make_record(acme)
    ended = {"completed_at": record.created_at} if status == "failed" else {}
    return factories.move(record, status=status, **ended)


def entries(**fields):
    return AuditEntry.objects.filter(kind="action record", **fields).order_by("id")


def check(entry, record, verb):
    before, after, told = DONE[verb]
    if verb == "replay":
        told = told | {"replayed_as": str(ActionRecord.objects.get(replay_of=record.pk).pk)}
    assert (entry.org_id, entry.row_id, entry.event) == (record.org_id, str(record.pk), "updated")
    assert entry.before == {"status": before}
    assert entry.after == {"status": after} | told


@every_way
def test_what_is_done_by_the_api_is_told_with_the_key(api, acme, definition, verb):
    record = prepare(acme, verb)
    path = f"~/actions/records/{record.pk}/{verb}"
    body = {"reason": REASON} if verb in ("approve", "deny") else None

    api.data(api.post(path, body))

    (entry,) = entries()
    check(entry, record, verb)
    key = acme.keys.get()
    assert (entry.actor, entry.via, entry.address) == (f"key {key.pk}", "api", "127.0.0.1")
    assert (entry.key_id, entry.user_id) == (key.pk, key.member.user_id)
    assert entry.path == f"POST /v1/orgs/{acme.pk}/actions/records/{record.pk}/{verb}"
    story = f"~/audit?kind=action%20record&row_id={record.pk}"
    (shown,) = api.data(api.get(story))["items"]
    assert (shown["before"], shown["after"]) == (entry.before, entry.after)


@every_way
def test_what_is_done_in_the_admin_is_told_with_the_person(
    admin_client, admin_user, acme, definition, verb
):
    record = prepare(acme, verb)
    url = reverse(f"console:record_{verb}", args=[record.pk])

    admin_client.post(url, {"reason": REASON})

    (entry,) = entries()
    check(entry, record, verb)
    assert (entry.actor, entry.via, entry.address) == (admin_user.email, "admin", "127.0.0.1")
    assert (entry.key_id, entry.user_id) == (None, admin_user.pk)
    assert entry.path == f"POST {url}"
    page = admin_client.get(reverse("admin:orgs_auditentry_changelist")).content.decode()
    assert f"action record {record.pk}" in page


@every_way
def test_what_is_refused_is_not_told(api, acme, definition, verb):
    record = factories.make_record(acme)
    if verb == "cancel":
        factories.move(record, status="failed", completed_at=record.created_at)
    body = {"reason": REASON} if verb in ("approve", "deny") else None

    assert api.post(f"~/actions/records/{record.pk}/{verb}", body).status_code == 409

    assert not entries()


def test_what_is_told_is_the_status_that_it_had_in_that_moment(acme, record):
    stale = ActionRecord.objects.get()
    factories.move(record, status="running")

    services.cancel_record(record=stale, actor="somebody")

    assert entries().get().before == {"status": "running"}


def test_an_action_that_is_gone_is_not_told_of(acme, record):
    gone = ActionRecord.objects.get()
    record.delete()

    with pytest.raises(ConflictError):
        services.cancel_record(record=gone, actor="somebody")
    assert not entries()


def test_what_leads_to_a_sink_is_told_to_have_succeeded(acme):
    factories.make_definition(acme, requires_approval=True)
    record = factories.make_record(acme)

    approvals.approve_record(record=record, actor="somebody", reason=REASON)

    entry = entries().get()
    assert entry.after == {"status": "succeeded", "done": "approved", "reason": REASON}
    # Nobody has said who is at work: the service's own word for it counts.
    assert (entry.actor, entry.via, entry.user_id) == ("somebody", "database", None)


@pytest.mark.parametrize("kind", ["cancel", "replay"])
def test_what_is_done_in_bulk_is_told_once_by_the_operation(acme, definition, kind):
    prepare(acme, kind)
    operation = factories.start_bulk(acme, kind)
    while advance(operation.pk):
        pass

    assert AuditEntry.objects.filter(kind="bulk operation").count() == 1
    assert not entries()


def test_what_happens_to_actions_by_itself_is_neither_told_nor_looked_at(api, acme, definition):
    made = api.data(api.post("/v1/ingress/count", {"input": {"n": 1}}))
    ActionRecord.objects.update(status="running")
    api.data(api.post("/v1/ack", {"action_record_id": made["id"], "attempt": 0}))

    assert not entries()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'audited_%' AND tgrelid IN "
            "('dispatch_actionrecord'::regclass, 'dispatch_actionevent'::regclass)"
        )
        assert cursor.fetchone() == (0,)
