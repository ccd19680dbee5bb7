"""`.../definitions/{id}/destinations/{destination_id}`, and the links of a new version."""

from __future__ import annotations

import pytest

from actions.models import ActionDefinition, DefinitionDestination
from tests import factories
from tests.client import codes

PATH = "~/actions/definitions"
TEXT, NUMBER = {"type": "string"}, {"type": "number"}


@pytest.fixture
def order(acme):
    return factories.make_definition(acme, "order", schema=TEXT)


@pytest.fixture
def hook(acme):
    return factories.make_destination(acme, label="hook")


@pytest.fixture
def kit(acme):
    return factories.make_destination(acme, "sdk", label="kit")


def link(api, definition, destination, **body):
    return api.put(f"{PATH}/{definition.pk}/destinations/{destination.pk}", body)


def unlink(api, definition, destination):
    return api.delete(f"{PATH}/{definition.pk}/destinations/{destination.pk}")


def publish(api, schema, **fields):
    return api.data(api.put(PATH, {"variant": "order", "schema": schema} | fields))


def links_of(definition):
    """(label, is_default) of each link, by definition as the API shows it or as a row."""
    pk = definition["id"] if isinstance(definition, dict) else definition.pk
    rows = DefinitionDestination.objects.filter(definition=pk)
    return list(rows.values_list("destination__label", "is_default"))


# --- linking --------------------------------------------------------------------------------------


def test_a_link_is_shown_with_its_destination(api, acme, order, hook):
    data = api.data(link(api, order, hook, is_default=True))

    (shown,) = data["destinations"]
    assert shown == {
        "id": str(DefinitionDestination.objects.get().pk),
        "action_definition_id": str(order.pk),
        "destination_id": str(hook.pk),
        "org_id": str(acme.pk),
        "is_default": True,
        "destination": api.data(api.get(f"~/destinations/{hook.pk}")),
    }
    assert data == api.data(api.get(f"{PATH}/{order.pk}"))


def test_a_link_is_no_default_unless_asked(api, order, hook):
    api.data(link(api, order, hook))
    assert links_of(order) == [("hook", False)]


def test_linking_again_changes_the_link(api, order, hook):
    for is_default in (False, True, True, False):
        api.data(link(api, order, hook, is_default=is_default))
        assert links_of(order) == [("hook", is_default)]


def test_there_is_one_default_and_it_moves(api, order, hook, kit):
    api.data(link(api, order, hook, is_default=True))
    api.data(link(api, order, kit, is_default=True))
    assert links_of(order) == [("hook", False), ("kit", True)]


def test_another_link_leaves_the_default_where_it_is(api, order, hook, kit):
    api.data(link(api, order, hook, is_default=True))
    api.data(link(api, order, kit))
    assert links_of(order) == [("hook", True), ("kit", False)]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [({"is_default": 1}, "/is_default"), ({"default": True}, "/default"), ([], "")],
)
def test_a_link_of_the_wrong_shape_is_a_400(api, order, hook, body, pointer):
    refused = api.put(f"{PATH}/{order.pk}/destinations/{hook.pk}", body)

    assert refused.status_code == 400
    assert codes(refused) == [("INVALID_BODY", pointer)]
    assert links_of(order) == []


# --- unlinking ------------------------------------------------------------------------------------


def test_unlinking_leaves_the_other_links(api, order, hook, kit):
    api.data(link(api, order, hook, is_default=True))
    api.data(link(api, order, kit))

    data = api.data(unlink(api, order, hook))

    assert [one["destination_id"] for one in data["destinations"]] == [str(kit.pk)]
    assert links_of(order) == [("kit", False)]


def test_what_is_not_linked_cannot_be_unlinked(api, order, hook):
    refused = unlink(api, order, hook)
    assert refused.status_code == 404
    assert codes(refused) == [("NOT_FOUND", None)]


# --- who is not there -----------------------------------------------------------------------------


@pytest.mark.parametrize("call", [link, unlink])
def test_unknown_deleted_and_others_rows_are_a_404(api, acme, globex, order, hook, call):
    theirs = factories.make_definition(globex, to=factories.make_destination(globex))
    their_hook = theirs.links.get().destination
    gone = factories.make_definition(acme, "gone")
    api.data(api.delete(f"{PATH}/{gone.pk}"))
    gone_hook = factories.make_destination(acme)
    api.data(api.delete(f"~/destinations/{gone_hook.pk}"))
    nobody = ActionDefinition(pk=2**62)

    for definition, destination in [
        (nobody, hook),
        (gone, hook),
        (theirs, hook),
        (theirs, their_hook),
        (order, nobody),
        (order, gone_hook),
        (order, their_hook),
    ]:
        refused = call(api, definition, destination)
        assert refused.status_code == 404
        assert codes(refused) == [("NOT_FOUND", None)]
    assert DefinitionDestination.objects.get().definition == theirs


# --- versions -------------------------------------------------------------------------------------


def test_a_new_version_copies_the_links_and_the_old_one_keeps_its_own(api, order, hook, kit):
    api.data(link(api, order, hook, is_default=True))
    api.data(link(api, order, kit))

    second = publish(api, NUMBER)

    assert links_of(second) == links_of(order) == [("hook", True), ("kit", False)]


def test_a_copied_link_goes_its_own_way(api, acme, order, hook, kit):
    api.data(link(api, order, hook, is_default=True))
    second = ActionDefinition.objects.get(pk=publish(api, NUMBER)["id"])

    api.data(link(api, second, kit, is_default=True))
    api.data(unlink(api, second, hook))

    assert links_of(order) == [("hook", True)]
    assert links_of(second) == [("kit", True)]


def test_links_come_from_the_highest_live_lower_version(api, order, hook, kit):
    api.data(link(api, order, hook, is_default=True))
    second = ActionDefinition.objects.get(pk=publish(api, NUMBER)["id"])
    api.data(link(api, second, kit, is_default=True))
    fifth = publish(api, True, version=5)
    api.data(unlink(api, ActionDefinition.objects.get(pk=fifth["id"]), kit))

    # Between 2 and 5: what 5 has does not count.
    assert links_of(publish(api, {}, version=3)) == [("hook", False), ("kit", True)]


def test_a_deleted_version_gives_no_links(api, order, hook, kit):
    api.data(link(api, order, hook, is_default=True))
    second = ActionDefinition.objects.get(pk=publish(api, NUMBER)["id"])
    api.data(link(api, second, kit, is_default=True))
    api.data(api.delete(f"{PATH}/{second.pk}"))

    assert links_of(publish(api, True)) == [("hook", True)]


def test_the_first_version_has_no_links_and_neither_has_a_lower_one(api, order, hook):
    api.data(link(api, order, hook, is_default=True))
    third = publish(api, NUMBER, version=3)
    api.data(api.delete(f"{PATH}/{order.pk}"))

    assert links_of(third) == [("hook", True)]
    assert links_of(publish(api, True, version=2)) == []


def test_finding_an_equal_schema_changes_no_links(api, order, hook):
    api.data(link(api, order, hook))
    publish(api, TEXT)
    assert links_of(order) == [("hook", False)]


def test_an_undeleted_version_takes_the_links_of_the_one_below(api, order, hook):
    api.data(link(api, order, hook, is_default=True))
    second = publish(api, NUMBER)
    api.data(api.delete(f"{PATH}/{second['id']}"))
    assert links_of(second) == []

    publish(api, NUMBER, version=2)

    assert links_of(second) == [("hook", True)]


def test_deleting_a_destination_takes_its_links(api, order, hook):
    api.data(link(api, order, hook))
    api.data(api.delete(f"~/destinations/{hook.pk}"))
    assert api.data(api.get(f"{PATH}/{order.pk}"))["destinations"] == []
