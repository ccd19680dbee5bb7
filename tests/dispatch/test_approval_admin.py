"""Held actions in the admin: how many there are, and the buttons that decide on them."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from actions.models import ActionDefinition
from dispatch import intake
from dispatch.intake import Submission
from dispatch.models import ActionRecord
from orgs.models import User
from tests import factories

LIST = reverse("admin:dispatch_actionrecord_changelist")
DECIDED = {"_form_submitted": "True", "reason": "It was agreed on."}


@pytest.fixture
def held(acme, webhook):
    factories.make_definition(acme, to=webhook, requires_approval=True)
    return hand_in(acme, "key 1")


def hand_in(org, actor):
    submission = Submission("count", {"n": 1})
    (accepted,) = intake.accept(org.pk, [submission], atomic=True, actor=actor)
    return ActionRecord.objects.get(pk=accepted.id)


def url(record, name="change"):
    return reverse(f"admin:dispatch_actionrecord_{name}", args=[record.pk])


def buttons(client, record):
    page = client.get(url(record)).content.decode()
    return {name for name in ("approve", "deny", "cancel", "replay") if url(record, name) in page}


def told(client):
    return [str(message) for message in client.get(LIST).context["messages"]]


def test_the_first_page_counts_what_waits_for_approval(admin_client, held):
    page = admin_client.get(reverse("admin:index"))

    assert page.context["overview"]["held"] == 1
    assert "waits for approval" in page.content.decode()
    assert f"{LIST}?status__exact=held" in page.content.decode()


def test_the_list_is_narrowed_to_what_is_held(admin_client, acme, held):
    shown = admin_client.get(LIST, {"status__exact": "held"}).context["cl"].result_list

    assert list(shown) == [held]


def test_only_what_is_held_has_the_buttons(admin_client, held):
    assert buttons(admin_client, held) == {"approve", "deny", "cancel"}
    factories.move(held, status="queued", timeout_at=None)
    assert buttons(admin_client, held) == {"cancel"}
    factories.move(held, status="failed", completed_at=held.created_at)
    assert buttons(admin_client, held) == {"replay"}


@pytest.mark.parametrize(("name", "status"), [("approve", "queued"), ("deny", "canceled")])
def test_a_button_asks_for_a_reason_and_decides(admin_client, held, name, status):
    for asked in ({}, {"reason": ""}, {"reason": " "}, {"reason": "x" * 1_001}):
        dialog = admin_client.post(url(held, name), {"_form_submitted": "True"} | asked)
        assert 'name="reason"' in dialog.content.decode()
    held.refresh_from_db()
    assert held.status == "held"

    decided = admin_client.post(url(held, name), DECIDED)

    assert decided["HX-Redirect"] == url(held)
    held.refresh_from_db()
    assert held.status == status
    detail = held.events.order_by("id").last().detail
    assert detail["reason"] == "It was agreed on."
    assert detail["by"] == User.objects.get(is_superuser=True).email


def test_a_second_decision_is_told_to_be_too_late(admin_client, held):
    admin_client.post(url(held, "approve"), DECIDED)

    admin_client.post(url(held, "deny"), DECIDED)

    assert f"Action {held.pk}: The action is not held: it is queued." in told(admin_client)


def test_who_has_handed_it_in_does_not_approve_it_in_the_admin(admin_client, acme, held):
    own = hand_in(acme, User.objects.get(is_superuser=True).email)

    admin_client.post(url(own, "approve"), DECIDED)

    own.refresh_from_db()
    assert own.status == "held"
    assert f"Action {own.pk}: Somebody else than who has handed it in approves it." in told(
        admin_client
    )


@pytest.mark.parametrize(
    ("codenames", "allowed"),
    [
        (["view_actionrecord"], False),
        # To cancel and to replay is not to approve.
        (["view_actionrecord", "change_actionrecord"], False),
        (["view_actionrecord", "approve_actionrecord"], True),
    ],
)
def test_approving_has_a_permission_of_its_own(client, held, codenames, allowed):
    user = User.objects.create_user("operator@example.com", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(user)

    assert ("approve" in buttons(client, held)) == allowed
    answer = client.post(url(held, "approve"), DECIDED)

    assert answer.status_code == (200 if allowed else 403)
    held.refresh_from_db()
    assert held.status == ("queued" if allowed else "held")


def test_another_tenants_or_no_action_is_404(admin_client, held):
    missing = ActionRecord(pk=held.pk + 1)

    assert admin_client.post(url(missing, "approve"), DECIDED).status_code == 404


LINKS = {"links-TOTAL_FORMS": "0", "links-INITIAL_FORMS": "0", "alias": "[]"}


def test_whether_a_variant_needs_approval_is_set_in_the_form_of_any_version(
    admin_client, acme, held
):
    factories.make_definition(acme, schema={"title": "2"})
    definition = ActionDefinition.objects.get(version=1)
    change = reverse("admin:actions_actiondefinition_change", args=[definition.pk])

    assert admin_client.post(change, LINKS | {"description": ""}).status_code == 302
    assert not ActionDefinition.objects.filter(requires_approval=True).exists()
    ticked = LINKS | {"description": "", "requires_approval": "on"}
    assert admin_client.post(change, ticked).status_code == 302
    assert not ActionDefinition.objects.filter(requires_approval=False).exists()


@pytest.mark.parametrize("may_approve", [False, True])
def test_who_may_not_approve_does_not_lift_it_in_the_form(client, held, may_approve):
    codenames = ["view_actiondefinition", "change_actiondefinition"]
    codenames += ["approve_actionrecord"] if may_approve else []
    user = User.objects.create_user("editor@example.com", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(user)
    definition = held.definition
    change = reverse("admin:actions_actiondefinition_change", args=[definition.pk])
    ticked = LINKS | {"description": "Counts.", "requires_approval": "on"}
    assert client.post(change, ticked).status_code == 302

    answer = client.post(change, LINKS | {"description": "Other."})

    definition.refresh_from_db()
    if may_approve:
        assert (definition.requires_approval, definition.description) == (False, "Other.")
        return
    (fault,) = answer.context["adminform"].form.errors["requires_approval"]
    assert fault.endswith("needs the permission 'admin'.")
    assert (definition.requires_approval, definition.description) == (True, "Counts.")


def test_the_next_version_starts_with_what_the_others_need(admin_client, acme, held):
    add = reverse("admin:actions_actiondefinition_add")
    definition = ActionDefinition.objects.get()
    form = admin_client.get(add, {"from": definition.pk}).context["adminform"].form
    assert form.initial["requires_approval"] is True
    values = {"org": acme.pk, "variant": "count", "alias": "[]", "schema": '{"title": "2"}'}

    assert admin_client.post(add, values).status_code == 302

    # Not ticked: as the others.
    assert ActionDefinition.objects.get(version=2).requires_approval
