"""Config revisions that are applied while somebody else does something."""

from __future__ import annotations

import pytest

from actions.models import ActionDefinition
from bundles import plans
from bundles.models import ConfigRevision
from bundles.planning import changes
from bundles.revisions import services
from config.errors import DomainError
from destinations.models import Destination
from tests import factories
from tests.bundles.bundle import HOOK, action, bundle
from tests.client import codes

REVISIONS = "~/config/revisions"
DOCUMENT = bundle(action("send", aliases=["send.one"], destinations=["hook"]), destinations=[HOOK])


@pytest.fixture
def revision(api):
    """A planned one of `DOCUMENT`."""
    return api.data(api.post(REVISIONS, {"definition": DOCUMENT}))


def apply(api, revision):
    return api.post(f"{REVISIONS}/{revision['id']}/apply")


def test_two_that_apply_at_once_do_it_once(api, revision, monkeypatch):
    (first, second) = (ConfigRevision.objects.get() for _ in range(2))
    plan_again = services._plan_again

    def meanwhile(*given):
        plan = plan_again(*given)
        # The other one is quicker, once.
        monkeypatch.setattr(services, "_plan_again", plan_again)
        services.apply_revision(revision=second, held=["editor"])
        return plan

    monkeypatch.setattr(services, "_plan_again", meanwhile)
    applied = services.apply_revision(revision=first, held=["editor"])
    assert applied.status == "applied"
    assert ActionDefinition.objects.count() == 1


@pytest.mark.parametrize("step", ["read_state", "plan_again"])
def test_one_that_another_has_applied_meanwhile_is_applied(api, revision, monkeypatch, step):
    """Before it is looked at what is there, or after; whatever that says then."""
    (first, second) = (ConfigRevision.objects.get() for _ in range(2))
    go_on = getattr(plans, step)

    def meanwhile(*args, **options):
        monkeypatch.setattr(plans, step, go_on)
        services.apply_revision(revision=second, held=["editor"])
        if step == "plan_again":
            raise DomainError("A name server says something else now.")
        return go_on(*args, **options)

    monkeypatch.setattr(plans, step, meanwhile)
    applied = services.apply_revision(revision=first, held=["editor"])
    assert (applied.status, applied.error_message) == ("applied", "")
    assert ActionDefinition.objects.count() == 1


@pytest.mark.parametrize("refused", [False, True])
def test_one_that_newer_ones_push_out_meanwhile_is_not_found(api, revision, monkeypatch, refused):
    """Nothing of it is done, and what else was in its way does not matter any more."""
    plan_again = services._plan_again

    def meanwhile(*given):
        plan = plan_again(*given)
        api.data(api.post(REVISIONS, {"definition": DOCUMENT}))
        if refused:
            raise DomainError("A name server says something else now.")
        return plan

    monkeypatch.setattr(services, "KEPT", 1)
    monkeypatch.setattr(services, "_plan_again", meanwhile)
    answer = apply(api, revision)
    assert (answer.status_code, codes(answer)) == (404, [("NOT_FOUND", None)])
    assert not ActionDefinition.objects.exists()


def test_one_that_is_pushed_out_as_soon_as_it_is_applied_is_applied(acme, monkeypatch):
    made = services.plan_revision(org_id=acme.pk, definition=DOCUMENT)
    apply_it = services._apply

    def push_out(*args):
        apply_it(*args)
        ConfigRevision.objects.all().delete()

    monkeypatch.setattr(services, "_apply", push_out)
    applied = services.apply_revision(revision=made, held=["editor"])
    assert applied.status == "applied"
    assert ActionDefinition.objects.exists()


def test_what_changes_while_it_is_applied_makes_it_stale(api, revision, monkeypatch):
    plan_again = services._plan_again

    def meanwhile(*given):
        plan = plan_again(*given)
        factories.make_definition(api.org, "send")
        return plan

    monkeypatch.setattr(services, "_plan_again", meanwhile)
    assert codes(apply(api, revision)) == [("PLAN_STALE", None)]
    assert ConfigRevision.objects.get().status == "planned"


def test_what_changes_before_it_is_planned_again_makes_it_stale(api, revision, monkeypatch):
    """It was looked at, and is as it was: what comes after that nobody has seen."""
    plan_again = services._plan_again

    def meanwhile(*args):
        factories.make_definition(api.org, "send")
        return plan_again(*args)

    monkeypatch.setattr(services, "_plan_again", meanwhile)
    refused = apply(api, revision)
    assert codes(refused) == [("PLAN_STALE", None)]
    assert "(variant 'send')" in refused.json()["errors"][0]["message"]
    assert not Destination.objects.exists()


def test_the_first_few_that_have_changed_are_named(api, revision):
    body = {"definition": bundle(*(action(name) for name in "abcd"), action("e"), action("kept"))}
    planned = api.data(api.post(REVISIONS, body))
    for name in "abcd":
        factories.make_definition(api.org, name)
    said = apply(api, planned).json()["errors"][0]["message"]
    assert "(variant 'a', variant 'b', variant 'c' and 1 more)" in said
    factories.make_destination(api.org, label="hook")
    factories.make_definition(api.org, "other", alias=["send.one"])
    said = apply(api, revision).json()["errors"][0]["message"]
    assert "(destination 'hook', name 'send.one')" in said


def test_nothing_is_named_where_too_much_is_there_to_remember(api, monkeypatch):
    monkeypatch.setattr(changes, "MOST_REMEMBERED", 0)
    factories.make_definition(api.org, "send")
    planned = api.data(api.post(REVISIONS, {"definition": DOCUMENT}))
    ActionDefinition.objects.update(description="New.")
    assert "since this was planned: plan" in apply(api, planned).json()["errors"][0]["message"]
