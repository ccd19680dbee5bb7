"""Whether actions need approval: said of a variant, and lifted only by those who approve."""

from __future__ import annotations

import pytest

from actions import services as actions
from actions.models import ActionDefinition
from dispatch import services
from dispatch.models import ActionRecord
from orgs.services import Limits
from tests import factories
from tests.client import ApiClient, codes

NEEDS_ADMIN = (
    "To let actions go without approval, as to approve them, needs the permission 'admin'."
)
OTHER = {"type": "object"}


@pytest.fixture
def guarded(acme, webhook):
    """The definition `count`, whose actions need approval."""
    return factories.make_definition(acme, to=webhook, requires_approval=True)


@pytest.fixture
def editor(acme):
    return client_of(factories.make_member(acme, "editor", "operator"))


@pytest.fixture
def admin(acme):
    return client_of(factories.make_member(acme, "admin"))


def client_of(member, **limits):
    key = factories.make_key(member.org, member=member, limits=Limits(**limits))
    return ApiClient(member.org, key)


def put(client, schema=factories.SCHEMA, **fields):
    body = {"variant": "count", "schema": schema, **fields}
    return client.put("~/actions/definitions", body)


def path_of(definition):
    return f"~/actions/definitions/{definition.pk}"


def hand_in(client, name="count", **fields):
    body = {"input": {"n": 1}, **fields}
    return client.data(client.post(f"/v1/ingress/{name}", body))["status"]


def guards():
    """Which versions need approval, by number; it is always all of them or none."""
    return dict(ActionDefinition.objects.values_list("version", "requires_approval"))


def test_it_is_said_of_all_versions_also_of_deleted_ones(editor, admin, acme):
    gone, *_, newest = [factories.make_definition(acme, schema={"title": n}) for n in "123"]
    actions.delete_definition(definition=gone)

    shown = editor.data(editor.post(path_of(newest), {"requires_approval": True}))
    assert shown["requires_approval"] is True
    assert guards() == {1: True, 2: True, 3: True}

    shown = admin.data(put(admin, {"title": "2"}, version=2, requires_approval=False))
    assert shown["requires_approval"] is False
    assert guards() == {1: False, 2: False, 3: False}


def test_other_variants_and_other_organizations_have_their_own(editor, acme, globex):
    mine, other, foreign = (
        factories.make_definition(org, variant)
        for org, variant in ((acme, "count"), (acme, "other"), (globex, "count"))
    )
    editor.data(editor.post(path_of(mine), {"requires_approval": True}))

    for definition in (other, foreign):
        definition.refresh_from_db()
        assert not definition.requires_approval
    factories.make_definition(globex, schema=OTHER)
    assert not ActionDefinition.objects.filter(org=globex, requires_approval=True).exists()


def test_what_is_said_without_it_leaves_it_as_it_is(editor, guarded):
    shown = editor.data(editor.post(path_of(guarded), {"description": "Counts."}))
    assert shown["requires_approval"] is True
    assert editor.data(put(editor, description="It counts."))["requires_approval"] is True
    assert editor.post(path_of(guarded), {"requires_approval": "yes"}).status_code == 400


@pytest.mark.parametrize("version", [None, 1_000, 2])
def test_a_new_version_needs_it_as_all_others_do(editor, acme, guarded, version):
    factories.make_definition(acme, schema={"title": "3"}, version=3)
    fields = {} if version is None else {"version": version}

    assert editor.data(put(editor, OTHER, **fields))["requires_approval"] is True
    assert set(guards().values()) == {True}


def test_neither_an_older_version_nor_an_alias_nor_a_replay_gets_around_it(editor, acme, webhook):
    old = factories.make_definition(acme, to=webhook, alias=["tally"])
    newest = factories.make_definition(acme, schema=OTHER)
    over = factories.make_record(acme, version=1)
    services.cancel_record(record=over, actor="a test")
    editor.data(editor.post(path_of(newest), {"requires_approval": True}))

    assert hand_in(editor) == "held"
    assert hand_in(editor, version=1) == "held"
    assert hand_in(editor, "tally") == "held"
    assert hand_in(editor, "tally", version=2) == "held"
    again = editor.data(editor.post(f"~/actions/records/{over.pk}/replay"))
    assert again["state"]["status"] == "held"
    assert again["action_definition_id"] == str(old.pk)


def test_what_is_deleted_and_published_anew_still_needs_it(editor, acme, guarded):
    editor.data(editor.delete(path_of(guarded)))
    assert put(editor, OTHER).status_code == 200
    assert hand_in(editor) == "held"

    # The deleted version itself comes back as it was.
    assert put(editor, version=1).status_code == 200
    assert hand_in(editor, version=1) == "held"
    assert guards() == {1: True, 2: True}


def change(client, path):
    return client.post(path, {"requires_approval": False, "alias": ["tally"]})


def say_again(client, path):
    return put(client, requires_approval=False)


def publish(client, path):
    return put(client, OTHER, requires_approval=False)


def publish_by_number(client, path):
    return put(client, OTHER, version=7, requires_approval=False)


def delete_and_bring_back(client, path):
    client.delete(path)
    return put(client, version=1, requires_approval=False)


def delete_and_publish_anew(client, path):
    client.delete(path)
    return publish(client, path)


@pytest.mark.parametrize(
    "ask",
    [
        change,
        say_again,
        publish,
        publish_by_number,
        delete_and_bring_back,
        delete_and_publish_anew,
    ],
)
def test_an_editor_sets_it_and_does_not_lift_it(editor, admin, acme, ask):
    definition = factories.make_definition(acme)
    path = path_of(definition)
    editor.data(editor.post(path, {"requires_approval": True}))

    refused = ask(editor, path)

    assert refused.status_code == 403
    assert codes(refused) == [("FORBIDDEN", "/requires_approval")]
    assert refused.json()["errors"][0]["message"] == NEEDS_ADMIN
    assert guards() == {1: True}
    assert not acme.definitions.filter(names__name="tally").exists()

    assert ask(admin, path).status_code == 200
    assert not any(guards().values())


def test_a_key_of_an_owner_that_only_edits_does_not_lift_it(acme, guarded):
    owner = acme.memberships.get()
    limited = client_of(owner, permissions=["editor"])

    refused = limited.post(path_of(guarded), {"requires_approval": False})

    assert refused.status_code == 403
    assert guards() == {1: True}
    client = client_of(owner)
    assert client.post(path_of(guarded), {"requires_approval": False}).status_code == 200


def test_who_says_false_where_nothing_needs_approval_lifts_nothing(editor, acme):
    assert put(editor, requires_approval=False).status_code == 200
    path = path_of(ActionDefinition.objects.get())
    assert editor.post(path, {"requires_approval": False}).status_code == 200


def test_each_version_is_audited_when_it_is_set(editor, acme):
    factories.make_definition(acme)
    newest = factories.make_definition(acme, schema=OTHER)
    editor.data(editor.post(path_of(newest), {"requires_approval": True}))

    owner = ApiClient(acme, factories.make_key(acme))
    entries = owner.data(owner.get("~/audit?kind=action%20definition&via=api"))["items"]

    assert {entry["row_id"] for entry in entries} == {
        str(pk) for pk in ActionDefinition.objects.values_list("pk", flat=True)
    }
    assert all(entry["before"] == {"requires_approval": False} for entry in entries)
    assert not ActionRecord.objects.exists()
