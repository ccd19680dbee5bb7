"""Definitions in the admin: published through the service, never changed."""

from __future__ import annotations

import json

import pytest
from django.urls import reverse

from actions import compatibility, policies, services
from actions.compatibility import Finding, Kind, Report, Verdict
from actions.models import ActionDefinition, DefinitionName
from config.errors import NotFoundError
from tests import factories

ADD = reverse("admin:actions_actiondefinition_add")
LIST = reverse("admin:actions_actiondefinition_changelist")
OTHER_SCHEMA = {"type": "object", "title": "another"}


def change_url(definition):
    return reverse("admin:actions_actiondefinition_change", args=[definition.pk])


def publication(org, **fields):
    """What the page of a new definition posts."""
    return {
        "org": org.pk,
        "variant": "count",
        "version": "",
        "description": "",
        "alias": "[]",
        "schema": json.dumps(factories.SCHEMA),
    } | fields


def change(links=(), existing=0, **fields):
    """What the page of a definition posts; `links` are the rows of its destinations."""
    data = {
        "alias": "[]",
        "description": "",
        "links-TOTAL_FORMS": len(links),
        "links-INITIAL_FORMS": existing,
    }
    for index, link in enumerate(links):
        data |= {f"links-{index}-{name}": value for name, value in link.items()}
    return data | fields


def errors(response):
    return response.context["adminform"].form.errors


def routes(definition):
    return set(definition.links.values_list("destination__label", "is_default"))


def test_publishing_stores_the_next_version(admin_client, acme):
    factories.make_definition(acme)
    data = publication(acme, schema=json.dumps(OTHER_SCHEMA), alias='["n"]', description="Counts.")
    response = admin_client.post(ADD, data)

    made = ActionDefinition.objects.get(version=2)
    assert response.status_code == 302
    assert (made.org, made.variant, made.description) == (acme, "count", "Counts.")
    assert made.read_schema() == OTHER_SCHEMA
    assert [name.name for name in made.names.all()] == ["n"]


def test_an_equal_schema_adds_no_version_and_says_so(admin_client, acme):
    factories.make_definition(acme, alias=["kept"])
    response = admin_client.post(ADD, publication(acme), follow=True)

    assert ActionDefinition.objects.count() == 1
    assert DefinitionName.objects.filter(name="kept").exists()
    assert any("no version was added" in str(m) for m in response.context["messages"])


@pytest.mark.parametrize("schema", ["true", "{}", '{"b": 1, "a": 2}'])
def test_every_schema_the_api_takes_is_taken(admin_client, acme, schema):
    admin_client.post(ADD, publication(acme, schema=schema))

    assert ActionDefinition.objects.get().schema == schema.replace(" ", "").encode()


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({"schema": '{"properties": {"a": {"type": "strin"}}}'}, "schema", "/schema/properties/a"),
        ({"schema": '{"$ref": "https://example.com"}'}, "schema", "example.com"),
        ({"schema": "{,}"}, "schema", "Not valid JSON"),
        ({"schema": "12"}, "schema", "an object or a boolean"),
        ({"variant": "a/b"}, "variant", "no `/`"),
        ({"version": "0"}, "version", "from 1"),
        ({"alias": '["count"]'}, "alias", "is a variant"),
        ({"alias": "[1]"}, "alias", "correct"),
        ({"alias": '["a/b"]'}, "alias", "no `/`"),
    ],
)
def test_what_the_service_refuses_is_said_at_its_field(admin_client, acme, fields, field, said):
    response = admin_client.post(ADD, publication(acme, **fields))

    assert response.status_code == 200
    assert said in " ".join(errors(response)[field])
    assert not ActionDefinition.objects.exists()


def test_a_stored_version_is_immutable(admin_client, acme):
    factories.make_definition(acme)
    data = publication(acme, version="1", schema=json.dumps(OTHER_SCHEMA))

    assert "version" in errors(admin_client.post(ADD, data))


def test_the_next_version_starts_from_this_one(admin_client, acme):
    definition = factories.make_definition(acme)
    url = reverse("admin:actions_actiondefinition_publish_next", args=[definition.pk])
    page = admin_client.get(url, follow=True)

    initial = page.context["adminform"].form.initial
    assert (initial["org"], initial["variant"]) == (acme.pk, "count")
    assert json.loads(initial["schema"]) == factories.SCHEMA


@pytest.mark.parametrize("asked", ["4711", "x", "9" * 30])
def test_a_start_that_is_not_there_is_passed_over(admin_client, db, asked):
    assert admin_client.get(ADD, {"from": asked}).status_code == 200


def test_a_change_replaces_aliases_and_description(admin_client, acme):
    definition = factories.make_definition(acme, alias=["old"])
    data = change(alias='["new"]', description="Counts.", variant="other", schema="{}")
    admin_client.post(change_url(definition), data)

    definition.refresh_from_db()
    assert [name.name for name in definition.names.all()] == ["new"]
    assert (definition.variant, definition.description) == ("count", "Counts.")
    assert definition.read_schema() == factories.SCHEMA


def test_a_taken_alias_is_marked_and_nothing_is_changed(admin_client, acme):
    factories.make_definition(acme, variant="mine", alias=["taken"])
    definition = factories.make_definition(acme)
    data = change(alias='["free", "taken"]', description="new")
    response = admin_client.post(change_url(definition), data)

    form = response.context["adminform"].form
    definition.refresh_from_db()
    assert form.fields["alias"].widget.error_map.keys() == {"1"}
    assert definition.description == ""


def test_links_are_made_moved_and_undone(admin_client, acme):
    first = factories.make_destination(acme, label="first")
    second = factories.make_destination(acme, label="second")
    definition = factories.make_definition(acme, to=first)
    kept = {"id": definition.links.get().pk, "destination": first.pk, "is_default": "on"}
    url = change_url(definition)

    admin_client.post(url, change([kept, {"destination": second.pk, "is_default": "on"}], 1))
    assert routes(definition) == {("first", False), ("second", True)}

    links = definition.links.order_by("id")
    rows = [{"id": link.pk, "destination": link.destination_id} for link in links]
    rows[1] |= {"is_default": "on", "DELETE": "on"}
    admin_client.post(url, change(rows, 2))
    assert routes(definition) == {("first", False)}


def test_two_new_defaults_are_refused(admin_client, acme):
    rows = [
        {"destination": factories.make_destination(acme).pk, "is_default": "on"} for _ in range(2)
    ]
    definition = factories.make_definition(acme)
    response = admin_client.post(change_url(definition), change(rows))

    assert "Only one destination" in response.content.decode()
    assert not definition.links.exists()


def test_another_organizations_destination_cannot_be_linked(admin_client, acme, globex):
    theirs = factories.make_destination(globex)
    definition = factories.make_definition(acme)
    response = admin_client.post(change_url(definition), change([{"destination": theirs.pk}]))

    assert response.status_code == 200
    assert not definition.links.exists()


def test_a_destination_that_has_just_gone_is_told(admin_client, acme, monkeypatch):
    destination = factories.make_destination(acme)
    definition = factories.make_definition(acme)

    def refuse(**kwargs):
        raise NotFoundError("It has gone.")

    monkeypatch.setattr(services, "link_destination", refuse)
    data = change([{"destination": destination.pk}], description="new")
    response = admin_client.post(change_url(definition), data)

    definition.refresh_from_db()
    assert "It has gone." in response.content.decode()
    assert definition.description == ""


def test_deleting_withdraws_the_version(admin_client, acme):
    definition = factories.make_definition(acme, alias=["n"])
    url = reverse("admin:actions_actiondefinition_delete", args=[definition.pk])
    admin_client.post(url)

    definition.refresh_from_db()
    page = admin_client.get(change_url(definition)).content.decode()
    assert definition.deleted_at is not None
    assert not DefinitionName.objects.exists()
    assert "_save" not in page
    assert "additionalProperties" in page


def test_the_list_takes_the_same_queries_for_any_number(
    admin_client, acme, django_assert_num_queries
):
    url = reverse("admin:actions_actiondefinition_changelist")
    for n in range(3):
        to = factories.make_destination(acme)
        factories.make_definition(acme, variant=f"v{n}", alias=[f"a{n}"], to=to)
    with django_assert_num_queries(8) as few:
        admin_client.get(url)
    factories.make_definition(acme, variant="v9", alias=["a9"], to=to)

    with django_assert_num_queries(len(few)):
        admin_client.get(url)


def test_what_breaks_the_policy_is_shown_with_a_payload_that_shows_it(
    admin_client, acme, monkeypatch
):
    factories.make_definition(acme, compatibility="backward")
    finding = Finding(
        "required_added", Kind.BREAKS, "More.", "", "/required", "old", "new", {"n": "9" * 999}
    )
    report = Report(Verdict.INCOMPATIBLE, (finding,))
    monkeypatch.setattr(compatibility, "compare_apart", lambda *_, **__: report)

    page = admin_client.post(ADD, publication(acme, schema=json.dumps(OTHER_SCHEMA)))

    (said,) = errors(page)["schema"]
    assert said.startswith('v1: More. {"n":"999')
    assert said.endswith(
        "… is taken by the older contract and refused by the newer one. (at /schema/required)"
    )
    assert ActionDefinition.objects.count() == 1


def test_what_cannot_be_told_is_published_where_that_is_ticked(admin_client, acme, monkeypatch):
    factories.make_definition(acme, compatibility="full")
    report = Report(Verdict.INDETERMINATE)
    monkeypatch.setattr(compatibility, "compare_apart", lambda *_, **__: report)
    data = publication(acme, schema=json.dumps(OTHER_SCHEMA))

    assert policies.UNTOLD in errors(admin_client.post(ADD, data))["schema"][0]
    assert admin_client.post(ADD, data | {"allow_indeterminate": "on"}).status_code == 302
    # Not chosen, the policy is as it was.
    assert ActionDefinition.objects.get(version=2).compatibility == "full"


def test_a_version_is_deprecated_there_and_the_policy_chosen(admin_client, acme):
    definition = factories.make_definition(acme)
    fields = {
        "compatibility": "forward",
        "open_content": "lenient",
        "deprecated_at_0": "2026-03-01",
        "deprecated_at_1": "12:00:00",
        "sunset_at_0": "2026-02-01",
        "sunset_at_1": "12:00:00",
    }
    refused = admin_client.post(change_url(definition), change(**fields))
    assert "not before" in errors(refused)["sunset_at"][0]

    answer = admin_client.post(
        change_url(definition), change(**fields | {"sunset_at_0": "2026-04-01"})
    )

    assert answer.status_code == 302
    definition.refresh_from_db()
    assert (definition.compatibility, definition.open_content) == ("forward", "lenient")
    assert definition.deprecated_at < definition.sunset_at
    assert "deprecated" in admin_client.get(LIST).content.decode()


def test_the_page_says_who_still_sends_it(admin_client, acme):
    definition = factories.make_definition(acme)
    assert "Nobody." in admin_client.get(change_url(definition)).content.decode()
    factories.make_sender(definition, "key 42", last_at="2026-03-01T12:30:00Z")

    for deleted in (False, True):
        if deleted:
            services.delete_definition(definition=definition)
        page = admin_client.get(change_url(definition)).content.decode()
        assert "key 42: last 2026-03-01 12:30 UTC, first" in page


def test_who_may_approve_publishes_under_a_name_that_needed_it(admin_client, acme):
    gone = factories.make_definition(acme, "pay", requires_approval=True)
    services.delete_definition(definition=gone)
    assert admin_client.post(ADD, publication(acme, alias='["pay"]')).status_code == 302
    assert ActionDefinition.objects.live().get().names.get().name == "pay"
