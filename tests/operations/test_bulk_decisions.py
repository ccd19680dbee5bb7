"""Approving and denying in bulk: by who may, with the reason on each, and not one's own."""

from __future__ import annotations

import pytest
from django.urls import reverse

from config.errors import ForbiddenError, RuleError
from dispatch import intake
from dispatch.intake import Submission
from dispatch.models import ActionPayload, ActionRecord
from operations import matching
from operations.matching import Span
from operations.models import BulkOperation
from orgs.models import AuditEntry
from tests import factories
from tests.client import ApiClient, codes
from tests.console.looking import member_of, staff_with
from tests.factories import start_bulk
from tests.operations.bulk import carry_out, ids
from tests.operations.test_bulk_admin import ADD, confirmed, typed

BULK = "~/actions/bulk"
LIST = reverse("console:records")
DECIDING = {"kind": "approve", "filter": {}, "reason": "It was agreed on."}


def hand_in(org, actor="bob@acme.example", *, n=1, variant="count"):
    submission = Submission(variant, {"n": n})
    (accepted,) = intake.accept(org.pk, [submission], atomic=True, actor=actor)
    return ActionRecord.objects.get(pk=accepted.id)


@pytest.fixture
def guarded(acme, webhook):
    return factories.make_definition(acme, to=webhook, requires_approval=True)


@pytest.fixture
def held(acme, guarded):
    return [hand_in(acme, n=n) for n in range(3)]


def decide(org, kind, **asked):
    return carry_out(start_bulk(org, kind, may_approve=True, **asked))


def statuses(records):
    found = ActionRecord.objects.filter(pk__in=ids(records)).order_by("pk")
    return list(found.values_list("status", flat=True))


@pytest.mark.parametrize(
    ("kind", "event", "status"), [("approve", "approved", "queued"), ("deny", "denied", "canceled")]
)
def test_all_that_is_held_is_decided_on(acme, held, kind, event, status):
    factories.make_definition(acme, "free", to=factories.make_destination(acme))
    others = [hand_in(acme, variant="free")]

    operation = decide(acme, kind, actor="bea@acme.example", reason="It was agreed on.")

    assert (operation.status, operation.done, operation.skipped) == ("succeeded", 3, {})
    assert statuses(held) == [status] * 3
    assert statuses(others) == ["queued"]
    for record in held:
        detail = record.events.get(kind=event).detail
        assert detail["by"] == "bea@acme.example"
        assert detail["reason"] == "It was agreed on."
        assert detail["bulk"] == str(operation.pk)
    told = AuditEntry.objects.filter(kind="action record")
    assert {one.row_id for one in told} == {str(pk) for pk in ids(held)}


def test_ones_own_and_what_is_no_longer_what_was_held_are_skipped(acme, held):
    own, changed, other = held[0], held[1], held[2]
    own.events.filter(kind="held").update(detail=own.events.get(kind="held").detail | {"by": "me"})
    ActionPayload.objects.filter(pk=changed.pk).update(input=b'{"n":99}')

    operation = decide(acme, "approve", actor="me")

    assert operation.done == 1
    assert operation.skipped == {
        "SELF_APPROVAL": {"count": 1, "ids": [str(own.pk)]},
        "CHANGED_SINCE_HELD": {"count": 1, "ids": [str(changed.pk)]},
    }
    assert statuses([own, changed, other]) == ["held", "held", "queued"]


def test_what_was_decided_meanwhile_is_skipped(acme, held):
    operation = start_bulk(acme, "deny", may_approve=True)
    factories.move(held[1], status="queued", timeout_at=None)

    carry_out(operation)

    assert statuses(held) == ["canceled", "queued", "canceled"]
    assert operation.done == 2


@pytest.mark.parametrize("kind", ["approve", "deny"])
@pytest.mark.parametrize("asked", [{}, {"status": "held"}])
def test_nothing_but_what_is_held_is_looked_through(acme, guarded, kind, asked):
    factories.make_definition(acme, "free", to=factories.make_destination(acme))
    hand_in(acme, variant="free")
    held = hand_in(acme)
    hand_in(acme, variant="free")

    assert matching.read_aim(acme.pk, kind, asked).whole_span() == Span(held.pk - 1, held.pk)


def test_only_what_is_held_can_be_asked_for(acme, held):
    with pytest.raises(RuleError, match="takes actions that are held") as refused:
        start_bulk(acme, "approve", may_approve=True, filter={"status": "queued"})
    assert refused.value.faults[0].pointer == "/filter/status"


@pytest.mark.parametrize("kind", ["approve", "deny"])
def test_who_may_not_approve_may_not_do_it_in_bulk(acme, held, kind):
    with pytest.raises(ForbiddenError):
        start_bulk(acme, kind)
    assert not BulkOperation.objects.exists()


@pytest.mark.parametrize(("permission", "allowed"), [("operator", False), ("admin", True)])
def test_in_the_api_it_takes_an_admin(acme, held, permission, allowed):
    member = factories.make_member(acme, permission)
    api = ApiClient(acme, factories.make_key(acme, member=member))

    answer = api.put(BULK, DECIDING)

    if allowed:
        assert api.data(answer)["kind"] == "approve"
    else:
        assert (answer.status_code, codes(answer)) == (403, [("FORBIDDEN", "/kind")])
    assert BulkOperation.objects.exists() == allowed
    assert api.put(BULK, DECIDING | {"kind": "cancel"}).status_code == 200


@pytest.mark.parametrize(("permission", "allowed"), [("operator", False), ("admin", True)])
def test_in_the_console_it_is_offered_to_who_may(acme, held, permission, allowed):
    client = member_of(acme, permission)

    page = client.get(LIST, {"status": "held"}).content.decode()
    assert ("Approve all…" in page, "Deny ticked…" in page) == (allowed, allowed)
    assert "Cancel all…" in page
    assert "Approve all…" not in client.get(LIST).content.decode()
    form = client.get(ADD).content.decode()
    assert ('value="approve"' in form) == allowed

    preview = client.post(ADD, typed(acme, kind="approve", status="held"))
    if not allowed:
        assert "is not one of the available choices" in preview.content.decode()
        return
    assert "What you have handed in yourself is skipped." in preview.content.decode()
    client.post(ADD, confirmed(preview))
    carry_out(BulkOperation.objects.get())
    assert statuses(held) == ["queued"] * 3


def test_who_ticks_what_is_held_is_led_to_the_form(acme, held):
    client = member_of(acme, "admin")
    query = {"status": "held", "kind": "approve", "ticked": "1", "ids": ids(held)[:2]}

    form = client.get(reverse("console:record_bulk"), query, follow=True)

    assert form.context["adminform"].form["kind"].value() == "approve"
    refused = member_of(acme, "operator").get(reverse("console:record_bulk"), query, follow=True)
    assert refused.redirect_chain[-1][0].startswith(LIST)


def test_staff_need_the_permission_to_approve(acme, held):
    staff = staff_with("view_actionrecord", "change_actionrecord", "add_bulkoperation",
                       "view_bulkoperation")  # fmt: skip

    assert "Approve all…" not in staff.get(LIST, {"status": "held"}).content.decode()
    answer = staff.post(ADD, typed(acme, kind="deny"))
    assert "is not one of the available choices" in answer.content.decode()
