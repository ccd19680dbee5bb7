"""Tools in the admin."""

from __future__ import annotations

import pytest
from django.urls import reverse

from agents.models import KeyTools, Tool
from tests import factories


def url(model, page, *arguments):
    return reverse(f"admin:agents_{model}_{page}", args=arguments)


def fields(org, **more):
    return {"org": org.pk, "variant": "count", "name": "", "title": "", "description": ""} | more


@pytest.mark.django_db
def test_a_variant_is_marked_changed_and_removed(admin_client, acme, definition):
    added = admin_client.post(url("tool", "add"), fields(acme, enabled="on", read_only="on"))
    tool = Tool.objects.get()

    assert added.status_code == 302
    assert (tool.name, tool.enabled, tool.read_only, tool.destructive) == (
        "count",
        True,
        True,
        False,
    )
    changed = fields(acme, name="count_up", title="Count up", enabled="on")
    assert admin_client.post(url("tool", "change", tool.pk), changed).status_code == 302
    tool.refresh_from_db()
    assert (tool.name, tool.title, tool.read_only) == ("count_up", "Count up", False)
    assert admin_client.post(url("tool", "delete", tool.pk), {"post": "yes"}).status_code == 302
    assert not Tool.objects.exists()


def test_a_new_mark_starts_as_it_would_be_unsaid(admin_client, acme):
    form = admin_client.get(url("tool", "add")).context["adminform"].form

    assert form["enabled"].value() is True
    assert form["destructive"].value() is True
    assert form["read_only"].value() is False


def test_what_the_service_refuses_stands_at_its_field(admin_client, acme, definition):
    page = admin_client.post(url("tool", "add"), fields(acme, name="get_action"))

    assert "name" in page.context["adminform"].form.errors
    page = admin_client.post(url("tool", "add"), fields(acme, variant="nobody"))
    assert "variant" in page.context["adminform"].form.errors


def test_the_list_says_why_agents_do_not_see_a_tool(admin_client, acme, definition):
    tool = factories.make_tool(acme)
    assert "offered" in admin_client.get(url("tool", "changelist")).content.decode()

    factories.make_definition(acme, schema={"type": "array"})
    page = admin_client.get(url("tool", "changelist")).content.decode()
    assert "takes no object" in page

    Tool.objects.filter(pk=tool.pk).update(enabled=False)
    assert "takes no object" not in admin_client.get(url("tool", "changelist")).content.decode()


def test_the_list_takes_the_same_queries_for_any_number(
    admin_client, acme, definition, django_assert_num_queries
):
    factories.make_tool(acme)
    # The session, the person, two counts, the tools, and what is wrong with all of them.
    with django_assert_num_queries(7):
        assert "offered" in admin_client.get(url("tool", "changelist")).content.decode()
    for variant in ("b", "c", "d"):
        factories.make_definition(acme, variant)
        factories.make_tool(acme, variant)

    with django_assert_num_queries(7):
        page = admin_client.get(url("tool", "changelist")).content.decode()
    assert page.count("offered") == 4


def test_a_keys_tools_are_chosen_changed_and_let_go(admin_client, acme):
    factories.make_key(acme)
    key = acme.keys.get()

    sent = {"key": key.pk, "variants": '["count"]'}
    assert admin_client.post(url("keytools", "add"), sent).status_code == 302
    assert KeyTools.objects.get().variants == ["count"]
    assert "count" in admin_client.get(url("keytools", "changelist")).content.decode()

    changed = admin_client.post(url("keytools", "change", key.pk), {"variants": "[]"})
    assert changed.status_code == 302
    assert KeyTools.objects.get().variants == []
    assert admin_client.post(url("keytools", "delete", key.pk), {"post": "yes"}).status_code == 302
    assert not KeyTools.objects.exists()
