"""Definitions in the console: the list, a version, two side by side, and writing the next."""

from __future__ import annotations

import orjson
import pytest
from django.urls import reverse

from actions import services
from actions.models import ActionDefinition
from tests.factories import SCHEMA, make_definition, make_destination, make_member, make_record, make_sender

pytestmark = pytest.mark.django_db
LIST = "/admin/definitions/"
WIDER = {**SCHEMA, "properties": {**SCHEMA["properties"], "note": {"type": "string"}}}


@pytest.fixture
def member(client, acme):
    """Signs in somebody of acme who has these permissions."""

    def sign_in(*permissions):
        client.force_login(make_member(acme, *permissions).user)
        return client

    return sign_in


def read(client, url, **query):
    answer = client.get(url, query)
    assert answer.status_code == 200, answer.content[:500]
    return answer.content.decode()


def page_of(definition, *more):
    return "/".join([f"/admin/definitions/{definition.pk}", *more, ""])


def test_the_list_tells_of_each_variant_once(member, acme):
    make_definition(acme, "orders.created", alias=["orders"])
    newest = make_definition(acme, "orders.created", to=make_destination(acme), schema=WIDER)
    make_sender(newest)

    page = read(member("viewer"), LIST)

    assert page.count("orders.created</a>") == 1
    assert "v2" in page
    assert "webhook 0" in page
    assert page_of(newest) in page
