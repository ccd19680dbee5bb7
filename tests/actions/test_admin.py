"""Definitions in the admin: what asks for them there is led to their pages in the console."""

from __future__ import annotations

import pytest
from django.urls import reverse

from tests import factories


def url(page, *args):
    return reverse(f"admin:actions_actiondefinition_{page}", args=args)


@pytest.mark.parametrize("page", ["change", "delete", "history"])
def test_what_asks_for_a_version_is_led_to_its_page(admin_client, acme, page):
    made = factories.make_definition(acme)

    assert admin_client.get(url(page, made.pk)).url == f"/admin/definitions/{made.pk}/"


def test_what_asks_for_all_is_led_to_the_list(admin_client):
    assert admin_client.get(url("changelist")).url == "/admin/definitions/"
    assert admin_client.get(url("changelist"), {"q": "a b"}).url == "/admin/definitions/?q=a+b"


def test_a_new_one_is_written_in_the_console(admin_client):
    assert admin_client.get(url("add")).url == "/admin/definitions/new/"


def test_what_is_no_id_is_not_there(admin_client):
    assert admin_client.get(url("change", "x")).status_code == 404
