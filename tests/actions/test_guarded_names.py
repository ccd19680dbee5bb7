"""Names that led to what needs approval, over the API of definitions."""

from __future__ import annotations

import pytest

from actions.models import ActionDefinition
from tests import factories
from tests.client import ApiClient, codes

DEFINITIONS = "~/actions/definitions"
REFUSED = [("FORBIDDEN", "/alias/1")]


@pytest.fixture
def editor(acme):
    """Somebody who may change definitions, and not approve."""
    return ApiClient(acme, factories.make_key(acme, member=factories.make_member(acme, "editor")))


@pytest.fixture(autouse=True)
def guarded(acme, editor):
    """A variant that needed approval, and was deleted by an editor."""
    made = factories.make_definition(acme, "pay", requires_approval=True)
    editor.delete(f"{DEFINITIONS}/{made.pk}")


def body(**fields):
    return {"variant": "free", "schema": {}, "alias": ["other", "pay"], **fields}


def test_a_new_definition_takes_such_a_name_by_an_admin(api, editor):
    assert codes(editor.put(DEFINITIONS, body())) == REFUSED
    assert not ActionDefinition.objects.filter(variant="free").exists()
    assert api.put(DEFINITIONS, body()).status_code == 200


def test_a_definition_takes_such_a_name_by_an_admin(acme, api, editor):
    made = factories.make_definition(acme, "free")
    at, aliases = f"{DEFINITIONS}/{made.pk}", {"alias": ["other", "pay"]}
    assert codes(editor.post(at, aliases)) == REFUSED
    assert api.post(at, aliases).status_code == 200
    # It leads there already.
    assert editor.post(at, {"alias": ["pay"]}).status_code == 200


def test_what_needs_approval_itself_may_have_the_name(editor):
    assert editor.put(DEFINITIONS, body(requires_approval=True)).status_code == 200
