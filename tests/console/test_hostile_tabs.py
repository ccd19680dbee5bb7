"""Two tabs, and a switch of the organization in one of them: the other one changes nothing else."""

from __future__ import annotations

import json
import time

import pytest
from django.test import Client
from django.urls import reverse

from actions import browsing
from actions.models import ActionDefinition
from orgs.models import ApiKey, Membership
from orgs.viewers import LOOKED_AT
from tests.factories import SCHEMA, make_definition, make_member

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(acme, globex):
    """Of somebody of both organizations, who looks at acme."""
    user = make_member(acme, "editor").user
    Membership.objects.create(org=globex, user=user, permissions=["editor"])
    client = Client()
    client.force_login(user)
    look_at(client, acme)
    return client


def look_at(client, org):
    assert client.post(reverse("console:switch_org"), {"org": org.pk}).status_code == 302


@pytest.mark.parametrize("page", ["review_definition", "publish_definition"])
def test_a_definition_written_for_one_organization_is_published_in_no_other(
    client, acme, globex, page
):
    form = client.get(reverse("console:new_definition"))
    assert f'name="org" value="{acme.pk}"' in form.text
    wanted = {"org": acme.pk, "variant": "orders", "text": json.dumps(SCHEMA)}

    look_at(client, globex)
    assert client.post(reverse(f"console:{page}"), wanted).status_code == 404
    assert not ActionDefinition.objects.exists()

    look_at(client, acme)
    assert client.post(reverse("console:publish_definition"), wanted).status_code == 302
    assert ActionDefinition.objects.get().org == acme


def test_the_next_version_of_one_organization_is_published_in_no_other(client, acme, globex):
    ours = make_definition(acme, "orders")
    make_definition(globex, "orders")
    form = client.get(reverse("console:next_definition", args=[ours.pk]))
    assert f'name="org" value="{acme.pk}"' in form.text
    wanted = {"org": acme.pk, "variant": "orders", "text": "true"}

    look_at(client, globex)

    assert client.post(reverse("console:publish_definition"), wanted).status_code == 404
    assert ActionDefinition.objects.count() == 2


def test_a_key_that_was_asked_for_in_one_organization_is_made_in_no_other(client, acme, globex):
    Membership.objects.filter(org__in=[acme, globex]).update(permissions=["admin"])
    add = reverse("admin:orgs_apikey_add")
    page = client.get(add).text
    assert f'name="looked_at" value="{acme.pk}"' in page
    asked = {"description": "mine", "looked_at": acme.pk, "variants": ""}
    before = ApiKey.objects.count()

    look_at(client, globex)
    answer = client.post(add, asked)
    assert "You are looking at Globex now" in answer.text
    assert ApiKey.objects.count() == before

    look_at(client, acme)
    assert "shown" in client.post(add, asked).text
    assert ApiKey.objects.latest("id").org == acme


def test_a_page_that_takes_long_does_not_undo_a_switch_in_another_tab(
    client, acme, globex, monkeypatch
):
    # It is time to note that the login is in use.
    session = client.session
    session["login.seen"] = time.time() - 3_600
    session.save()
    list_names = browsing.list_names

    def switch_meanwhile(**asked):
        look_at(client, globex)
        return list_names(**asked)

    monkeypatch.setattr(browsing, "list_names", switch_meanwhile)
    client.get(reverse("console:definitions"))

    assert client.session[LOOKED_AT] == globex.pk
    assert time.time() - client.session["login.seen"] < 60
