"""Every route that manages something leaves an entry in the audit, in the caller's name."""

from __future__ import annotations

import pytest
from django.utils import timezone

from actions.models import ActionDefinition, DefinitionDestination
from dispatch.models import ActionRecord, Status
from orgs.audit import acting
from orgs.models import AuditEntry, Organization
from tests import factories
from tests.routes import INPUT, ROUTES

pytestmark = pytest.mark.usefixtures("walked")
# Routes that change nothing that is managed, and why.
NOT_AUDITED = {
    "POST /v1/orgs/{org_id}/actions/bulk/preview": "Only looks.",
    "POST /v1/orgs/{org_id}/destinations/{id}/test": "Stores nothing.",
}
MANAGING = [route for route in ROUTES if route.view.manages and not acting.is_safe(route.method)]

READING = [route for route in ROUTES if acting.is_safe(route.method)]


def prepare(route, api, acme, rows):
    """Have it so that the example of the route changes something."""
    match route.path.split("/")[-1], route.method:
        case "resume", _:
            api.data(api.post(f"~/destinations/{rows['destinations']}/pause"))
        case "retention", _:
            Organization.objects.update(payload_days=5)
        case "{destination_id}", "PUT":
            DefinitionDestination.objects.all().delete()
        case "tools", "DELETE":
            api.data(api.put(f"~/keys/{rows['keys']}/tools", {"variants": ["send_email"]}))
        case "approve" | "deny", _:
            ActionDefinition.objects.update(requires_approval=True)
            rows["records"] = factories.make_record(acme, "send_email", input=INPUT).pk
        case "replay", _:
            at = timezone.now()
            ActionRecord.objects.update(status=Status.FAILED, completed_at=at)
        case "cancel", _ if "bulk" in route.path:
            rows["bulk"] = factories.start_bulk(acme, "cancel").pk


@pytest.mark.parametrize("route", MANAGING, ids=str)
def test_it_tells_who_did_it(route, api, acme, ours):
    # Who leaves is not the last.
    factories.make_member(acme, "owner")
    prepare(route, api, acme, ours)
    key, newest = acme.keys.latest("id"), AuditEntry.objects.latest("id").pk

    forced = "?force=true" if route.method == "DELETE" else ""
    answer = api.call(route.method, route.fill(ours) + forced, route.example)

    assert answer.status_code == 200, answer.content
    made = AuditEntry.objects.filter(pk__gt=newest)
    if str(route) in NOT_AUDITED:
        assert not made
        return
    assert {(one.actor, one.via, one.key_id, one.user_id) for one in made} == {
        (f"key {key.pk}", "api", key.pk, key.member.user_id)
    }
    # Other routes are about the caller's other organizations.
    assert {one.org_id for one in made} == {acme.pk} or "{org_id}" not in route.path
    assert {one.path for one in made} == {f"{route.method} {route.fill(ours)}"}


@pytest.mark.parametrize("route", READING, ids=str)
def test_what_only_reads_changes_nothing(route, api, ours):
    newest = AuditEntry.objects.latest("id").pk

    answer = api.call(route.method, route.fill(ours), route.example)

    assert answer.status_code == 200, answer.content
    assert not AuditEntry.objects.filter(pk__gt=newest)


def test_what_is_left_out_is_there():
    assert NOT_AUDITED.keys() <= {str(route) for route in MANAGING}
    assert len(MANAGING) > 20
