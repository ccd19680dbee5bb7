"""An export is all there is, and importing it changes nothing."""

from __future__ import annotations

import pytest

from actions import services as actions
from bundles import exports, plans, reading, services
from tests import factories


@pytest.fixture
def furnished(acme):
    """Definitions of several versions, aliases and links, and destinations of several types."""
    credential = factories.make_credential(acme, label="hook key")
    key = factories.make_signing_key(acme, label="signer")
    hook = factories.make_destination(
        acme, label="hook", credential_id=credential.pk, signing_key_id=key.pk, tags={"a": "b"}
    )
    sdk = factories.make_destination(acme, "sdk", label="workers")
    first = factories.make_definition(acme, "count", hook, alias=["c.one"], description="Counts.")
    actions.link_destination(definition=first, destination_id=sdk.pk)
    factories.make_definition(acme, "count", schema={"type": "object"}, alias=["c.two"])
    gone = factories.make_definition(acme, "count", schema={"type": "array"})
    actions.delete_definition(definition=gone)
    factories.make_definition(acme, "hold back", schema=True, requires_approval=True)
    return acme


def move(org, globex):
    """What globex must have beforehand: what a bundle only names."""
    factories.make_credential(globex, label="hook key")
    factories.make_signing_key(globex, label="signer")


def test_importing_an_export_changes_nothing(furnished):
    plan = plans.plan(org=furnished, document=exports.export(furnished), prune=True)
    assert not plan.changes
    assert plan.count("keep") == 5


def test_an_export_into_an_empty_organization_is_exported_again(furnished, globex):
    move(furnished, globex)
    exported = exports.export(furnished)
    services.apply(plan=plans.plan(org=globex, document=exported))
    assert exports.export(globex) == exported


@pytest.mark.parametrize("format", ["yaml", "json"])
def test_its_text_reads_back_as_the_document(furnished, format):
    text = "".join(exports.write(furnished, format))
    assert reading.parse("x." + format, text.encode()).value == exports.export(furnished)


@pytest.mark.parametrize("format", ["yaml", "json"])
def test_an_empty_organization_is_a_document_too(acme, format):
    text = "".join(exports.write(acme, format))
    assert reading.parse("x." + format, text.encode()).value == exports.export(acme)
    assert exports.export(acme)["actions"] == []
