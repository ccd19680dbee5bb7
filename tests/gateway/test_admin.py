"""Gateway actions, and the signing keys that sign for them, in the admin."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from destinations.models import Destination
from dispatch import services
from gateway.models import GatewayAction
from orgs.models import SigningKey
from tests import factories
from tests.gateway.conftest import KEY

LIST = reverse("admin:gateway_gatewayaction_changelist")
HTMX = {"_form_submitted": "True"}


def page(client, row):
    return client.get(reverse("admin:gateway_gatewayaction_change", args=[row.pk]))


def test_an_action_leads_to_its_definition_and_its_destination(admin_client, action, hook):
    row = GatewayAction.objects.get()
    destination = Destination.objects.get()
    definition = reverse(
        "admin:actions_actiondefinition_change", args=[destination.links.get().definition_id]
    )
    place = reverse("admin:destinations_destination_change", args=[destination.pk])

    for shown in (admin_client.get(LIST), page(admin_client, row)):
        text = shown.content.decode()
        assert f'href="{definition}"' in text
        assert "send_note v1" in text
        assert f'href="{place}"' in text
        assert "live" in text
    assert hook.url in text


def test_it_is_a_window(admin_client, action):
    row = GatewayAction.objects.get()

    assert admin_client.get(reverse("admin:gateway_gatewayaction_add")).status_code == 403
    assert 'name="_save"' not in page(admin_client, row).content.decode()
    url = reverse("admin:gateway_gatewayaction_delete", args=[row.pk])
    assert admin_client.post(url, {"post": "yes"}).status_code == 403


def test_what_was_taken_apart_or_deleted_says_so(admin_client, gateway, action, hook):
    gateway.made(hook.url, "another")
    destination = Destination.objects.get(label="gateway send_note")
    services.delete_destination(destination=destination, force=True, actor="tests")
    gateway.call("DELETE", "/actions/another")

    assert "taken apart" in admin_client.get(LIST).content.decode()
    assert "deleted" in admin_client.get(LIST + "?state=all").content.decode()


def test_the_list_takes_the_same_queries_for_any_number(admin_client, gateway, hook):
    counts = []
    for names in ("a", "bcdef"):
        for name in names:
            gateway.made(hook.url, name)
        with CaptureQueriesContext(connection) as queries:
            admin_client.get(LIST)
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_a_destination_shows_its_protocol_which_no_form_sets(admin_client, action, acme):
    destination = Destination.objects.get()
    url = reverse("admin:destinations_destination_change", args=[destination.pk])

    shown = admin_client.get(url)

    assert "gateway" in shown.content.decode()
    assert "protocol" not in shown.context["adminform"].form.fields
    listed = admin_client.get(reverse("admin:destinations_destination_changelist"))
    assert ">gateway<" in listed.content.decode().replace("\n", "").replace("  ", "")


def test_a_button_lets_a_key_sign_for_the_gateway(admin_client, acme, signing_key):
    other = factories.make_signing_key(acme)
    url = reverse("admin:orgs_signingkey_sign_gateway", args=[other.pk])
    assert (
        "Sign for the gateway"
        in admin_client.get(
            reverse("admin:orgs_signingkey_change", args=[other.pk])
        ).content.decode()
    )

    answer = admin_client.post(url, HTMX)

    assert answer["HX-Redirect"].endswith(f"/{other.pk}/change/")
    other.refresh_from_db()
    assert other.signs_gateway_from is not None
    assert "signs what goes to gateway" in admin_client.get(answer["HX-Redirect"]).content.decode()


@pytest.mark.usefixtures("action")
def test_the_key_that_signs_is_not_deleted(admin_client, signing_key):
    url = reverse("admin:orgs_signingkey_delete", args=[signing_key.pk])

    shown = admin_client.post(url, {"post": "yes"})

    assert "Let another key sign first" in shown.content.decode()
    assert SigningKey.objects.live().filter(pk=signing_key.pk).exists()
    assert KEY not in shown.content.decode()
