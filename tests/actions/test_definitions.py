"""`.../actions/definitions`: list, get, update, delete."""

from __future__ import annotations

import pytest

from actions import services
from actions.models import ActionDefinition
from config.errors import NotFoundError
from tests import factories
from tests.client import codes

PATH = "~/actions/definitions"
TEXT, NUMBER = {"type": "string"}, {"type": "number"}


# --- get and list ---------------------------------------------------------------------------------


def test_a_list_shows_live_definitions_oldest_first(api, acme, globex):
    for variant in ("b", "a", "c"):
        factories.make_definition(acme, variant)
    services.delete_definition(definition=ActionDefinition.objects.get(variant="a"))
    factories.make_definition(globex, "theirs")

    page = api.data(api.get(PATH))

    assert page["count"] == 2
    assert [item["variant"] for item in page["items"]] == ["b", "c"]
    assert page["items"][0] == api.data(api.get(f"{PATH}/{page['items'][0]['id']}"))


def test_a_list_gives_all_live_versions_of_one_variant(api, acme):
    for schema in (TEXT, NUMBER, True):
        factories.make_definition(acme, "order", schema=schema)
    factories.make_definition(acme, "order2", alias=["order3"])
    services.delete_definition(definition=ActionDefinition.objects.get(version=2))

    page = api.data(api.get(f"{PATH}?variant=order"))

    assert [(item["variant"], item["version"]) for item in page["items"]] == [
        ("order", 1),
        ("order", 3),
    ]
    assert api.data(api.get(f"{PATH}?variant=nobody")) == {"items": [], "count": 0}


@pytest.mark.parametrize(
    ("search", "variants"),
    [
        ('{"field": "variant", "op": "contains", "value": "ORD"}', ["order"]),
        ('{"field": "alias", "op": "eq", "value": "stable"}', ["order"]),
        ('{"field": "alias", "op": "contains", "value": "st"}', ["order"]),  # once for two
        ('{"field": "version", "op": "gte", "value": 2}', ["invoice"]),
    ],
)
def test_a_list_is_searched_by_variant_version_and_alias(api, acme, search, variants):
    factories.make_definition(acme, "order", alias=["stable", "steady"])
    factories.make_definition(acme, "invoice", version=2)

    page = api.data(api.get(f"{PATH}?search={search}"))

    assert [item["variant"] for item in page["items"]] == variants
    assert page["count"] == len(variants)


def test_a_list_takes_the_same_queries_for_any_number(api, acme, django_assert_num_queries):
    for number in range(5):
        to = factories.make_destination(acme)
        factories.make_definition(acme, f"v{number}", to=to, alias=[f"a{number}"])

    api.get(PATH)

    # The key, the count, the page; and its links, their destinations, and aliases.
    with django_assert_num_queries(6):
        assert api.data(api.get(PATH))["count"] == 5


@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_an_unknown_a_deleted_and_anothers_definition_are_a_404(api, acme, globex, method):
    deleted, theirs = factories.make_definition(acme), factories.make_definition(globex)
    services.delete_definition(definition=deleted)

    for row_id in (deleted.pk, theirs.pk, 0, 2**63 - 1):
        refused = api.call(method.upper(), f"{PATH}/{row_id}", {"description": "mine"})
        assert refused.status_code == 404
        assert codes(refused) == [("NOT_FOUND", None)]
    theirs.refresh_from_db()
    assert (theirs.description, theirs.deleted_at) == ("", None)


# --- update ---------------------------------------------------------------------------------------


def test_aliases_and_description_are_updated_apart(api, acme):
    made = factories.make_definition(acme, alias=["a"], description="first")
    path = f"{PATH}/{made.pk}"

    assert api.data(api.post(path, {"description": "second"}))["alias"] == ["a"]
    changed = api.data(api.post(path, {"alias": ["b", "c"]}))

    assert (changed["alias"], changed["description"]) == (["b", "c"], "second")
    assert api.data(api.post(path, {}))["alias"] == ["b", "c"]
    assert api.data(api.post(path, {"alias": []}))["alias"] == []
    made.refresh_from_db()
    assert made.updated_at > made.created_at


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"schema": True}, "/schema"),  # a contract never changes
        ({"variant": "other"}, "/variant"),
        ({"version": 2}, "/version"),
        ({"deleted_at": None}, "/deleted_at"),
        ({"alias": None}, "/alias"),
        ({"alias": [7]}, "/alias/0"),
        ({"description": 7}, "/description"),
    ],
)
def test_nothing_else_is_updated(api, acme, body, pointer):
    made = factories.make_definition(acme, schema=TEXT)

    refused = api.post(f"{PATH}/{made.pk}", body)

    assert refused.status_code == 400
    assert codes(refused) == [("INVALID_BODY", pointer)]
    assert ActionDefinition.objects.get().read_schema() == TEXT


@pytest.mark.parametrize(
    ("alias", "status", "code"),
    [
        ("theirs", 409, "ALIAS_TAKEN"),  # another variant's alias
        ("invoice", 409, "ALIAS_TAKEN"),  # a variant
        ("a/b", 422, "INVALID_NAME"),
    ],
)
def test_an_update_obeys_the_rules_of_names(api, acme, alias, status, code):
    factories.make_definition(acme, "invoice", alias=["theirs"])
    made = factories.make_definition(acme, "order", alias=["mine"])

    refused = api.post(f"{PATH}/{made.pk}", {"alias": [alias], "description": "changed"})

    assert refused.status_code == status
    assert codes(refused) == [(code, "/alias/0")]
    shown = api.data(api.get(f"{PATH}/{made.pk}"))
    assert (shown["alias"], shown["description"]) == (["mine"], "")


def test_an_update_moves_an_alias_of_another_version(api, acme):
    first = factories.make_definition(acme, "order", alias=["stable"])
    second = factories.make_definition(acme, "order", schema=TEXT)

    assert api.data(api.post(f"{PATH}/{second.pk}", {"alias": ["stable"]}))["alias"] == ["stable"]
    assert api.data(api.get(f"{PATH}/{first.pk}"))["alias"] == []


# --- delete ---------------------------------------------------------------------------------------


def test_a_deleted_definition_is_shown_once_more_without_names_and_links(api, acme):
    made = factories.make_definition(acme, to=factories.make_destination(acme), alias=["a"])

    gone = api.data(api.delete(f"{PATH}/{made.pk}"))

    assert gone["deleted_at"] is not None
    assert (gone["id"], gone["alias"], gone["destinations"]) == (str(made.pk), [], [])
    assert api.delete(f"{PATH}/{made.pk}").status_code == 404


def test_a_deleted_definition_takes_no_new_actions_and_its_open_ones_stay(api, acme):
    made = factories.make_definition(acme, "order", to=factories.make_destination(acme, "sdk"))
    record = factories.make_record(acme, "order")

    api.data(api.delete(f"{PATH}/{made.pk}"))

    refused = api.post("/v1/ingress/order", {"input": {"n": 1}})
    assert codes(refused) == [("UNKNOWN_VARIANT", "/variant")]
    record.refresh_from_db()
    assert (record.status, record.definition_id) == ("queued", made.pk)


def test_deleting_the_newest_version_brings_the_one_before_back(api, acme):
    factories.make_definition(acme, "order", schema=True)
    newest = factories.make_definition(acme, "order", schema=False)

    api.data(api.delete(f"{PATH}/{newest.pk}"))

    assert api.data(api.post("/v1/ingress/order", {"input": 1}))["version"] == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda made: services.update_definition(definition=made, description="late"),
        lambda made: services.delete_definition(definition=made),
        lambda made: services.unlink_destination(definition=made, destination_id=1),
        lambda made: services.link_destination(definition=made, destination_id=1, is_default=False),
    ],
)
def test_a_change_that_comes_after_the_deletion_is_a_404(acme, change):
    made = factories.make_definition(acme)
    services.delete_definition(definition=ActionDefinition.objects.get(pk=made.pk))

    with pytest.raises(NotFoundError):
        change(made)
    made.refresh_from_db()
    assert (made.description, made.deleted_at is None) == ("", False)


def test_rows_say_what_they_are(acme):
    made = factories.make_definition(
        acme, "order", to=factories.make_destination(acme, label="hook"), alias=["stable"]
    )
    assert str(made) == "order v1"
    assert str(made.links.get()) == "order v1 to hook"
    assert str(made.names.get()) == "stable"
