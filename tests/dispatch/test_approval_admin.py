"""Held actions in the admin: how many there are, and which variants need approval."""

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


@pytest.fixture
def held(acme, webhook):
    factories.make_definition(acme, to=webhook, requires_approval=True)
    return hand_in(acme, "key 1")


def hand_in(org, actor):
    submission = Submission("count", {"n": 1})
    (accepted,) = intake.accept(org.pk, [submission], atomic=True, actor=actor)
    return ActionRecord.objects.get(pk=accepted.id)


def test_the_first_page_counts_what_waits_for_approval(admin_client, held):
    page = admin_client.get(reverse("admin:index"))

    assert "1 waits for approval" in page.content.decode()
    assert f"{LIST}?status__exact=held" in page.content.decode()


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
